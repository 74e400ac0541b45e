import type { Clock } from '../../src/core/clock.ts';

/** A clock that stands until a test moves it. `advance` fires due sleeps in order. */
export class FakeClock implements Clock {
  #now: number;
  #monotonic = 0;
  #sleepers: { due: number; wake: () => void }[] = [];

  constructor(now = Date.UTC(2026, 10, 23, 10, 0, 0)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const sleeper = { due: this.#monotonic + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((s) => s !== sleeper);
        resolve();
      });
    });
  }

  /** How many callers sleep now. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Until the first sleeper is due; Infinity if nobody sleeps. */
  get nextWakeMs(): number {
    return Math.min(...this.#sleepers.map(({ due }) => Math.max(0, due - this.#monotonic)));
  }

  /** Moves both clocks and lets every woken caller run. */
  async advance(ms: number): Promise<void> {
    const target = this.#monotonic + ms;
    for (;;) {
      const next = this.#sleepers.filter((s) => s.due <= target).sort((a, b) => a.due - b.due)[0];
      if (!next) break;
      this.#sleepers = this.#sleepers.filter((s) => s !== next);
      const step = Math.max(0, next.due - this.#monotonic);
      this.#now += step;
      this.#monotonic += step;
      next.wake();
      await settle();
    }
    this.#now += target - this.#monotonic;
    this.#monotonic = target;
    await settle();
  }

  /** Time goes on and nobody is woken, as while a process is stopped or its event loop is blocked. */
  leap(ms: number): void {
    this.#now += ms;
    this.#monotonic += ms;
  }

  /** Moves the wall clock only, as NTP or an operator would. */
  jumpWall(ms: number): void {
    this.#now += ms;
  }
}

/** Lets callbacks that are ready run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i += 1) await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** Waits until the condition holds, looking again every `intervalMs`; fails with `what` after `timeoutMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string),
  timeoutMs = 10_000,
  intervalMs = 10,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > end)
      throw new Error(`waited ${timeoutMs} ms in vain: ${typeof what === 'string' ? what : what()}`);
    await new Promise((resolve) => void setTimeout(resolve, intervalMs));
  }
}
