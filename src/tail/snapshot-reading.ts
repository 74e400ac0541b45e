import { crc32 } from 'node:zlib';
import { segmentBytesMax } from '../core/segment.ts';
import type { Cut } from './cut-state.ts';
import type { OpenFile } from './file-system.ts';
import { anchorLength, hashOf, headBytesMax, headOf } from './identity.ts';
import { cutLength } from './reading.ts';

/** How a state of a rewritten file is cut, decided without keeping its bytes: they are read again when they are sent. */
export interface PlannedCuts {
  cuts: (Cut & { sum: number })[];
  /** crc32 of all up to the last cut's end. */
  sum: number;
  head: Buffer;
}

/** Bytes [start, end), `sum` being the crc32 of those before. */
export interface StateRange {
  start: number;
  end: number;
  sum: number;
}

/**
 * Cuts of at most a segment, at line ends where there are any, the last one final. `wholeLines`: a rest without line end is
 * left out. Null: the file is shorter than it was.
 */
export async function planCuts(
  file: OpenFile,
  range: StateRange,
  options: { observed: number; wholeLines: boolean },
): Promise<PlannedCuts | null> {
  const { observed, wholeLines } = options;
  const head = await readAt(file, 0, Math.min(headBytesMax, range.end));
  if (head === null) return null;
  const cuts: PlannedCuts['cuts'] = [];
  let { start, sum } = range;
  while (start < range.end) {
    const length = Math.min(segmentBytesMax, range.end - start);
    const before = anchorLength(start);
    const bytes = await readAt(file, start - before, before + length);
    if (bytes === null) return null;
    const isLast = start + length === range.end;
    const cutBytes = isLast && !wholeLines ? length : cutLength(bytes.subarray(before), !isLast);
    if (cutBytes === 0) break;
    const end = start + cutBytes;
    sum = crc32(bytes.subarray(before, before + cutBytes), sum);
    const anchor = hashOf(bytes.subarray(before + cutBytes - anchorLength(end), before + cutBytes));
    cuts.push({ start, end, observed, anchor, gap: null, final: false, sum });
    start = end;
  }
  const last = cuts.at(-1);
  if (last !== undefined) last.final = true;
  return { cuts, sum, head: headOf(head) };
}

/** crc32 of [0, end); null if the file is shorter. */
export async function sumOf(file: OpenFile, end: number): Promise<number | null> {
  let sum = 0;
  for (let at = 0; at < end; at += segmentBytesMax) {
    const bytes = await readAt(file, at, Math.min(segmentBytesMax, end - at));
    if (bytes === null) return null;
    sum = crc32(bytes, sum);
  }
  return sum;
}

/** Null: they are not all there. */
export async function readAt(file: OpenFile, start: number, length: number): Promise<Buffer | null> {
  const bytes = Buffer.allocUnsafeSlow(length);
  return (await file.read(bytes, 0, length, start)) === length ? bytes : null;
}
