import { otherLane, perLane } from '../core/lane-turns.ts';
import type { Lane } from '../core/segment.ts';

/** Of the room, what each lane has to itself. */
const reserveShare = 0.25;

/**
 * The room for bytes that are sent and not acknowledged. A quarter of it is kept for each lane: however far one of them is behind, the
 * other is read all the same. What was read before its size was known may go over the edge by a segment.
 */
export class Room {
  readonly #bytesMax: number;
  readonly #bytes: Record<Lane, number>;

  constructor(bytesMax: number, bytes: Readonly<Record<Lane, number>> = perLane(() => 0)) {
    this.#bytesMax = bytesMax;
    this.#bytes = { ...bytes };
  }

  /** To plan with: what is taken here is not taken there. */
  copy(): Room {
    return new Room(this.#bytesMax, this.#bytes);
  }

  take(lane: Lane, bytes: number): void {
    this.#bytes[lane] += bytes;
  }

  giveBack(lane: Lane, bytes: number): void {
    this.#bytes[lane] -= bytes;
  }

  /** Bytes under way, of both lanes. */
  get taken(): number {
    return this.#bytes.fast + this.#bytes.bulk;
  }

  /** Bytes that the lane may take now. */
  left(lane: Lane): number {
    return Math.max(0, this.#bytesMaxOf(lane) - this.#bytes[lane]);
  }

  /** With less room than half, waiting costs less than cutting and syncing for a little. */
  isAmple(lane: Lane): boolean {
    const left = this.left(lane);
    return left > 0 && left * 2 >= this.#bytesMaxOf(lane);
  }

  get isAmpleForAll(): boolean {
    return this.isAmple('fast') && this.isAmple('bulk');
  }

  #bytesMaxOf(lane: Lane): number {
    return this.#bytesMax - Math.max(this.#bytes[otherLane(lane)], this.#bytesMax * reserveShare);
  }
}
