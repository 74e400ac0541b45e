import { isUtf8 } from 'node:buffer';
import type { OpenFile } from './file-system.ts';
import { anchorBytesMax, anchorLength, hashOf, headBytesMax } from './identity.ts';

/**
 * Zeros that nobody wrote: a writer that does not append goes on at its old offset when its file was truncated, and the file
 * system shows zeros up to there; some file systems show them after a crash, too. A run of zeros is a *hole* if
 *
 * - it has 64 bytes or more, or begins the stream and has 8 or more, and
 * - what is around it is text: the stream's first 1,024 bytes (without leading zeros, and up to the first 64 zeros; these are
 *   UTF-8, too), the 1,024 bytes before the run, and the line behind it (up to 1,024 bytes) have no control character but
 *   \b \t \n \v \f \r ESC. Zeros count as one, except before the run.
 *
 * Else the zeros are bytes like any other: so a binary file (tfevents, .wandb, UTF-16) is carried exactly. Zeros at the end of a
 * file may yet be filled in (a file that was allocated in advance): they wait until something comes behind them, or the file is
 * final.
 */
const holeBytesMin = 64;
const leadingHoleBytesMin = 8;
const sampleBytesMax = 1024;
const blockBytes = 1024 * 1024;
/** So much of a hole is looked through in one go before others have their turn. */
const holeSliceBytesMax = 16 * blockBytes;

const zeroBlock = Buffer.alloc(64 * 1024);
const zeroRun = zeroBlock.subarray(0, holeBytesMin);

/** What is known of the zeros behind a file's offset. */
export interface Zeros {
  /** It is no text: all zeros are bytes. */
  areBytes: boolean;
  /** From the offset to here there are only zeros. */
  seenTo: number;
  /** The file ends in zeros, which wait. */
  areHeld: boolean;
  /** What was seen behind the last hole, and where: no hash of zeros tells of a truncation, so this has to stand there still. */
  behind: Behind | null;
}

export interface Behind {
  at: number;
  bytes: Buffer;
}

export function noZeros(): Zeros {
  return { areBytes: false, seenTo: 0, areHeld: false, behind: null };
}

/** The first run of zeros that may be a hole. */
export function zerosIn(bytes: Buffer, isStart: boolean): { start: number; end: number } | null {
  if (isStart) {
    const end = zerosEnd(bytes, 0);
    if (end >= leadingHoleBytesMin) return { start: 0, end };
  }
  const start = bytes.indexOf(zeroRun);
  return start === -1 ? null : { start, end: zerosEnd(bytes, start) };
}

/** False where there is none. */
export function areZeros(bytes: Buffer): boolean {
  return bytes.length > 0 && zerosEnd(bytes, 0) === bytes.length;
}

/** Where the zeros from here on end. */
function zerosEnd(bytes: Buffer, from: number): number {
  let at = from;
  for (let step = zeroBlock.length; step >= 1; step /= 2) {
    while (at + step <= bytes.length && zeroBlock.compare(bytes, at, at + step, 0, step) === 0) at += step;
  }
  return at;
}

export type HoleVerdict =
  /** `head`: the first bytes of the file, if the hole is there. `behind`: the line, as far as it is there. */
  | { kind: 'hole'; end: number; anchor: string; head: Buffer; behind: Buffer }
  | { kind: 'bytes' }
  /** Looked through up to `end`, and not at the end of the hole. */
  | { kind: 'midway'; end: number }
  /** The file ends in these zeros. */
  | { kind: 'held' }
  /** The line behind it is not whole. */
  | { kind: 'unterminated'; end: number; behind: Buffer };

export interface HoleRequest {
  /** Where the zeros begin, and up to where they are known. */
  offset: number;
  seenTo: number;
  size: number;
  /** Whether the stream begins as text; null if that is to be looked up in the file. */
  hasTextHead: boolean | null;
  /** Nothing will come behind what is there now. */
  isWhole: boolean;
  /** The line behind the hole does not wait for its end any longer. */
  hasWaited: boolean;
}

