/**
 * The lease of a lone process: no server, no time limit. Every call of `tenures` is a candidate; the first leads until its
 * signal aborts or its consumer leaves, then the next in line. A tenure cannot fail, so its trust ends only with it.
 *
 * Tokens are ms since the epoch at the tenure's start, and so grow over restarts too, as long as the wall clock was not
 * set back further than the process was away.
 */
import type { Clock } from '../core/clock.ts';
import type { Lease, LeaseStatus, Tenure } from '../core/lease.ts';
import { InProcessPlans } from './in-process-plans.ts';

export function inProcessLease({ clock }: { clock: Clock }): Lease {
  return new InProcessLease(clock);
}

class InProcessLease implements Lease {
  readonly plans = new InProcessPlans();
  readonly #clock: Clock;
  /** The last candidate's place in the queue: fulfilled when it has left. */
  #tail: Promise<void> = Promise.resolve();
  #lastToken = 0;
  #leading: Tenure | null = null;
  #candidates = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async *tenures(signal: AbortSignal): AsyncGenerator<Tenure> {
    if (signal.aborted) return;
    const before = this.#tail;
    const left = Promise.withResolvers<void>();
    this.#tail = before.then(() => left.promise);
    this.#candidates += 1;
    const ended = new AbortController();
    const stop = (): void => ended.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await Promise.race([before, aborted(ended.signal)]);
      if (ended.signal.aborted) return;
      this.#leading = this.#newTenure(ended.signal);
      yield this.#leading;
      await aborted(ended.signal);
    } finally {
      signal.removeEventListener('abort', stop);
      // A consumer that leaves the loop gives the lease up as well.
      ended.abort();
      if (this.#leading?.signal === ended.signal) this.#leading = null;
      this.#candidates -= 1;
      left.resolve();
    }
  }

  status(): LeaseStatus {
    const role = this.#leading ? 'leader' : this.#candidates > 0 ? 'candidate' : 'stopped';
    return { role, token: this.#leading?.token ?? null, connected: true };
  }

  #newTenure(signal: AbortSignal): Tenure {
    this.#lastToken = Math.max(this.#lastToken + 1, Math.floor(this.#clock.now()));
    return { token: this.#lastToken, signal, isTrusted: () => !signal.aborted };
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
