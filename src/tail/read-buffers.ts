import { segmentBytesMax } from '../core/segment.ts';
import { anchorBytesMax } from './identity.ts';

/** The largest holds a whole segment and the anchor before it. What is smaller than half of the least is cheap to make anew. */
const sizes = [128 * 1024, 256 * 1024, 512 * 1024, anchorBytesMax + segmentBytesMax];
const pooledBytesMin = 64 * 1024;
/** As much as is under way by default. */
const spareBytesMax = 8 * 1024 * 1024;

/**
 * Buffers for reading, used again. A fresh one for each segment costs more CPU than reading and sending it: the system clears its
 * pages, and V8 collects the whole heap each time 30 MB of them were made. There are a few sizes, so that many files of which a
 * little is under way do not hold a large buffer each.
 *
 * Whoever takes one may give it back when nobody looks at its bytes any more. One that is not given back is collected as usual.
 */
export class ReadBuffers {
  readonly #lent = new WeakSet<ArrayBufferLike>();
  readonly #spare = new Map<number, Buffer[]>(sizes.map((size) => [size, []]));
  #spareBytes = 0;

  /** What it is made of is at most twice as long; the answer has exactly `length`. Not cleared. */
  take(length: number): Buffer {
    const size = length < pooledBytesMin ? undefined : sizes.find((each) => each >= length);
    if (size === undefined) return Buffer.allocUnsafeSlow(length);
    const spare = this.#spare.get(size)?.pop();
    if (spare) this.#spareBytes -= size;
    const buffer = spare ?? Buffer.allocUnsafeSlow(size);
    this.#lent.add(buffer.buffer);
    return buffer.subarray(0, length);
  }

  /** `bytes`: any part of what was taken. A second call, or bytes from elsewhere, are no error. */
  giveBack(bytes: Buffer): void {
    const { buffer } = bytes;
    if (!this.#lent.delete(buffer) || this.#spareBytes + buffer.byteLength > spareBytesMax) return;
    this.#spareBytes += buffer.byteLength;
    this.#spare.get(buffer.byteLength)?.push(Buffer.from(buffer));
  }
}
