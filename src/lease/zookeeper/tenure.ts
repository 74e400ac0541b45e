import type { Clock } from '../../core/clock.ts';
import { CabooseError } from '../../core/errors.ts';
import type { Tenure } from '../../core/lease.ts';

export interface TenureOptions {
  token: number;
  clock: Clock;
  /** Monotonic ms; moves on with every answered ping. */
  trustedUntilMs: () => number;
  /** Ends the tenure: link lost, session lost, given up. */
  over: AbortSignal;
  /** Resolves when our node was deleted or written to by somebody. */
  nodeChanged: Promise<void>;
}

/** A tenure ends once: trust that has lapsed does not come back, even if a late ping would extend it. */
export function beginTenure({ token, clock, trustedUntilMs, over, nodeChanged }: TenureOptions): Tenure {
  const ended = new AbortController();
  const { signal } = ended;
  const end = (why: unknown): void => ended.abort(why);
  const isLapsed = (): boolean => {
    if (clock.monotonic() < trustedUntilMs()) return false;
    end(leaseEnded('no ping was answered for two thirds of the session timeout'));
    return true;
  };
  if (over.aborted) end(over.reason);
  else over.addEventListener('abort', () => end(over.reason), { once: true, signal });
  void nodeChanged.then(() => end(leaseEnded('the node was changed by somebody')));
  void watchTrust(clock, trustedUntilMs, isLapsed, signal);
  return { token, signal, isTrusted: () => !signal.aborted && !isLapsed() };
}

async function watchTrust(
  clock: Clock,
  trustedUntilMs: () => number,
  isLapsed: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted && !isLapsed()) {
    // At least 1 ms: a timer that fires a fraction too early must not spin.
    await clock.sleep(Math.max(1, trustedUntilMs() - clock.monotonic()), signal);
  }
}

function leaseEnded(reason: string): CabooseError {
  return new CabooseError('LEASE_ENDED', `the lease has ended: ${reason}`, { retriable: true });
}
