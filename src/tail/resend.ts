import { segmentBytesMax } from '../core/segment.ts';
import type { Cut, StreamState } from './cut-state.ts';
import type { OpenFile } from './file-system.ts';
import { anchorLength, hashOf } from './identity.ts';

/**
 * The cuts that an earlier process decided and did not see acknowledged, with their bytes: the same segments again. Where the
 * bytes before a cut's end are others now, a gap instead.
 */
export async function resendPending(
  state: StreamState,
  file: OpenFile,
): Promise<{ state: StreamState; cut: Cut; bytes: Buffer }[]> {
  const made: { state: StreamState; cut: Cut; bytes: Buffer }[] = [];
  for (const cut of state.pending) {
    const bytes = cut.gap === null ? await bytesOf(cut, file) : Buffer.alloc(0);
    if (bytes === null) {
      made.push({ state, cut: { ...cut, gap: 'gone' }, bytes: Buffer.alloc(0) });
      continue;
    }
    for (const piece of piecesOf(cut)) {
      made.push({ state, cut: piece, bytes: bytes.subarray(piece.start - cut.start, piece.end - cut.start) });
    }
  }
  return made;
}

/** Null when they are not there any more. */
async function bytesOf(cut: Cut, file: OpenFile): Promise<Buffer | null> {
  const anchorStart = cut.end - anchorLength(cut.end);
  const from = Math.min(cut.start, anchorStart);
  const buffer = Buffer.allocUnsafeSlow(cut.end - from);
  const got = await file.read(buffer, 0, buffer.length, from);
  if (got < buffer.length) return null;
  if (cut.anchor !== null && hashOf(buffer.subarray(anchorStart - from)) !== cut.anchor) return null;
  return buffer.subarray(cut.start - from);
}

/** A cut that stands for others, whose entries were damaged, may be larger than a segment. */
function piecesOf(cut: Cut): Cut[] {
  if (cut.end - cut.start <= segmentBytesMax) return [cut];
  const pieces: Cut[] = [];
  for (let start = cut.start; start < cut.end; start += segmentBytesMax) {
    pieces.push({ ...cut, start, end: Math.min(start + segmentBytesMax, cut.end) });
  }
  return pieces;
}
