import { badFrame } from './jute.ts';

/**
 * Longest frame that is taken from a server. ZooKeeper's own bound for requests is 1 MiB (jute.maxbuffer); a list of
 * children may be longer.
 */
export const frameBytesMax = 4 * 1024 * 1024;

/** One frame: its length as int32, then the body. */
export function encodeFrame(body: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeInt32BE(body.length);
  body.copy(frame, 4);
  return frame;
}

/** Cuts a byte stream into frame bodies. Bytes of an unfinished frame wait for the rest; never more than one frame of them. */
export class FrameParser {
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Of the frame that is being gathered; null while its length is not complete. */
  #bodyBytes: number | null = null;

  /** Calls `onFrame` for each frame that `chunk` completes. Throws ZOOKEEPER_BAD_FRAME on a length out of bounds. */
  push(chunk: Buffer, onFrame: (body: Buffer) => void): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    for (;;) {
      if (this.#bodyBytes === null) {
        if (this.#bytes < 4) return;
        this.#bodyBytes = checkedLength(this.#take(4));
      }
      if (this.#bytes < this.#bodyBytes) return;
      const body = this.#take(this.#bodyBytes);
      this.#bodyBytes = null;
      onFrame(body);
    }
  }

  /** Concatenates only when a whole frame is there, so that a frame in many chunks costs linear time. */
  #take(count: number): Buffer {
    const [first] = this.#chunks;
    const all = this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks, this.#bytes);
    const rest = all.subarray(count);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#bytes = rest.length;
    return all.subarray(0, count);
  }
}

function checkedLength(header: Buffer): number {
  const length = header.readInt32BE(0);
  if (length >= 0 && length <= frameBytesMax) return length;
  const text = header.toString('latin1');
  throw badFrame(
    /^[\x20-\x7e]{4}$/.test(text)
      ? `it begins with the text ${JSON.stringify(text)}`
      : `a frame of ${length} bytes`,
  );
}
