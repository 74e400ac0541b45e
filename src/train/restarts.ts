/**
 * Attempts that append to one file: where the steps of a stream begin anew, its points are counted as those of a restart. A step that goes
 * back behind two that were told already has gone back; behind an exception, an exit or words of resuming one step suffices. What is no
 * restart:
 *
 * - steps that are counted anew in each epoch: the epoch that the line, or a line before, states has grown;
 * - steps that come in any order, as trials of a search do: their reader has said that they are of no restart;
 * - several processes that print into one file without a name, each a little behind the other: they tell the same step again and again.
 *
 * Names are looked at each for itself, for they may count batches and epochs in one file, and ranks as well. The memory is bounded: names and
 * ranks past the bounds follow what the others say, or are of no restart.
 */
import type { LogEvent } from '../core/event.ts';
import type { FactBody, PointBody } from '../core/fact.ts';
import type { LineTraits } from './line-traits.ts';
import { countAt, placeOf } from './stated.ts';
import type { Place } from './stated.ts';

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
  steps: Record<string, [last: number, before?: number]>;
}

const ranksMax = 64;
const namesMax = 8;
const nameLengthMax = 128;
const repeatsMax = 3;
const lineMax = 1024;

const epochStatement = /\bepochs?\b[ \t]{0,4}[:=#[(]?[ \t]{0,12}(\d{1,9})/di;
const resuming = /\bresum(?:e|ed|es|ing)\b|\b(?:load|restor)(?:ed|ing)\b.{0,60}\bcheckpoint/i;

/** The memory as it is after the event; the points among the bodies are given their restart. `memory` is changed. */
export function countRestarts(
  event: LogEvent,
  traits: LineTraits | null,
  bodies: readonly FactBody[],
  observed: readonly FactBody[],
  memory: RestartMemory | undefined,
): RestartMemory | undefined {
  const points = bodies.filter(isStepped);
  const epoch = epochOf(event, traits);
  // Nothing has begun before the first point.
  const hasEnded = memory !== undefined && tellsOfEnd(event, traits, points, observed);
  if (points.length === 0 && epoch === undefined && !hasEnded) return memory;
  const after = memory ?? { ends: 0, ranks: {} };
  if (hasEnded) after.ends += 1;
  const rank = rankIn(after, event.rank);
  if (rank === null) return after;
  if (epoch !== undefined) noteEpoch(after, rank, event.rank, epoch);
  if (points.length > 0) take(rank, points, after.ends);
  return after;
}

export function copyRestarts({ ends, ranks }: RestartMemory): RestartMemory {
  const copies: RestartMemory['ranks'] = {};
  for (const key in ranks) {
    const rank = ranks[key];
    if (rank === undefined) continue;
    const steps: RankMemory['steps'] = {};
    for (const name in rank.steps) {
      const [last = 0, before] = rank.steps[name] ?? [];
      steps[name] = before === undefined ? [last] : [last, before];
    }
    copies[key] = { ...rank, steps };
  }
  return { ends, ranks: copies };
}

/** Null: there is no room for another one. */
function rankIn({ ends, ranks }: RestartMemory, rank: number | null): RankMemory | null {
  const key = rank ?? '-';
  const known = ranks[key];
  if (known !== undefined) return known;
  if (Object.keys(ranks).length >= ranksMax) return null;
  return (ranks[key] = { restarts: 0, ends, repeats: 0, steps: {} });
}

/** What a line without a name says of the epoch may be meant for those that have one. */
function noteEpoch({ ranks }: RestartMemory, rank: RankMemory, name: number | null, epoch: number): void {
  rank.epoch = epoch;
  if (name === null) for (const each of Object.values(ranks)) each.epoch = epoch;
}

type SteppedPoint = PointBody & { step: number };

function isStepped(body: FactBody): body is SteppedPoint {
  return body.kind === 'point' && body.step !== null && body.restart === undefined;
}

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
  const { steps } = rank;
  for (const { name, step } of points) {
    const held = heldOf(steps, name);
    if (held === undefined) {
      if (isRemembered(name) && Object.keys(steps).length < namesMax) steps[name] = [step];
    } else if (step > held[0]) {
      held[1] = held[0];
      held[0] = step;
    } else rank.repeats += 1;
  }
  if (rank.restarts > 0) for (const point of points) point.restart = rank.restarts;
}

function isBack({ steps, repeats }: RankMemory, name: string, step: number, hasEnded: boolean): boolean {
  const [last = -Infinity, before = -Infinity] = heldOf(steps, name) ?? [];
  return (step < before && repeats < repeatsMax) || (hasEnded && step <= last);
}

/** What every object has under a name is none of it. */
function heldOf(steps: RankMemory['steps'], name: string): [last: number, before?: number] | undefined {
  const held = steps[name];
  return Array.isArray(held) ? held : undefined;
}

/** Names that every object has are none that it remembers. */
function isRemembered(name: string): boolean {
  return name.length <= nameLengthMax && !(name in Object.prototype);
}

function epochOf(event: LogEvent, traits: LineTraits | null): number | undefined {
  const stated = event.fields?.['epoch'];
  if (typeof stated === 'number') return stated;
  if (event.kind === 'progress') return undefined;
  const place = traits === null ? epochIn(event.message) : traits.epoch;
  return place === null ? undefined : countAt(event.message, place);
}

/** Where a text states an epoch. */
export function epochIn(text: string): Place | null {
  if (!namesEpoch(text)) return null;
  const found = epochStatement.exec(text.slice(0, lineMax));
  return found === null ? null : placeOf(found, 1);
}

export function namesEpoch(text: string): boolean {
  return text.includes('poch') || text.includes('POCH');
}

function tellsOfEnd(
  { kind, message }: LogEvent,
  traits: LineTraits | null,
  points: readonly SteppedPoint[],
  observed: readonly FactBody[],
): boolean {
  if (kind === 'traceback') return true;
  if (observed.some((body) => body.kind === 'observation' && body.details?.end !== undefined)) return true;
  if (points.length > 0 || kind === 'progress') return false;
  return traits === null ? tellsOfResuming(message) : traits.resumes;
}

export function tellsOfResuming(text: string): boolean {
  return /esum|heckpoint|HECKPOINT/.test(text) && resuming.test(text.slice(0, lineMax));
}
