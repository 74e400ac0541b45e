/**
 * What went wrong in a run, from the facts of all its ranks and attempts: the same rules for files on a disk and for a run that is under
 * way. Its state is bounded, and a function of the facts: whoever takes the same facts again, in whatever order of the streams, gives the
 * same answer.
 */
import type { Fact } from '../../core/fact.ts';
import { normalized, AttemptRecord } from './attempt-record.ts';
import { evidenceMax, sortedRanks } from './cause.ts';
import type { Cause } from './cause.ts';
import { ledgerOf } from './goodput.ts';
import type { Ledger } from './goodput.ts';
import { verdictsOf } from './judge.ts';
import type { AttemptVerdict } from './judge.ts';

/** Over this, the oldest attempts but the first are forgotten. */
const attemptsMax = 32;

/** A cause, with the attempts that failed of it. */
export interface RunCause extends Cause {
  attempts: number[];
  /** It was started again since. */
  restarted: boolean;
}

/** When, and beside what, a run is looked at. */
export interface Moment {
  /** See judge.ts. Absent: there is no more than what is there. */
  now?: number | null;
  /** Facts of events that may yet grow: they count as they stand, and are not kept. */
  open?: readonly Fact[];
}

export class RunFailures {
  readonly #attempts = new Map<number, AttemptRecord>();

  take(facts: readonly Fact[]): void {
    for (const fact of facts) this.#of(fact.attempt).take(fact);
  }

  /** First cause first, warnings last; none of a run that is well. */
  causes(moment: Moment = {}): RunCause[] {
    const verdicts = this.verdicts(moment);
    const last = verdicts.at(-1)?.attempt ?? 0;
    const causes = new Map<string, RunCause>();
    for (const { attempt, causes: found } of verdicts)
      for (const cause of found) {
        const key = [cause.class, cause.rank, normalized(cause.message)].join('|');
        const known = causes.get(key);
        if (known === undefined)
          causes.set(key, { ...cause, attempts: [attempt], restarted: attempt < last || cause.startedAgain });
        else add(known, cause, attempt, last);
      }
    return [...causes.values()].sort((a, b) => weightOf(a) - weightOf(b));
  }

  /** Of each attempt that is remembered, the first one first. */
  verdicts({ now = null, open = [] }: Moment = {}): AttemptVerdict[] {
    return verdictsOf(this.#records(open), now);
  }

  /** Where the time of the run went; null where its texts do not tell. */
  ledger({ now = null, open = [] }: Moment = {}): Ledger | null {
    return ledgerOf(this.#records(open), now);
  }

  /** Observations that were not kept, because there were too many. */
  get dropped(): number {
    return [...this.#attempts.values()].reduce((sum, { dropped }) => sum + dropped, 0);
  }

  /** By attempt; those that the open events speak of as forks that have taken these. */
  #records(open: readonly Fact[]): AttemptRecord[] {
    const records = new Map(this.#attempts);
    for (const [attempt, facts] of Map.groupBy(open, (fact) => fact.attempt)) {
      const record = this.#attempts.get(attempt)?.fork() ?? new AttemptRecord(attempt);
      for (const fact of facts) record.take(fact);
      records.set(attempt, record);
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

function weightOf({ role }: Cause): number {
  return role === 'root' ? 0 : 1;
}

function add(known: RunCause, cause: Cause, attempt: number, last: number): void {
  known.attempts.push(attempt);
  known.restarted = attempt < last || cause.startedAgain;
  known.ranks = sortedRanks([...known.ranks, ...cause.ranks]);
  known.evidence = [...known.evidence, ...cause.evidence].slice(0, evidenceMax);
}
