import { expect, it } from 'vitest';
import { segmentBytesMax } from '../../src/core/segment.ts';
import type { Cut } from '../../src/tail/cut-state.ts';
import type { OpenFile } from '../../src/tail/file-system.ts';
import { hashOf } from '../../src/tail/identity.ts';
import { resend, unsentOf } from '../../src/tail/resend.ts';
import { cutOf, stateOf } from './stream-state.ts';

function fileOf(content: Buffer): OpenFile {
  return {
    stat: () => Promise.reject(new Error('not asked for')),
    realPath: async () => await Promise.resolve(null),
    close: async () => await Promise.resolve(),
    read: async (buffer, at, length, position) =>
      await Promise.resolve(content.copy(buffer, at, position, position + length)),
  };
}

/** [start, end, gap, text] of what is sent again. */
async function resent(content: string | Buffer, ...pending: Cut[]) {
  const state = stateOf(pending);
  const file = fileOf(Buffer.from(content));
  const made = [];
  for (const cut of unsentOf(state)) made.push(await resend(state, cut, file));
  return made.map(({ cut, bytes }) => [cut.start, cut.end, cut.gap, bytes.toString('latin1')] as const);
}

const anchorOf = (text: string) => ({ anchor: hashOf(Buffer.from(text)) });

it('sends the same cuts with the same bytes', async () => {
  const cuts = [cutOf(0, 4, anchorOf('one\n')), cutOf(4, 8, anchorOf('one\ntwo\n'))];
  expect(await resent('one\ntwo\nthree\n', ...cuts)).toEqual([
    [0, 4, null, 'one\n'],
    [4, 8, null, 'two\n'],
  ]);
});

it('sends a gap for bytes that are others now, or are no longer there', async () => {
  const cuts = [cutOf(0, 4, anchorOf('one\n')), cutOf(4, 8, anchorOf('one\ntwo\n'))];
  expect(await resent('one\nTWO\n', ...cuts)).toEqual([
    [0, 4, null, 'one\n'],
    [4, 8, 'gone', ''],
  ]);
  expect(await resent('one\ntw', ...cuts)).toEqual([
    [0, 4, null, 'one\n'],
    [4, 8, 'gone', ''],
  ]);
});

it('sends gaps and markers as they are', async () => {
  const cuts = [cutOf(0, 9, { gap: 'truncated' }), cutOf(9, 9, { final: true })];
  expect(await resent('123456789', ...cuts)).toEqual([
    [0, 9, 'truncated', ''],
    [9, 9, null, ''],
  ]);
});

it('cuts what is larger than a segment into segments', async () => {
  const length = 2 * segmentBytesMax + 5;
  const content = Buffer.alloc(length, 'abc');
  const pieces = await resent(content, cutOf(0, length));
  expect(pieces.map(([start, end]) => [start, end])).toEqual([
    [0, segmentBytesMax],
    [segmentBytesMax, 2 * segmentBytesMax],
    [2 * segmentBytesMax, length],
  ]);
  expect(pieces.map(([, , , text]) => text).join('') === content.toString('latin1')).toBe(true);
});
