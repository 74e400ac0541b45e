import { describe, expect, it } from 'vitest';
import { finalMarker, lostEnding } from '../../src/tail/endings.ts';
import type { Orphan } from '../../src/tail/followed-file.ts';
import { followedFile } from '../../src/tail/followed-file.ts';
import { cutOf, emptyFile, stateOf } from './stream-state.ts';

const successor = followedFile('/logs/a.log', emptyFile, 0);

function orphan(more: Partial<Orphan> = {}): Orphan {
  const stream = stateOf([cutOf(0, 10), cutOf(10, 30)]);
  return {
    stream,
    lastSize: 30,
    successor: null,
    unsent: [],
    unwatched: false,
    scan: 0,
    untilOthers: 0,
    until: 0,
    untilMax: 0,
    ...more,
  };
}

describe('finalMarker', () => {
  it('is an empty cut at the end', () => {
    expect(finalMarker(stateOf([cutOf(0, 30)]), 2000)).toMatchObject({
      cut: { start: 30, end: 30, observed: 2000, anchor: 'x', gap: null, final: true },
      bytes: Buffer.alloc(0),
    });
  });

  it('is never observed before what it ends', () => {
    expect(finalMarker(stateOf([cutOf(0, 30)]), 500).cut.observed).toBe(1000);
  });
});

describe('lostEnding', () => {
  const gapOf = (more: Partial<Orphan>) => {
    const { start, end, gap, final } = lostEnding(orphan(more), 2000).marker.cut;
    return { start, end, gap, final };
  };

  it.each<[string, Partial<Orphan>, object]>([
    ['everything was cut', {}, { start: 30, end: 30, gap: null }],
    ['more was seen than was cut', { lastSize: 50 }, { start: 30, end: 50, gap: 'gone' }],
    [
      'it was truncated before all was cut',
      { lastSize: 50, successor },
      { start: 30, end: 50, gap: 'truncated' },
    ],
    ['nobody looked, so more may be lost', { unwatched: true }, { start: 30, end: 30, gap: 'gone' }],
    ['it had shrunk before', { lastSize: 5 }, { start: 30, end: 30, gap: null }],
  ])('%s', (_, more, expected) => expect(gapOf(more)).toEqual({ ...expected, final: true }));

  it('leaves alone what is under way from memory', () => {
    expect(lostEnding(orphan(), 2000).unsent).toEqual([]);
  });

  it('makes gaps of the cuts of an earlier process, and keeps markers as they are', () => {
    const stream = stateOf([cutOf(0, 10), cutOf(10, 30), cutOf(30, 30, { final: true })]);
    const { unsent } = lostEnding(orphan({ stream, unsent: stream.pending }), 2000);
    expect(unsent.map(({ cut: { start, end, gap }, bytes }) => [start, end, gap, bytes.length])).toEqual([
      [0, 10, 'gone', 0],
      [10, 30, 'gone', 0],
      [30, 30, null, 0],
    ]);
  });
});
