import type { GapReason } from '../core/segment.ts';
import type { FileStat, OpenFile } from './file-system.ts';
import { anchorLength } from './identity.ts';

/** A piece of a stream in its spool file. */
export interface SpooledPiece {
  start: number;
  end: number;
  /** Of its first byte in the spool file. */
  offset: number;
}

/** A range of the stream that the spool cannot give. */
export interface Lack {
  end: number;
  reason: GapReason;
}

/**
 * What the spool holds of one file that vanished, by the offsets of its stream. Read through `view` it looks like the file itself:
 * what it lacks reads as zeros, so whoever reads asks `lackAt` first.
 */
export class SpooledFile {
  readonly name: string;
  /** In order, without overlap. */
  readonly #pieces: SpooledPiece[] = [];
  /** Length of the spool file on disk. */
  fileBytes = 0;
  /** The stream's end, as far as the file was seen: what is not spooled up to here is a lack. */
  size = 0;
  /** Up to here it was spooled once: what is not there any more was damaged, not left out. */
  spooledEnd = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Behind the last byte that is spooled; 0 when none is. */
  get end(): number {
    return this.#pieces.at(-1)?.end ?? 0;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** Pieces come in order; of one that overlaps the last one only the rest counts. */
  add(piece: SpooledPiece): void {
    const start = Math.max(piece.start, this.end);
    this.size = Math.max(this.size, piece.end);
    this.spooledEnd = Math.max(this.spooledEnd, piece.end);
    if (start < piece.end)
      this.#pieces.push({ start, end: piece.end, offset: piece.offset + start - piece.start });
  }

  /** Whether all of [start, end) is spooled. */
  covers(start: number, end: number): boolean {
    return start === end || (this.#at(start) !== null && this.runEnd(start) >= end);
  }

  /** Whether the bytes that an anchor at this offset speaks of are spooled. */
  showsBefore(offset: number): boolean {
    return this.covers(offset - anchorLength(offset), offset);
  }

  /** Null when the byte at `offset` is spooled, or lies behind the end. */
  lackAt(offset: number): Lack | null {
    if (offset >= this.size || this.#at(offset)) return null;
    const next = this.#pieces.find(({ start }) => start > offset);
    if (next) return { end: next.start, reason: 'gone' };
    if (offset < this.spooledEnd) return { end: Math.min(this.spooledEnd, this.size), reason: 'gone' };
    return { end: this.size, reason: 'spool-full' };
  }

  /** Behind the last byte of the run of spooled bytes that `offset` is in; `offset` itself if it is in none. */
  runEnd(offset: number): number {
    let end = offset;
    for (const piece of this.#pieces) if (piece.start <= end && end < piece.end) end = piece.end;
    return end;
  }

  /** The spool file is not there any more. */
  lose(): void {
    this.#pieces.length = 0;
  }

  /** The spool file, by the offsets of the stream. `identity` is the stat of the file that vanished. */
  view(file: OpenFile, identity: FileStat): OpenFile {
    return {
      stat: async () => ({ ...identity, size: this.size, links: 0 }),
      read: async (buffer, bufferOffset, length, position) =>
        await this.#read(file, buffer.subarray(bufferOffset, bufferOffset + length), position),
      realPath: async () => null,
      close: async () => await file.close(),
    };
  }

  async #read(file: OpenFile, into: Buffer, position: number): Promise<number> {
    const length = Math.max(0, Math.min(into.length, this.size - position));
    into.fill(0, 0, length);
    for (const piece of this.#pieces) {
      const start = Math.max(piece.start, position);
      const end = Math.min(piece.end, position + length);
      if (start >= end) continue;
      const offset = piece.offset + start - piece.start;
      const got = await file.read(into, start - position, end - start, offset);
      if (got < end - start) return start - position + got;
    }
    return length;
  }

  #at(offset: number): SpooledPiece | null {
    return this.#pieces.find(({ start, end }) => start <= offset && offset < end) ?? null;
  }
}
