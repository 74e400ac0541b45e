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
/**
 * Most seconds that reading waits for CPU. What other work of the process uses (walks, watches, a transport that is away) counts as well:
 * if that is the whole ceiling, waiting does not bring it down, and reading would wait for ever.
 */
const cpuWaitSecondsMax = 10;
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
  /** Monotonic ms since when CPU is owed and nothing was read; null while none is owed. */
  #cpuWaitsSince: number | null = null;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#cpuSeconds = options.cpuSeconds ?? processCpuSeconds;
    this.#at = options.clock.monotonic();
    this.#cpuAt = this.#cpuSeconds();
  }

  /** So many bytes were read. */
  spend(lane: Lane, bytes: number): void {
    this.#bytesDebt += bytes;
    if (bytes === 0) return;
    if (lane === 'bulk') this.#bulkWaitsSince = null;
    this.#cpuWaitsSince = null;
  }

  /** How long the lane may not read, in ms from now; 0 when it may. */
  pauseMs(lane: Lane): number {
    this.#settle();
    const { cpuMax, bytesPerSecondMax } = this.#options;
    const cpuSeconds = cpuMax === null ? 0 : this.#cpuDebt / cpuMax;
    const bytesSeconds = bytesPerSecondMax === null ? 0 : this.#bytesDebt / bytesPerSecondMax;
    this.#bulkWaitsSince = since(this.#bulkWaitsSince, this.#at, cpuSeconds > 0 || bytesSeconds > 0);
    this.#cpuWaitsSince = since(this.#cpuWaitsSince, this.#at, cpuSeconds > 0);
    const patienceSeconds = cpuWaitSecondsMax - this.#waitedSeconds(this.#cpuWaitsSince);
    const cpuPause = Math.min(this.#pauseSeconds(lane, cpuSeconds), patienceSeconds);
    return Math.ceil(Math.max(0, cpuPause, this.#pauseSeconds(lane, bytesSeconds)) * 1000);
  }

  /** For what it takes so long to earn. */
  #pauseSeconds(lane: Lane, debtSeconds: number): number {
    const fastSeconds = Math.max(0, debtSeconds - fastAheadSeconds);
    if (lane === 'fast') return fastSeconds;
    const patienceSeconds = bulkWaitSecondsMax - this.#waitedSeconds(this.#bulkWaitsSince);
    return Math.max(fastSeconds, Math.min(debtSeconds, patienceSeconds));
  }

  #waitedSeconds(sinceMs: number | null): number {
    return sinceMs === null ? 0 : (this.#at - sinceMs) / 1000;
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
      this.#cpuDebt = Math.min(Math.max(debt, -cpuMax * burstSeconds), cpuMax * cpuWaitSecondsMax);
    }
    if (bytesPerSecondMax !== null) {
      const debt = this.#bytesDebt - bytesPerSecondMax * seconds;
      this.#bytesDebt = Math.max(debt, -bytesPerSecondMax * burstSeconds);
    }
    this.#at = now;
    this.#cpuAt = cpu;
  }
}

/** Begins, keeps or ends a time of waiting. */
function since(before: number | null, now: number, waits: boolean): number | null {
  return waits ? (before ?? now) : null;
}

function processCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
