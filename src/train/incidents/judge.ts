/**
 * All that is to be said of a run at one moment: of each attempt its failures, first cause first, then its warnings; of the run as a whole how
 * often it was started. A warning never takes the place of a failure.
 */
import type { AttemptRecord, Kept } from './attempt-record.ts';
import type { Cause } from './cause.ts';
import { hangOf } from './hang.ts';
import { restartStorm } from './restart-storm.ts';
import { stragglersOf } from './straggler.ts';
import { causesOf, liveOf } from './verdict.ts';
import { jumpsOf, slowdownOf } from './warnings.ts';

/** Of one attempt, first cause first. */
export interface AttemptVerdict {
  attempt: number;
  causes: Cause[];
}

/**
 * `records`: by attempt, the first one first. `now`: ms since epoch, up to when everything that the run has written is known, of a run that
 * may be under way; null: there is no more than what is there, as with files.
 */
export function verdictsOf(records: readonly AttemptRecord[], now: number | null): AttemptVerdict[] {
  const latest = records.at(-1);
  const verdicts = records.map((record) => ({
    attempt: record.attempt,
    causes: causesIn(record, record === latest ? now : null),
  }));
  const storm = restartStorm(records, now);
  const last = verdicts.at(-1);
  if (storm !== null && last !== undefined) last.causes.push(storm);
  return verdicts;
}

function causesIn(record: AttemptRecord, now: number | null): Cause[] {
  const live: Kept[] = liveOf(record);
  const hang = hangOf(record, live, now);
  return [
    ...causesOf(record, live),
    ...(hang === null ? [] : [hang]),
    ...stragglersOf(record),
    ...jumpsOf(record),
    ...slowdownOf(record),
  ];
}
