/**
 * Attempts that append to one file: where the steps of a stream begin anew, its points are counted as those of a restart. A step that goes
 * back behind two that were told already has gone back; behind an exception, an exit or words of resuming one step suffices. What is no
 * restart:
 *
 * - steps that are counted anew in each epoch: the epoch that the line, or a line before, states has grown;
 * - several processes that print into one file without a name, each a little behind the other: they tell the same step again and again.
 *
 * Names are looked at each for itself, for they may count batches and epochs in one file, and ranks as well. The memory is bounded: names and
 * ranks past the bounds follow what the others say, or are of no restart.
 */
import type { LogEvent } from '../core/event.ts';
import type { FactBody, PointBody } from '../core/fact.ts';

/** Plain JSON. */
export interface RestartMemory {
  /** Ends of processes that the stream has told of, and words of resuming. */
  ends: number;
  /** By rank, `-` where it is unknown. */
  ranks: Record<string, RankMemory>;
}

interface RankMemory {
  restarts: number;
  /** Of `ends`, as it was at the last point. */
  ends: number;
  /** The epoch that was stated last, and as it was at the last point. */
  epoch?: number | undefined;
  pointEpoch?: number | undefined;
  /** Its steps begin anew with each epoch, and so say nothing of restarts. */
  isByEpoch?: boolean;
  /** How often a step was told that was the last one, or the one before, already. */
  repeats: number;
  /** By name: the last step, and the one before. */
  steps: Record<string, readonly [last: number, before?: number]>;
}

const ranksMax = 64;
const namesMax = 8;
const nameLengthMax = 128;
const repeatsMax = 3;
const lineMax = 1024;

const epochStatement = /\bepochs?\b[ \t]{0,4}[:=#[(]?[ \t]{0,12}(\d{1,9})/i;
const resuming = /\bresum(?:e|ed|es|ing)\b|\b(?:load|restor)(?:ed|ing)\b.{0,60}\bcheckpoint/i;

/** The memory as it is after the event; the points among the bodies are given their restart. `memory` is not changed. */
export function countRestarts(
  event: LogEvent,
  bodies: readonly FactBody[],
  observed: readonly FactBody[],
  memory: RestartMemory | undefined,
): RestartMemory | undefined {
  const points = bodies.filter((body) => body.kind === 'point' && body.step !== null) as SteppedPoint[];
  const line = event.kind === 'progress' ? '' : event.message;
  const epoch = epochOf(event, line);
  // Nothing has begun before the first point.
  const hasEnded = memory !== undefined && tellsOfEnd(event, line, points, observed);
  if (points.length === 0 && epoch === undefined && !hasEnded) return memory;
  const { ends, ranks } = memory ?? { ends: 0, ranks: {} };
  const key = String(event.rank ?? '-');
  const known = ranks[key];
  const after = { ends: hasEnded ? ends + 1 : ends, ranks };
  if (known === undefined && Object.keys(ranks).length >= ranksMax) return after;
  const rank = { ...(known ?? { restarts: 0, ends: after.ends, repeats: 0, steps: {} }) };
  if (epoch !== undefined) rank.epoch = epoch;
  if (points.length > 0) take(rank, points, after.ends);
  return { ...after, ranks: { ...ranks, [key]: rank } };
}

type SteppedPoint = PointBody & { step: number };

function take(rank: RankMemory, points: readonly SteppedPoint[], ends: number): void {
  const hasEnded = ends > rank.ends;
  const goesBack = points.some(({ name, step }) => isBack(rank, name, step, hasEnded));
  if (goesBack) {
    if (rank.epoch !== undefined && !(rank.epoch <= (rank.pointEpoch ?? -Infinity))) rank.isByEpoch = true;
    else if (rank.isByEpoch !== true) rank.restarts += 1;
    rank.steps = {};
  }
  rank.ends = ends;
  rank.pointEpoch = rank.epoch;
  const steps = { ...rank.steps };
  for (const { name, step } of points) {
    const held = isRemembered(name) ? steps[name] : undefined;
    if (held === undefined) {
      if (isRemembered(name) && Object.keys(steps).length < namesMax) steps[name] = [step];
    } else if (step > held[0]) steps[name] = [step, held[0]];
    else rank.repeats += 1;
  }
  rank.steps = steps;
  if (rank.restarts > 0) for (const point of points) point.restart = rank.restarts;
}

function isBack({ steps, repeats }: RankMemory, name: string, step: number, hasEnded: boolean): boolean {
  const [last = -Infinity, before = -Infinity] = (isRemembered(name) ? steps[name] : undefined) ?? [];
  return (step < before && repeats < repeatsMax) || (hasEnded && step <= last);
}

/** Names that every object has are none that it remembers. */
function isRemembered(name: string): boolean {
  return name.length <= nameLengthMax && !(name in Object.prototype);
}

function epochOf({ fields }: LogEvent, line: string): number | undefined {
  const stated = fields?.['epoch'];
  if (typeof stated === 'number') return stated;
  if (!line.includes('poch') && !line.includes('POCH')) return undefined;
  const found = epochStatement.exec(line.slice(0, lineMax))?.[1];
  return found === undefined ? undefined : Number(found);
}

function tellsOfEnd(
  { kind }: LogEvent,
  line: string,
  points: readonly SteppedPoint[],
  observed: readonly FactBody[],
): boolean {
  if (kind === 'traceback') return true;
  if (observed.some((body) => body.kind === 'observation' && body.details?.end !== undefined)) return true;
  if (points.length > 0 || !/esum|heckpoint|HECKPOINT/.test(line)) return false;
  return resuming.test(line.slice(0, lineMax));
}
