import type { StreamState } from './cut-state.ts';
import type { Codec } from '../core/decompressor.ts';
import { Decompressor } from '../core/decompressor.ts';
import type { OpenFile } from './file-system.ts';
import { isTextHead } from './holes.ts';
import { anchorBytesMax, anchorLength, hashOf, headBytesMax } from './identity.ts';

/**
 * One pass through a compressed file, a slice at a time: to how many bytes it decompresses, and which of the known streams it is
 * a copy of, by head and anchor.
 */
export class Survey {
  /** Streams that it holds up to their end as it was when the pass began: by stream, that end. */
  readonly holds = new Map<StreamState, number>();
  /** Streams that begin as it does. */
  readonly beginsAs = new Set<StreamState>();
  readonly #decompressor: Decompressor;
  readonly #known: { state: StreamState; end: number; anchor: string | null }[];
  /** The first bytes, until they are enough for every head. */
  #first: Buffer | null = Buffer.alloc(0);
  /** What is left to compare, by end, the next one last. */
  #awaited: { state: StreamState; end: number; anchor: string }[] = [];
  /** The last bytes of what was seen: enough for an anchor. */
  #tail = Buffer.alloc(0);
  #size = 0;
  #hasTextHead = true;

  constructor(file: OpenFile, codec: Codec, known: Iterable<StreamState>) {
    this.#decompressor = new Decompressor(file, codec);
    this.#known = [...known].map((state) => ({ state, end: state.end, anchor: state.anchor }));
  }

  /** Bytes that it decompresses to, as far as was seen. */
  get size(): number {
    return this.#size;
  }

  get hasTextHead(): boolean {
    return this.#hasTextHead;
  }

  /** Of all that was seen. */
  get anchor(): string {
    return hashOf(this.#tail.subarray(-anchorLength(this.#size)));
  }

  get damage(): string | null {
    return this.#decompressor.damage;
  }

  /** Goes on by so many bytes; true at the end. */
  async advance(bytesMax: number): Promise<boolean> {
    for (let bytes = 0; bytes < bytesMax;) {
      const piece = await this.#decompressor.next();
      if (piece === null) {
        if (this.#first !== null) this.#see(this.#first, this.#first);
        return true;
      }
      // An empty piece, too, is work.
      bytes += Math.max(piece.length, 1);
      this.#take(piece);
    }
    return false;
  }

  close(): void {
    this.#decompressor.close();
  }

  #take(piece: Buffer): void {
    if (this.#first === null) {
      this.#compare(piece);
      return;
    }
    this.#first = Buffer.concat([this.#first, piece]);
    if (this.#first.length >= headBytesMax) this.#see(this.#first, this.#first);
  }

  /** The head is there: now it is clear which streams it can be. */
  #see(head: Buffer, bytes: Buffer): void {
    this.#first = null;
    this.#hasTextHead = isTextHead(head.subarray(0, headBytesMax));
    const hashes = new Map<number, string>();
    for (const { state, end, anchor } of this.#known) {
      const { headBytes, headHash } = state.record;
      if (headBytes > head.length) continue;
      const hash = hashes.get(headBytes) ?? hashOf(head.subarray(0, headBytes));
      hashes.set(headBytes, hash);
      if (hash !== headHash) continue;
      this.beginsAs.add(state);
      if (anchor !== null && end > 0) this.#awaited.push({ state, end, anchor });
    }
    this.#awaited.sort((a, b) => b.end - a.end);
    this.#compare(bytes);
  }

  #compare(bytes: Buffer): void {
    const end = this.#size + bytes.length;
    const needsBefore = (this.#awaited.at(-1)?.end ?? Infinity) <= end || bytes.length < anchorBytesMax;
    const seen = needsBefore ? Buffer.concat([this.#tail, bytes]) : bytes;
    const seenFrom = end - seen.length;
    for (let next = this.#awaited.at(-1); next && next.end <= end; next = this.#awaited.at(-1)) {
      this.#awaited.pop();
      const until = next.end - seenFrom;
      const before = seen.subarray(until - anchorLength(next.end), until);
      if (hashOf(before) === next.anchor) this.holds.set(next.state, next.end);
    }
    this.#tail = Buffer.from(seen.subarray(-anchorBytesMax));
    this.#size = end;
  }
}