/** Whether what was seen behind a hole is behind this one; both as far as they go. */
export function standsBehind({ at, bytes }: Behind, hole: { end: number; behind: Buffer }): boolean {
  const length = Math.min(bytes.length, hole.behind.length);
  return at === hole.end && bytes.subarray(0, length).equals(hole.behind.subarray(0, length));
}

/** Decides on a run of zeros that `zerosIn` has found at the offset. */
export async function judgeZeros(file: OpenFile, request: HoleRequest): Promise<HoleVerdict> {
  const { offset, size, isWhole } = request;
  const isNew = request.seenTo <= offset;
  if (isNew && !(await isTextBefore(file, request))) return { kind: 'bytes' };
  const last = Math.min(size - offset, holeBytesMin);
  if (!isWhole && areZeros(await bytesAt(file, size - last, last))) return { kind: 'held' };
  const { end, isEnd } = await seekEnd(file, Math.max(offset, request.seenTo), size);
  return isEnd ? await judgeEnd(file, end, request) : { kind: 'midway', end };
}

async function isTextBefore(file: OpenFile, { offset, hasTextHead }: HoleRequest): Promise<boolean> {
  if (!(hasTextHead ?? isTextHead(await bytesAt(file, 0, sampleBytesMax)))) return false;
  const from = Math.max(0, offset - sampleBytesMax);
  return !hasControls(await bytesAt(file, from, offset - from), false);
}

/** Leading zeros left aside, and up to the first hole. */
export function isTextHead(head: Buffer): boolean {
  const from = zerosEnd(head, 0);
  const hole = head.indexOf(zeroRun, from);
  const text = head.subarray(from, hole === -1 ? head.length : hole);
  if (hasControls(text, true)) return false;
  // The sample may end within a character.
  const ends = hole === -1 ? [0, 1, 2, 3] : [0];
  return ends.some((cut) => isUtf8(text.subarray(0, text.length - cut)));
}

async function seekEnd(file: OpenFile, from: number, size: number): Promise<{ end: number; isEnd: boolean }> {
  const block = Buffer.allocUnsafe(Math.max(0, Math.min(blockBytes, size - from)));
  const sliceEnd = Math.min(size, from + holeSliceBytesMax);
  for (let at = from; at < sliceEnd;) {
    const got = await file.read(block, 0, block.length, at);
    const zeros = zerosEnd(block.subarray(0, got), 0);
    at += zeros;
    if (zeros < block.length) return { end: at, isEnd: true };
    if (at >= sliceEnd) return { end: at, isEnd: at >= size };
  }
  return { end: from, isEnd: true };
}

async function judgeEnd(
  file: OpenFile,
  end: number,
  { isWhole, hasWaited }: HoleRequest,
): Promise<HoleVerdict> {
  const from = Math.max(0, end - anchorBytesMax);
  const bytes = await bytesAt(file, from, end - from + sampleBytesMax);
  const behind = bytes.subarray(end - from);
  const lineEnd = behind.findIndex((byte) => byte === 0x0a || byte === 0x0d);
  const line = lineEnd === -1 ? behind : behind.subarray(0, lineEnd + 1);
  const mayGrow = lineEnd === -1 && behind.length < sampleBytesMax;
  if (hasControls(line, true)) return { kind: 'bytes' };
  if (mayGrow && !isWhole && !hasWaited) return { kind: 'unterminated', end, behind };
  const anchor = hashOf(bytes.subarray(end - from - anchorLength(end), end - from));
  const head = from === 0 ? bytes.subarray(0, headBytesMax) : zeroBlock.subarray(0, headBytesMax);
  return { kind: 'hole', end, anchor, head, behind: line };
}

function hasControls(bytes: Buffer, alsoZero: boolean): boolean {
  return bytes.some(
    (byte) =>
      (byte < 0x20 && byte !== 0x1b && (byte < 0x08 || byte > 0x0d) && (byte !== 0 || alsoZero)) ||
      byte === 0x7f,
  );
}

async function bytesAt(file: OpenFile, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, await file.read(bytes, 0, length, position));
}
