import { lookBackBytes } from '../core/redaction/mask.ts';
import { segmentBytesMax } from '../core/segment.ts';
import type { Cut, MadeCut, StreamState } from './cut-state.ts';
import type { OpenFile } from './file-system.ts';
import { anchorLength, hashOf } from './identity.ts';
import type { SpooledFile } from './spooled-file.ts';

const noBytes = Buffer.alloc(0);

/**
 * The cuts that an earlier process decided and did not see acknowledged, in pieces that fit a segment: one that stands for others, whose
 * entries were damaged, may be larger.
 */
export function unsentOf({ pending }: StreamState): Cut[] {
  return pending.flatMap((cut) => (cut.gap === null ? piecesOf(cut) : [cut]));
}

/** Those from an offset on, when the spool is all that is left of the file: what it lacks is decided to be gaps. */
export function unsentOfSpool(state: StreamState, spooled: SpooledFile, from: number): Cut[] {
  state.pending = state.pending.flatMap((cut) => (cut.start < from ? [cut] : splitAtLacks(cut, spooled)));
  return unsentOf(state).filter(({ start }) => start >= from);
}

/**
 * One of them with its bytes: the same segment again. Where the bytes before its end are others now, a gap instead. `isShown`: they are there to be
 * compared; what the spool cannot show whole is not, for each piece of it has a checksum.
 */
export async function resend(state: StreamState, cut: Cut, file: OpenFile, isShown = true): Promise<MadeCut> {
  if (cut.gap !== null) return { state, cut, bytes: noBytes };
  const read = await bytesOf(isShown ? cut : { ...cut, anchor: null }, file);
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

/** The cut in pieces: what the spool has of it, and gaps for what it has not. */
function splitAtLacks(cut: Cut, spooled: SpooledFile): Cut[] {
  if (cut.gap !== null || spooled.covers(cut.start, cut.end)) return [cut];
  const pieces: Cut[] = [];
  for (let start = cut.start; start < cut.end;) {
    const lack = spooled.lackAt(start);
    const end = Math.min(cut.end, lack?.end ?? spooled.runEnd(start));
    pieces.push({
      ...cut,
      start,
      end,
      gap: lack?.reason ?? null,
      anchor: null,
      final: cut.final && end === cut.end,
    });
    start = end;
  }
  return pieces;
}
