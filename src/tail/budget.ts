import type { Clock } from '../core/clock.ts';
import { segmentBytesMax } from '../core/segment.ts';
import type { Lane } from '../core/segment.ts';

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
/** The fast lane may read while no more than so much is owed: its news does not wait until bulk's bill is paid. */
const fastAheadSeconds = 1;
/** Where the fast lane keeps the debt up for ever, bulk has a turn so often all the same. */
const bulkWaitSecondsMax = 5;
/** What is read at once is a quarter of a second's allowance, but not less than this. */
const bytesAtOnceMin = 64 * 1024;

/**
 * Over any ten seconds what was used stays within the ceiling, plus what was saved up, plus one read (of CPU: one
 * round) and what the fast lane may run ahead.
 */
export class Budget {
  readonly #options: BudgetOptions;
  readonly #cpuSeconds: () => number;
  #at: number;
  #cpuAt: number;
  /** CPU seconds that were used beyond the allowance (negative: saved up). */
  #cpuDebt = 0;
  #bytesDebt = 0;
  /** Monotonic ms since when bulk may not read; null when it may. */
  #bulkWaitsSince: number | null = null;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#cpuSeconds = options.cpuSeconds ?? processCpuSeconds;
    this.#at = options.clock.monotonic();
    this.#cpuAt = this.#cpuSeconds();
  }

  /** So many bytes were read. */
  spend(lane: Lane, bytes: number): void {
    this.#bytesDebt += bytes;
    if (lane === 'bulk' && bytes > 0) this.#bulkWaitsSince = null;
  }

  /** How long the lane may not read, in ms from now; 0 when it may. */
  pauseMs(lane: Lane): number {
    this.#settle();
    const debtSeconds = this.#debtSeconds();
    const fastSeconds = Math.max(0, debtSeconds - fastAheadSeconds);
    if (debtSeconds <= 0) this.#bulkWaitsSince = null;
    else this.#bulkWaitsSince ??= this.#at;
    if (lane === 'fast' || this.#bulkWaitsSince === null) return Math.ceil(fastSeconds * 1000);
    const patienceSeconds = bulkWaitSecondsMax - (this.#at - this.#bulkWaitsSince) / 1000;
    return Math.ceil(Math.max(fastSeconds, Math.min(debtSeconds, patienceSeconds)) * 1000);
  }

  /** Bytes are counted with each read; CPU only afterwards, so that a round is not cut short for a little of it. */
  get limitsBytes(): boolean {
    return this.#options.bytesPerSecondMax !== null;
  }

  /** Most bytes to read at once. */
  get bytesAtOnce(): number {
    const { bytesPerSecondMax } = this.#options;
    if (bytesPerSecondMax === null) return segmentBytesMax;
    return Math.min(segmentBytesMax, Math.max(bytesAtOnceMin, Math.floor(bytesPerSecondMax / 4)));
  }

  /** Whether more CPU was used than the ceiling allows, and reading waits for it. */
  get isCpuSpent(): boolean {
    return this.#options.cpuMax !== null && this.#cpuDebt > 0;
  }

  /** Whether more bytes were read than the ceiling allows. */
  get isOverBytes(): boolean {
    return this.limitsBytes && this.#bytesDebt > 0;
  }

  /** Takes in what was used, and earned, since the last time. */
  #settle(): void {
    const { cpuMax, bytesPerSecondMax, clock } = this.#options;
    const now = clock.monotonic();
    const cpu = this.#cpuSeconds();
    const seconds = (now - this.#at) / 1000;
    if (cpuMax !== null) {
      const debt = this.#cpuDebt + (cpu - this.#cpuAt) - cpuMax * seconds;
      this.#cpuDebt = Math.max(debt, -cpuMax * burstSeconds);
    }
    if (bytesPerSecondMax !== null) {
      const debt = this.#bytesDebt - bytesPerSecondMax * seconds;
      this.#bytesDebt = Math.max(debt, -bytesPerSecondMax * burstSeconds);
    }
    this.#at = now;
    this.#cpuAt = cpu;
  }

  /** How long it takes to earn what is owed. */
  #debtSeconds(): number {
    const { cpuMax, bytesPerSecondMax } = this.#options;
    return Math.max(
      cpuMax === null ? 0 : this.#cpuDebt / cpuMax,
      bytesPerSecondMax === null ? 0 : this.#bytesDebt / bytesPerSecondMax,
    );
  }
}

function processCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
