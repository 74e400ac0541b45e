import { segmentBytesMax } from './segment.ts';
import type { Lane } from './segment.ts';

/** Of what both lanes take while both wait, bulk's part. */
export const bulkShare = 0.25;

/**
 * Whose turn it is where the lanes share something: fast goes first, but while both wait, bulk has a quarter of all bytes. Nothing is
 * held back: a lane that waits alone goes at once. Only the order between the lanes is decided here, never that within one.
 */
export class LaneTurns {
  readonly #turnBytes: number;
  #owedBytes = 0;

  /** Bulk waits until it is owed so much, a whole turn: what is short and fast is not interrupted for less. */
  constructor(turnBytes = segmentBytesMax) {
    this.#turnBytes = turnBytes;
  }

  /** The lane that goes next; null when none waits. */
  next(waiting: Readonly<Record<Lane, boolean>>): Lane | null {
    if (!waiting.fast) return waiting.bulk ? 'bulk' : null;
    return waiting.bulk && this.#owedBytes >= this.#turnBytes ? 'bulk' : 'fast';
  }

  /** Told of every turn: so many bytes went while the other lane did, or did not, wait. */
  took(lane: Lane, bytes: number, otherWaits: boolean): void {
    if (!otherWaits) return;
    const change = lane === 'fast' ? (bytes * bulkShare) / (1 - bulkShare) : -bytes;
    // Not more than one turn is saved up: bulk that cannot go for a while does not crowd out fast afterwards.
    this.#owedBytes = Math.min(this.#owedBytes + change, 2 * this.#turnBytes);
  }
}

/** One of something for each lane. */
export function perLane<T>(make: (lane: Lane) => T): Record<Lane, T> {
  return { fast: make('fast'), bulk: make('bulk') };
}

export function otherLane(lane: Lane): Lane {
  return lane === 'fast' ? 'bulk' : 'fast';
}
