import { segmentBytesMax } from '../core/segment.ts';
import { anchorBytesMax } from './identity.ts';

/** Enough for a whole segment and the anchor before it. */
const bufferBytes = anchorBytesMax + segmentBytesMax;
/** What is smaller is cheap to make anew. */
const pooledBytesMin = 64 * 1024;
/** 8.6 MiB: as much as is under way by default. */
const spareMax = 10;

/**
 * Buffers for reading, used again. A fresh one for each segment costs more CPU than reading and sending it: the system clears its
 * pages, and V8 collects the whole heap each time 30 MB of them were made.
 *
 * Whoever takes one may give it back when nobody looks at its bytes any more. One that is not given back is collected as usual.
 */
export class ReadBuffers {
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #spare: Buffer[] = [];

  /** At least `length` bytes long is what it is made of; the answer has exactly `length`. Not cleared. */
  take(length: number): Buffer {
    if (length < pooledBytesMin || length > bufferBytes) return Buffer.allocUnsafeSlow(length);
    const buffer = this.#spare.pop() ?? Buffer.allocUnsafeSlow(bufferBytes);
    this.#lent.add(buffer.buffer);
    return buffer.subarray(0, length);
  }

  /** `bytes`: any part of what was taken. A second call, or bytes from elsewhere, are no error. */
  giveBack(bytes: Buffer): void {
    if (!this.#lent.delete(bytes.buffer) || this.#spare.length >= spareMax) return;
    this.#spare.push(Buffer.from(bytes.buffer));
  }
}
