import type { Clock } from './clock.ts';

export interface BackoffOptions {
  initialMs: number;
  maxMs: number;
  /** 0 … 1: in [0, 1), as Math.random. */
  random?: () => number;
}

/** Exponential backoff with full jitter on its upper half: `attempt` counts from 0; the answer is in ms. */
export function backoffMs(
  attempt: number,
  { initialMs, maxMs, random = Math.random }: BackoffOptions,
): number {
  const ceiling = Math.min(maxMs, initialMs * 2 ** Math.min(attempt, 30));
  return ceiling / 2 + (ceiling / 2) * random();
}

/**
 * Calls `work` until it succeeds, the signal aborts, or it fails with what `retriable` refuses; then the last error
 * is thrown. `onFailure` is told of each failure that will be retried, to log once and count.
 */
export async function retry<T>(
  work: (attempt: number) => Promise<T>,
  options: BackoffOptions & {
    clock: Clock;
    signal?: AbortSignal;
    retriable?: (error: unknown) => boolean;
    onFailure?: (error: unknown, attempt: number) => void;
  },
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      if (options.signal?.aborted || options.retriable?.(error) === false) throw error;
      options.onFailure?.(error, attempt);
      await options.clock.sleep(backoffMs(attempt, options), options.signal);
      if (options.signal?.aborted) throw error;
    }
  }
}
