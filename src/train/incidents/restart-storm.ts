/** A run that is started again and again: so many attempts within a window, by the times that their files tell. */
import type { FactBase } from '../../core/fact.ts';
import type { AttemptRecord } from './attempt-record.ts';
import type { Cause } from './cause.ts';
import { stepsOf } from './stream-watch.ts';
import { timeBy } from './timeline.ts';
import type { Clock } from './timeline.ts';
import { causeOfFact } from './warning.ts';
import { durationText } from './words.ts';

const windowMs = 3_600_000;
const attemptsMin = 4;

/**
 * `records`: by attempt; `now` as in judge.ts. At most one storm is told, the largest. Of a run under way one that is over is none, and
 * what the texts do not date the reader does.
 */
export function restartStorm(records: readonly AttemptRecord[], now: number | null): Cause | null {
  const isDated = records.every(({ started }) => started.own !== null);
  if (!isDated && now === null) return null;
  const starts = records.flatMap((record) => startOf(record, isDated ? 'own' : 'observed'));
  let storm: Start[] = [];
  for (let from = 0; from < starts.length; from += 1) {
    const first = starts[from];
    if (first === undefined) break;
    const within = starts
      .slice(from)
      .filter(({ time }) => time >= first.time && time - first.time <= windowMs);
    if (within.length >= attemptsMin && within.length >= storm.length) storm = within;
  }
  const [first] = storm;
  const last = storm.at(-1);
  if (first === undefined || last === undefined) return null;
  if (now !== null && now - last.time > windowMs) return null;
  const reached = Math.max(...storm.map(({ step }) => step));
  const far = reached < 0 ? 'none made a step' : `none came further than step ${reached}`;
  const text = `started ${storm.length} times within ${durationText(last.time - first.time)}: ${far}`;
  return { ...causeOfFact(first.fact, 'restart-storm', text), rank: null, ranks: [], attempt: last.attempt };
}

interface Start {
  attempt: number;
  time: number;
  step: number;
  fact: FactBase;
}

function startOf({ attempt, started, watched }: AttemptRecord, clock: Clock): Start[] {
  const fact = started[clock];
  if (fact === null) return [];
  const steps = [...watched.values()].map((stream) => stepsOf(stream)?.lastStep ?? -1);
  return [{ attempt, time: timeBy(clock, fact), step: Math.max(-1, ...steps), fact }];
}
