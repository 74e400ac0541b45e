/**
 * A rank that is slower than the others, for long. Ranks that wait for each other in every step all take as long as the slowest one, so there
 * are three signs, and each compares a rank with what is usual among all:
 *
 * - the rate that it states of its own work (tokens or samples a second) is lower;
 * - its steps take longer, and it stands behind, where ranks do not wait for each other;
 * - it tells each step later than the others do, always by about as much, and by less than some steps: more is a clock that is wrong.
 */
import type { FactBase } from '../../core/fact.ts';
import type { AttemptRecord } from './attempt-record.ts';
import type { Cause } from './cause.ts';
import { median, quantile } from './robust.ts';
import { stepsOf } from './stream-watch.ts';
import type { StreamWatch } from './stream-watch.ts';
import type { Timeline } from './timeline.ts';
import { causeOfFact } from './warning.ts';
import { durationText } from './words.ts';

const samplesMin = 24;
const stepsComparedMax = 32;
const ranksMin = 3;
const ranksMax = 4_096;
const slowerFactor = 1.25;
/** The others differ among themselves by less than so much of what the straggler differs by. */
const othersShareMax = 0.4;
const lateMinMs = 250;
/** Clocks of different machines may be so far apart. */
const lateElsewhereMinMs = 1_000;
const lateStepsMax = 4;

interface Runner {
  rank: number;
  stream: StreamWatch;
  line: Timeline;
}

interface Found {
  runner: Runner;
  fact: FactBase;
  text: string;
}

export function stragglersOf(record: AttemptRecord): Cause[] {
  const runners = runnersOf(record);
  if (runners.length < ranksMin) return [];
  const found = byRate(runners) ?? byDuration(runners) ?? byDelay(runners);
  if (found === null) return [];
  const { runner, fact, text } = found;
  return [{ ...causeOfFact(fact, 'straggler', text), rank: runner.rank, ranks: [runner.rank] }];
}

/** Of each rank the stream that says most of its steps. */
function runnersOf({ watched }: AttemptRecord): Runner[] {
  const runners = new Map<number, Runner>();
  for (const stream of watched.values()) {
    const { rank } = stream;
    const line = stepsOf(stream);
    if (rank === null || line === null || line.stepMs.length < samplesMin) continue;
    const known = runners.get(rank);
    if (known === undefined ? runners.size < ranksMax : line.ticks > known.line.ticks)
      runners.set(rank, { rank, stream, line });
  }
  return [...runners.values()].sort((a, b) => a.rank - b.rank);
}

function byRate(runners: readonly Runner[]): Found | null {
  const [one] = runners;
  for (const name of one?.stream.slowness.keys() ?? []) {
    if (name === '') continue;
    const values = runners.map(({ stream }) => stream.slowness.get(name)?.values ?? []);
    if (values.some(({ length }) => length < samplesMin)) continue;
    const slowest = slowestOf(values.map((each) => each.slice(-samplesMin)));
    const runner = slowest === null ? undefined : runners[slowest.at];
    if (slowest === null || runner === undefined) continue;
    const share = Math.round((slowest.others / slowest.own) * 100);
    const text = `rank ${runner.rank} is slower than the others: its ${name} is ${share} % of theirs, step after step`;
    return { runner, fact: runner.line.first, text };
  }
  return null;
}

function byDuration(runners: readonly Runner[]): Found | null {
  const slowest = slowestOf(runners.map(({ line }) => line.stepMs.slice(-2 * samplesMin)));
  const runner = slowest === null ? undefined : runners[slowest.at];
  if (slowest === null || runner === undefined) return null;
  const others = runners.filter((each) => each !== runner).map(({ line }) => line.lastStep);
  if (runner.line.lastStep >= Math.min(...others)) return null;
  const text = `rank ${runner.rank} is slower than the others: a step takes it ${durationText(slowest.own)}, them ${durationText(slowest.others)}; it is at step ${runner.line.lastStep}, they at ${median(others)}`;
  return { runner, fact: runner.line.first, text };
}

/** The list that is always above what is usual in the others, which are alike. */
function slowestOf(
  lists: readonly (readonly number[])[],
): { at: number; own: number; others: number } | null {
  const middles = lists.map(median);
  const own = Math.max(...middles);
  const at = middles.indexOf(own);
  const rest = middles.filter((_, i) => i !== at);
  const others = median(rest);
  const isFar = own > slowerFactor * others && Math.max(...rest) - others < othersShareMax * (own - others);
  return isFar && quantile(lists[at] ?? [], 0.2) > Math.max(...rest) ? { at, own, others } : null;
}

function byDelay(runners: readonly Runner[]): Found | null {
  if (runners.some(({ line }) => line.clock !== 'own')) return null;
  const times = runners.map(({ line }) => new Map(line.recent.map(({ step, time }) => [step, time])));
  const common = [...(times[0]?.keys() ?? [])]
    .filter((step) => times.every((each) => each.has(step)))
    .slice(-stepsComparedMax);
  if (common.length < samplesMin) return null;
  const usualTimes = common.map((step) => median(times.map((each) => each.get(step) ?? NaN)));
  const delays = times.map((each) =>
    common.map((step, i) => (each.get(step) ?? NaN) - (usualTimes[i] ?? NaN)),
  );
  const middles = delays.map(median);
  const late = Math.max(...middles);
  const at = middles.indexOf(late);
  const runner = runners[at];
  if (runner === undefined) return null;
  const usual = median(runner.line.stepMs);
  const isElsewhere = runners.some(({ stream }) => stream.host !== runner.stream.host);
  const min = Math.max(isElsewhere ? lateElsewhereMinMs : lateMinMs, (slowerFactor - 1) * usual);
  const rest = middles.filter((_, i) => i !== at);
  const isAlways = quantile(delays[at] ?? [], 0.1) > 0.5 * late;
  if (late < min || late > lateStepsMax * usual || !isAlways) return null;
  if (Math.max(...rest) > othersShareMax * late) return null;
  const text = `rank ${runner.rank} is the last to tell each step, ${durationText(late)} behind the others (a step takes ${durationText(usual)})`;
  return { runner, fact: runner.line.first, text };
}
