import type { Codec } from '../core/decompressor.ts';
import { Decompressor } from '../core/decompressor.ts';
import type { FileStat, OpenFile } from './file-system.ts';

/** What is known of a compressed file: while it has `bytes` bytes and this mtime, it decompresses to `size` bytes. */
export interface CompressedPlace {
  codec: Codec;
  bytes: number;
  mtimeMs: number;
  size: number;
  /** Whether its first bytes are text, see holes.ts. */
  hasTextHead: boolean;
  /** Why it cannot be decompressed further; null when it is whole. */
  damage: string | null;
}

/** How much is decompressed in one go before others have their turn. */
export const sliceBytesMax = 4 * 1024 * 1024;

/**
 * A compressed file as the file that it was: size and positions are those of its decompressed bytes. It goes forward only; who
 * reads before the beginning of the last read makes it begin anew. Holds what the last read asked for, and nothing else.
 */
export class DecompressedFile implements OpenFile {
  readonly #file: OpenFile;
  readonly #place: CompressedPlace;
  #decompressor: Decompressor | null = null;
  /** The bytes from `#start` on, as far as they were decompressed. */
  #held: Buffer[] = [];
  #start = 0;
  #end = 0;

  constructor(file: OpenFile, place: CompressedPlace) {
    this.#file = file;
    this.#place = place;
  }

  /** Comes nearer to a position, by a slice at most; true when it is there, so that a read from it is soon done. */
  async approach(position: number): Promise<boolean> {
    this.#goTo(position);
    const sliceEnd = this.#end + sliceBytesMax;
    while (this.#end < position) {
      if (this.#end >= sliceEnd) return false;
      if (!(await this.#advance())) break;
      this.#forgetBefore(position);
    }
    return true;
  }

  async read(buffer: Buffer, bufferOffset: number, length: number, position: number): Promise<number> {
    this.#goTo(position);
    while (this.#end < position + length && (await this.#advance())) this.#forgetBefore(position);
    this.#forgetBefore(position);
    let skip = position - this.#start;
    let done = 0;
    for (const piece of this.#held) {
      if (done === length) break;
      done += piece.copy(buffer, bufferOffset + done, skip, skip + length - done);
      skip = Math.max(0, skip - piece.length);
    }
    return done;
  }

  /** As the place says, until the file is looked through again. */
  async stat(): Promise<FileStat> {
    const { size, mtimeMs } = this.#place;
    return { ...(await this.#file.stat()), size, mtimeMs };
  }

  async realPath(): Promise<string | null> {
    return await this.#file.realPath();
  }

  async close(): Promise<void> {
    this.#decompressor?.close();
    this.#decompressor = null;
    this.#held = [];
    await this.#file.close();
  }

  #goTo(position: number): void {
    if (position >= this.#start) return;
    this.#decompressor?.close();
    this.#decompressor = null;
    this.#held = [];
    this.#start = 0;
    this.#end = 0;
  }

  /** False at the end. */
  async #advance(): Promise<boolean> {
    if (this.#end >= this.#place.size) return false;
    this.#decompressor ??= new Decompressor(this.#file, this.#place.codec);
    const piece = await this.#decompressor.next();
    if (piece === null) return false;
    if (piece.length > 0) this.#held.push(piece);
    this.#end += piece.length;
    return true;
  }

  #forgetBefore(position: number): void {
    for (let first = this.#held[0]; first && this.#start + first.length <= position; first = this.#held[0]) {
      this.#held.shift();
      this.#start += first.length;
    }
  }
}
