import { wholeRecordsLength } from '../core/records/framing.ts';
import type { Framing } from '../core/records/framing.ts';
import type { CutBytes } from '../core/redaction/mask.ts';
import { anchorLength, hasAnchor, hasHead, hashOf } from './identity.ts';
import type { KnownHead } from './identity.ts';
import type { OpenFile } from './file-system.ts';
import { areZeros, standsBehind, zerosIn } from './holes.ts';
import type { Behind } from './holes.ts';
import type { ReadBuffers } from './read-buffers.ts';

/**
 * Reads what is new behind an offset, and decides where to cut it: at the last `\n`, else the last `\r`, else, when there is
 * none and the bytes have waited long enough or fill a segment, where they stand; before zeros that may be a hole. Looks at no
 * single line. Binary records that are to be masked are cut at their ends.
 */
export type Reading =
  /** Nothing to cut: the end, or an unterminated rest which may wait, of a line or a record. */
  | { kind: 'nothing'; unterminatedBytes: number; ofRecord: boolean }
  /** The bytes before the offset are others now: the file was truncated or rewritten. */
  | { kind: 'rewritten' }
  /** The new bytes begin with zeros that may be a hole. */
  | { kind: 'zeros' }
  /** `more`: a segment was filled, so more may be there at once. `size`: of the file, where it was seen after the read. */
  | { kind: 'cut'; bytes: Buffer; before: Buffer; anchor: string; more: boolean; size?: number };

/** How a line is cut that has no end. */
export interface TornLine {
  /** How many of its bytes can be cut off without cutting through a secret. */
  safeLength: (bytes: CutBytes) => number;
  /** Where none can: all of them all the same. */
  cutThrough: boolean;
}

/** How records are cut. */
export interface RecordCutting {
  framing: Framing;
  /** One that is not whole is cut where it stands. */
  cutThrough: boolean;
}

export interface ReadRequest {
  offset: number;
  /** Of the bytes before the offset; null when they are not known. */
  anchor: string | null;
  /** How the stream began; null when nothing was cut of it. */
  head?: KnownHead | null;
  /** How many new bytes the file has, as far as is known. */
  available: number;
  bytesMax: number;
  /** Cut an unterminated rest where it stands. */
  cutAnywhere: boolean;
  /** Absent: such a line may be cut anywhere. */
  torn?: TornLine;
  /** Absent: the file is cut by lines, whatever it holds. */
  records?: RecordCutting;
  /** Zeros are bytes like any other. */
  zerosAreBytes: boolean;
  /** What was seen behind a hole that ends at the offset. */
  behind?: Behind | null;
}

/** The bytes of a cut are a part of one of `buffers`: give it back when they are sent. */
export async function readNext(file: OpenFile, request: ReadRequest, buffers: ReadBuffers): Promise<Reading> {
  const { offset, anchor, bytesMax } = request;
  const before = anchorLength(offset);
  const wanted = Math.min(bytesMax, Math.max(0, request.available));
  const buffer = buffers.take(before + wanted);
  const got = await file.read(buffer, 0, before + wanted, offset - before);
  // With less than there was a moment ago it was truncated meanwhile: what was read may be of either side.
  if (got < before + wanted || (anchor !== null && hashOf(buffer.subarray(0, before)) !== anchor)) {
    buffers.giveBack(buffer);
    return { kind: 'rewritten' };
  }
  // Zeros are like any other zeros.
  if (request.head && areZeros(buffer.subarray(0, before)) && !(await hasHead(file, request.head))) {
    buffers.giveBack(buffer);
    return { kind: 'rewritten' };
  }
  const fresh = buffer.subarray(before, got);
  if (request.behind && !standsBehind(request.behind, { end: offset, behind: fresh })) {
    buffers.giveBack(buffer);
    return { kind: 'rewritten' };
  }
  const isFull = fresh.length >= bytesMax;
  const after = isFull ? await lookAfter(file, request, buffer) : null;
  if (after?.isOfNext) {
    buffers.giveBack(buffer);
    return { kind: 'rewritten' };
  }
  const records = recordsLength(request, fresh, isFull);
  const zeros = request.zerosAreBytes || records !== null ? null : zerosIn(fresh, offset === 0);
  if (zeros?.start === 0) {
    buffers.giveBack(buffer);
    return { kind: 'zeros' };
  }
  // Where a hole begins, a line ends; zeros at the end of the file may yet be written over.
  const more = isFull || (zeros !== null && zeros.end < fresh.length);
  const window = buffer.subarray(0, before + fresh.length);
  const length =
    records ?? (zeros && more ? zeros.start : linesLength(request, window, before, { zeros, isFull }));
  if (length === 0) {
    buffers.giveBack(buffer);
    return { kind: 'nothing', unterminatedBytes: zeros?.start ?? fresh.length, ofRecord: records !== null };
  }
  const end = before + length;
  return {
    kind: 'cut',
    bytes: fresh.subarray(0, length),
    before: buffer.subarray(0, before),
    anchor: hashOf(buffer.subarray(end - anchorLength(offset + length), end)),
    more,
    ...(after && after.size !== null && { size: after.size }),
  };
}

/**
 * Between the look at its size and the read the file may have been truncated, and written anew so far that the read did not meet its end: then these
 * bytes begin a stream of their own. `size`: of the file that has these bytes; null where they are not there any more.
 */
async function lookAfter(
  file: OpenFile,
  { offset, available }: ReadRequest,
  read: Buffer,
): Promise<{ isOfNext: boolean; size: number | null }> {
  const { size } = await file.stat();
  if (size === offset + available) return { isOfNext: false, size };
  const end = offset - anchorLength(offset) + read.length;
  const isThere = await hasAnchor(file, end, hashOf(read.subarray(-anchorLength(end))));
  return { isOfNext: isThere && size < offset + available, size: isThere ? size : null };
}

/** Null where there are none. */
function recordsLength({ records, offset }: ReadRequest, fresh: Buffer, isFull: boolean): number | null {
  const whole = records ? wholeRecordsLength(records.framing, fresh, offset) : null;
  return whole === 0 && (isFull || records?.cutThrough) ? fresh.length : whole;
}

/** Shortened where there is no line end and it goes through what may be a secret. */
function linesLength(
  { torn, offset, cutAnywhere }: ReadRequest,
  read: Buffer,
  from: number,
  { zeros, isFull }: { zeros: { start: number } | null; isFull: boolean },
): number {
  const length = cutLength(
    read.subarray(from, zeros ? from + zeros.start : undefined),
    cutAnywhere || isFull,
  );
  const window = read.subarray(0, from + length);
  const last = window.at(-1);
  if (!torn || length === 0 || last === 0x0a || last === 0x0d) return length;
  const safe = torn.safeLength({ window, from, offset: offset - from });
  return safe > 0 || !(torn.cutThrough || isFull) ? safe : length;
}

/** How many of the bytes to cut off; 0 if none yet. */
export function cutLength(bytes: Buffer, anywhere: boolean): number {
  const lineEnd = bytes.lastIndexOf(0x0a);
  if (lineEnd !== -1) return lineEnd + 1;
  const carriageReturn = bytes.lastIndexOf(0x0d);
  if (carriageReturn !== -1) return carriageReturn + 1;
  return anywhere ? bytes.length : 0;
}
