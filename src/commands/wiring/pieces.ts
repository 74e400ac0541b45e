import { recentSegmentsMax } from '../../core/stream-document.ts';
import type { StreamDocument } from '../../core/stream-document.ts';
import type { CarriedSegment } from '../../core/segment.ts';
import { checksum } from '../../segment/wire-format.ts';

/**
 * A segment in pieces. Reading a whole one holds the event loop up for longer than news of the fast lane may wait, and events do not
 * depend on how their bytes were cut: so it is read piece by piece, and remembered as the whole that it was.
 */

/** Of one piece: some ten milliseconds of work. */
export const pieceBytesMax = 64 * 1024;

const lineEnd = 0x0a;

/** The segment cut at line ends, where it has them; whole when it does not simply continue its stream. */
export function piecesOf(before: StreamDocument | null, carried: CarriedSegment): CarriedSegment[] {
  const { segment } = carried;
  const continues = segment.start === (before?.end ?? 0) && segment.gap === null && !segment.snapshot;
  if (!continues || segment.bytes.length <= pieceBytesMax) return [carried];
  const pieces: CarriedSegment[] = [];
  for (let from = 0; from < segment.bytes.length;) {
    const to = pieceEnd(segment.bytes, from);
    const isLast = to === segment.bytes.length;
    const piece = {
      ...segment,
      start: segment.start + from,
      end: segment.start + to,
      bytes: segment.bytes.subarray(from, to),
      final: segment.final && isLast,
    };
    pieces.push({ ...carried, segment: piece });
    from = to;
  }
  return pieces;
}

/** The document behind the last piece, as if the segment had been taken in at once. */
export function asWhole(
  before: StreamDocument | null,
  { segment }: CarriedSegment,
  after: StreamDocument,
): StreamDocument {
  const whole = { start: segment.start, end: segment.end, sum: checksum(segment.bytes) };
  return { ...after, recent: [...(before?.recent ?? []).slice(1 - recentSegmentsMax), whole] };
}

function pieceEnd(bytes: Buffer, from: number): number {
  const end = from + pieceBytesMax;
  if (end >= bytes.length) return bytes.length;
  const lastLineEnd = bytes.lastIndexOf(lineEnd, end - 1);
  return lastLineEnd >= from ? lastLineEnd + 1 : end;
}
