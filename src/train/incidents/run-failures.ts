/**
 * What went wrong in a run, from the facts of all its ranks and attempts: the same rules for files on a disk and for a run that is under
 * way. Its state is bounded, and a function of the facts: whoever takes the same facts again, in whatever order of the streams, gives the
 * same answer.
 */
import type { Fact } from '../../core/fact.ts';
import { normalized, AttemptRecord } from './attempt-record.ts';
import { evidenceMax, sortedRanks } from './cause.ts';
import type { Cause } from './cause.ts';
import { causesOf } from './verdict.ts';

/** Over this, the oldest attempts but the first are forgotten. */
const attemptsMax = 32;

/** A cause, with the attempts that failed of it. */
export interface RunCause extends Cause {
  attempts: number[];
  /** A later attempt was started. */
  restarted: boolean;
}

/** What went wrong in one attempt, first cause first. */
export interface AttemptVerdict {
  attempt: number;
  causes: Cause[];
}

export class RunFailures {
  readonly #attempts = new Map<number, AttemptRecord>();

  take(facts: readonly Fact[]): void {
    for (const fact of facts) this.#of(fact.attempt).take(fact);
  }

  /** First cause first; none of a run that is well. */
  causes(): RunCause[] {
    const records = this.#records([]);
    const last = records.at(-1)?.attempt ?? 0;
    const causes = new Map<string, RunCause>();
    for (const record of records)
      for (const cause of causesOf(record)) {
        const key = [cause.class, cause.rank, normalized(cause.message)].join('|');
        const known = causes.get(key);
        if (known === undefined)
          causes.set(key, { ...cause, attempts: [record.attempt], restarted: record.attempt < last });
        else add(known, cause, record.attempt, last);
      }
    return [...causes.values()];
  }

  /**
   * Each attempt that is remembered by itself, the first one first. `now`: ms since epoch, up to when what the run has said is known. `open`:
   * facts of events that may yet grow; they count as they stand, and are not kept.
   */
  verdicts(_now: number | null, open: readonly Fact[] = []): AttemptVerdict[] {
    return this.#records(open).map((record) => ({ attempt: record.attempt, causes: causesOf(record) }));
  }

  /** Observations that were not kept, because there were too many. */
  get dropped(): number {
    return [...this.#attempts.values()].reduce((sum, { dropped }) => sum + dropped, 0);
  }

  /** By attempt; those that `open` speaks of are copies that have taken it. */
  #records(open: readonly Fact[]): AttemptRecord[] {
    const records = new Map(this.#attempts);
    const copied = new Set<number>();
    for (const fact of open) {
      const { attempt } = fact;
      const known = records.get(attempt);
      const record = known !== undefined && copied.has(attempt) ? known : known?.fork();
      const taking = record ?? new AttemptRecord(attempt);
      copied.add(attempt);
      records.set(attempt, taking);
      taking.take(fact);
    }
    return [...records.values()].sort((a, b) => a.attempt - b.attempt);
  }

  #of(attempt: number): AttemptRecord {
    const known = this.#attempts.get(attempt);
    if (known !== undefined) return known;
    const record = new AttemptRecord(attempt);
    this.#attempts.set(attempt, record);
    if (this.#attempts.size > attemptsMax) {
      const [, oldest] = [...this.#attempts.keys()].sort((a, b) => a - b);
      if (oldest !== undefined) this.#attempts.delete(oldest);
    }
    return record;
  }
}

function add(known: RunCause, cause: Cause, attempt: number, last: number): void {
  known.attempts.push(attempt);
  known.restarted = attempt < last;
  known.ranks = sortedRanks([...known.ranks, ...cause.ranks]);
  known.evidence = [...known.evidence, ...cause.evidence].slice(0, evidenceMax);
}
