import type { GapReason } from '../../core/segment.ts';

/** Bytes [start, end) of a stream, kept at `offset` of a file. */
export interface KeptRange {
  start: number;
  end: number;
  offset: number;
}

export interface GapRange {
  start: number;
  end: number;
  reason: GapReason;
}

/** What a stream consists of, from its beginning to its end: each byte once. `missing`: the transport does not have it. */
export type Piece =
  | { kind: 'kept'; start: number; end: number; offset: number }
  | { kind: 'missing'; start: number; end: number; reason: GapReason | 'missing' };

/** Kept ranges may overlap and come in any order (redeliveries); bytes that are there win over a gap. Pure. */
export function piecesOf(
  kept: readonly KeptRange[],
  gaps: readonly GapRange[],
  bounds: { from: number; to: number },
): Piece[] {
  const pieces: Piece[] = [];
  let position = bounds.from;
  for (const range of [...kept].sort((a, b) => a.start - b.start || b.end - a.end)) {
    if (range.end <= position) continue;
    pieces.push(...missingOf(gaps, position, range.start));
    const start = Math.max(range.start, position);
    pieces.push({ kind: 'kept', start, end: range.end, offset: range.offset + start - range.start });
    position = range.end;
  }
  pieces.push(...missingOf(gaps, position, bounds.to));
  return pieces;
}

function missingOf(gaps: readonly GapRange[], from: number, to: number): Piece[] {
  const pieces: Piece[] = [];
  let position = from;
  for (const gap of [...gaps].sort((a, b) => a.start - b.start)) {
    const start = Math.max(gap.start, position);
    const end = Math.min(gap.end, to);
    if (start >= end) continue;
    if (start > position) pieces.push({ kind: 'missing', start: position, end: start, reason: 'missing' });
    pieces.push({ kind: 'missing', start, end, reason: gap.reason });
    position = end;
  }
  if (position < to) pieces.push({ kind: 'missing', start: position, end: to, reason: 'missing' });
  return pieces;
}
