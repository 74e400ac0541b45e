import { lookBackBytes } from '../core/redaction/mask.ts';
import { segmentBytesMax } from '../core/segment.ts';
import type { Cut, MadeCut, StreamState } from './cut-state.ts';
import type { OpenFile } from './file-system.ts';
import { anchorLength, hashOf } from './identity.ts';

const noBytes = Buffer.alloc(0);

/**
 * The cuts that an earlier process decided and did not see acknowledged, in pieces that fit a segment: one that stands for others, whose
 * entries were damaged, may be larger.
 */
export function unsentOf({ pending }: StreamState): Cut[] {
  return pending.flatMap((cut) => (cut.gap === null ? piecesOf(cut) : [cut]));
}

/** One of them with its bytes: the same segment again. Where the bytes before its end are others now, a gap instead. */
export async function resend(state: StreamState, cut: Cut, file: OpenFile): Promise<MadeCut> {
  if (cut.gap !== null) return { state, cut, bytes: noBytes };
  const read = await bytesOf(cut, file);
  if (read === null) return { state, cut: { ...cut, gap: 'gone' }, bytes: noBytes };
  return { state, cut, ...read };
}

/** Null when they are not there any more. */
async function bytesOf(cut: Cut, file: OpenFile): Promise<{ bytes: Buffer; before: Buffer } | null> {
  const anchorStart = cut.end - anchorLength(cut.end);
  const before = cut.redact === undefined ? 0 : Math.min(cut.start, lookBackBytes);
  const from = Math.min(cut.start - before, anchorStart);
  const buffer = Buffer.allocUnsafeSlow(cut.end - from);
  const got = await file.read(buffer, 0, buffer.length, from);
  if (got < buffer.length) return null;
  if (cut.anchor !== null && hashOf(buffer.subarray(anchorStart - from)) !== cut.anchor) return null;
  const bytes = buffer.subarray(cut.start - from);
  return { bytes, before: buffer.subarray(cut.start - from - before, cut.start - from) };
}

function piecesOf(cut: Cut): Cut[] {
  const pieces: Cut[] = [];
  let { start } = cut;
  for (; cut.end - start > segmentBytesMax; start += segmentBytesMax)
    pieces.push({ ...cut, start, end: start + segmentBytesMax, anchor: null, final: false });
  return [...pieces, { ...cut, start }];
}
