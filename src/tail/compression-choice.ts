import type { Clock } from '../core/clock.ts';
import type { CompressionLevel } from '../segment/compression.ts';

/** What the tail sees of its limits at one moment; it is taken to have held since the moment before. */
export interface Pressure {
  /** Reading waits for the CPU ceiling. */
  cpu: boolean;
  /** The link takes less than is there: the room is used up while acks come, or the ceiling of bytes holds. */
  link: boolean;
}

/** Over so long a time the pressure is averaged, and for so long a level is kept at least. */
const memoryMs = 10_000;
const dwellMs = 30_000;
/** A share of the time. Between the two nothing changes. */
const highShare = 0.6;
const lowShare = 0.2;

/**
 * How hard segments are compressed: cheaper while the CPU ceiling binds, stronger while the link does and CPU is to spare. What is
 * behind is caught up with sooner, or with less of the link. The level changes at most twice a minute.
 */
export class CompressionChoice {
  readonly #clock: Clock;
  #level: CompressionLevel = 'normal';
  #cpuShare = 0;
  #linkShare = 0;
  #at: number;
  #changedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#at = clock.monotonic();
    this.#changedAt = this.#at;
  }

  get level(): CompressionLevel {
    return this.#level;
  }

  observe({ cpu, link }: Pressure): void {
    const now = this.#clock.monotonic();
    const weight = 1 - Math.exp((this.#at - now) / memoryMs);
    this.#at = now;
    this.#cpuShare += weight * (Number(cpu) - this.#cpuShare);
    this.#linkShare += weight * (Number(link) - this.#linkShare);
    const next = this.#next();
    if (next === this.#level || now - this.#changedAt < dwellMs) return;
    this.#level = next;
    this.#changedAt = now;
  }

  #next(): CompressionLevel {
    if (this.#cpuShare > highShare) return 'cheap';
    if (this.#level === 'cheap') return this.#cpuShare < lowShare ? 'normal' : 'cheap';
    if (this.#cpuShare > lowShare) return 'normal';
    if (this.#linkShare > highShare) return 'strong';
    return this.#linkShare < lowShare ? 'normal' : this.#level;
  }
}
