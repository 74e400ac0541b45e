import type { Clock } from '../core/clock.ts';

/** Ceilings of CPU (cores) and bytes per second; null is no limit. Over budget the tail pauses: it falls behind, says so, and catches up. */
export interface BudgetOptions {
  cpuMax: number | null;
  bytesPerSecondMax: number | null;
  clock: Clock;
  /** CPU seconds that this process has used. */
  cpuSeconds?: () => number;
}

/** Unused allowance is kept for so long, so that a burst after quiet goes through at once. */
const burstSeconds = 2;

export class Budget {
  readonly #options: BudgetOptions;
  readonly #cpuSeconds: () => number;
  #at: number;
  #cpuAt: number;
  /** Seconds of work that were done beyond the allowance (negative: saved up). */
  #cpuDebtSeconds = 0;
  #bytesDebt = 0;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#cpuSeconds = options.cpuSeconds ?? processCpuSeconds;
    this.#at = options.clock.monotonic();
    this.#cpuAt = this.#cpuSeconds();
  }

  /** How long to pause now, in ms, after so many bytes were sent since the last call. */
  pauseMs(bytes: number): number {
    const { cpuMax, bytesPerSecondMax, clock } = this.#options;
    const now = clock.monotonic();
    const cpu = this.#cpuSeconds();
    const seconds = (now - this.#at) / 1000;
    const cpuUsed = cpu - this.#cpuAt;
    this.#at = now;
    this.#cpuAt = cpu;
    let pauseSeconds = 0;
    if (cpuMax !== null) {
      this.#cpuDebtSeconds = Math.max(
        this.#cpuDebtSeconds + cpuUsed - cpuMax * seconds,
        -cpuMax * burstSeconds,
      );
      pauseSeconds = Math.max(pauseSeconds, this.#cpuDebtSeconds / cpuMax);
    }
    if (bytesPerSecondMax !== null) {
      this.#bytesDebt = Math.max(
        this.#bytesDebt + bytes - bytesPerSecondMax * seconds,
        -bytesPerSecondMax * burstSeconds,
      );
      pauseSeconds = Math.max(pauseSeconds, this.#bytesDebt / bytesPerSecondMax);
    }
    return Math.min(pauseSeconds, 5) * 1000;
  }
}

function processCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
