import type { Clock } from '../core/clock.ts';
import type { Fact } from '../core/fact.ts';

interface RunEnd {
  attempt: number;
  /** Wall ms, as the fact says it; and monotonic ms, when it was heard of. */
  observed: number;
  endedMs: number;
}

/** Most that are remembered. */
const runsMax = 1000;

/** Runs that have ended: `graceMs` later their series end, too, so that the last values are scraped. */
export class EndedRuns {
  readonly #clock: Clock;
  readonly #graceMs: number;
  readonly #ends = new Map<string, RunEnd>();

  constructor(clock: Clock, graceMs: number) {
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  add({ run, attempt, observed }: Fact): void {
    const held = this.#ends.get(run);
    if (held !== undefined && held.attempt > attempt) return;
    const [oldest] = this.#ends.keys();
    if (held === undefined && oldest !== undefined && this.#ends.size >= runsMax) this.#ends.delete(oldest);
    const endedMs = held?.attempt === attempt ? held.endedMs : this.#clock.monotonic();
    this.#ends.set(run, { attempt, observed, endedMs });
  }

  /** Whether a point belongs to an attempt that has ended. One well after the end says that the run goes on after all. */
  includes({ run, attempt, observed }: Fact): boolean {
    const end = this.#ends.get(run);
    if (end === undefined || attempt > end.attempt) return false;
    if (observed > end.observed + this.#graceMs) {
      this.#ends.delete(run);
      return false;
    }
    return this.#isOver(end);
  }

  /** Whether the series of an attempt are to end. */
  isOverFor({ run, attempt }: { run: string; attempt: number }): boolean {
    const end = this.#ends.get(run);
    return end !== undefined && attempt <= end.attempt && this.#isOver(end);
  }

  /** Those that have been over for so long. */
  forget(afterMs: number): void {
    const now = this.#clock.monotonic();
    for (const [run, { endedMs }] of this.#ends)
      if (now - endedMs > afterMs + this.#graceMs) this.#ends.delete(run);
  }

  #isOver({ endedMs }: RunEnd): boolean {
    return this.#clock.monotonic() - endedMs > this.#graceMs;
  }
}
