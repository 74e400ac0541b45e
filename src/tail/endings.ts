import type { GapReason } from '../core/segment.ts';
import type { Cut, MadeCut, StreamState } from './cut-state.ts';
import type { Orphan } from './followed-file.ts';

const noBytes = Buffer.alloc(0);

/** The last cut of a stream that was read to its end. `gap`: more was in it that cannot be had. `now` is wall ms. */
export function finalMarker(state: StreamState, now: number, gap: GapReason | null = null): MadeCut {
  const cut: Cut = {
    start: state.end,
    end: state.end,
    observed: Math.max(now, state.observed),
    anchor: state.anchor,
    gap,
    final: true,
  };
  return { state, cut, bytes: noBytes };
}

/**
 * How a stream ends whose bytes are gone: each cut that was not sent becomes a gap, and a final marker spans what was seen of
 * the file but never cut. A file that went away or was truncated while nobody looked may have held more than was ever seen: then
 * the marker is an empty gap, to say so. The marker is last.
 */
export function lostEnding(orphan: Orphan, now: number): { unsent: MadeCut[]; marker: MadeCut } {
  const { stream, successor, lastSize } = orphan;
  const reason: GapReason = successor ? 'truncated' : 'gone';
  const unsent = orphan.unsent.map((cut) => ({
    state: stream,
    cut: cut.end > cut.start ? { ...cut, gap: reason } : cut,
    bytes: noBytes,
  }));
  const marker = finalMarker(stream, now);
  const end = Math.max(stream.end, lastSize);
  const nothingLost = !orphan.unwatched && end === stream.end;
  const cut: Cut = { ...marker.cut, end, anchor: null, gap: nothingLost ? null : reason };
  return { unsent, marker: { ...marker, cut } };
}
