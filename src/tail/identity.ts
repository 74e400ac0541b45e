import { hash } from 'node:crypto';
import type { OpenFile } from './file-system.ts';

/**
 * How the tail knows bytes again. The *head* is part of a stream's id: the first line, or the first 1,024 bytes, or what is
 * there when the first cut can wait no longer. The *anchor* is a hash of the up to 4 KiB before an offset: if it still
 * holds, the file was not truncated and rewritten since.
 */
export const headBytesMax = 1024;
export const anchorBytesMax = 4096;

export function headOf(firstBytes: Buffer): Buffer {
  const lineEnd = firstBytes.subarray(0, headBytesMax).indexOf(0x0a);
  return firstBytes.subarray(0, lineEnd === -1 ? headBytesMax : lineEnd + 1);
}

export function hashOf(bytes: Buffer): string {
  return hash('sha1', bytes, 'hex').slice(0, 20);
}

/** Length of the anchor before this offset. */
export function anchorLength(offset: number): number {
  return Math.min(offset, anchorBytesMax);
}

export interface KnownHead {
  headBytes: number;
  headHash: string;
}

export interface KnownBytes extends KnownHead {
  /** An offset and the hash of the bytes before it; null where nothing is known of them (behind a gap). */
  end: number;
  anchor: string | null;
}

/**
 * Whether the file begins with the same head, reaches the offset, and has the same bytes before it. False when nothing is known of
 * these: any file would do.
 */
export async function holds(file: OpenFile, known: KnownBytes): Promise<boolean> {
  if (known.anchor === null || !(await hasHead(file, known))) return false;
  return await hasAnchor(file, known.end, known.anchor);
}

/** Whether a file begins with another one of this size, as far as the first and last 4 KiB of that tell. */
export async function beginsWith(file: OpenFile, other: OpenFile, size: number): Promise<boolean> {
  const length = anchorLength(size);
  const [mine, theirs] = [Buffer.alloc(length), Buffer.alloc(length)];
  for (const position of [0, size - length]) {
    if ((await other.read(theirs, 0, length, position)) < length) return false;
    if ((await file.read(mine, 0, length, position)) < length || !mine.equals(theirs)) return false;
  }
  return true;
}

export async function hasHead(file: OpenFile, known: KnownHead): Promise<boolean> {
  const head = Buffer.allocUnsafe(known.headBytes);
  const got = await file.read(head, 0, known.headBytes, 0);
  return got === known.headBytes && hashOf(head) === known.headHash;
}

export async function hasAnchor(file: OpenFile, offset: number, anchor: string): Promise<boolean> {
  const length = anchorLength(offset);
  const bytes = Buffer.allocUnsafe(length);
  const got = await file.read(bytes, 0, length, offset - length);
  return got === length && hashOf(bytes) === anchor;
}
