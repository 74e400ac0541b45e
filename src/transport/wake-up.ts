import type { Clock } from '../core/clock.ts';

/** Wakes those who wait for news within one process. News from other processes is found by the waiter's own pause. */
export class WakeUp {
  #waiting = new Set<() => void>();
  #count = 0;

  /** Taken before looking, so that news which comes while one looks is not missed. */
  get count(): number {
    return this.#count;
  }

  notify(): void {
    this.#count += 1;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const wake of waiting) wake();
  }

  /** Resolves at the first news after `seen`, after `pauseMs`, or when the signal aborts. */
  async wait(seen: number, pauseMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (this.#count !== seen || signal.aborted) return;
    const pause = new AbortController();
    let wake = (): void => undefined;
    const news = new Promise<void>((resolve) => (wake = resolve));
    this.#waiting.add(wake);
    await Promise.race([news, clock.sleep(pauseMs, AbortSignal.any([signal, pause.signal]))]);
    this.#waiting.delete(wake);
    pause.abort();
  }
}
