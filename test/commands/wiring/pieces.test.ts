import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pieceBytesMax, piecesOf } from '../../../src/commands/wiring/pieces.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/logs');
const text = readdirSync(fixtures)
  .map((name) => readFileSync(join(fixtures, name), 'utf8'))
  .join('')
  .repeat(3);

describe('piecesOf', () => {
  it('cuts at line ends, and keeps every byte', () => {
    const segment = segmentOf(text, { final: true });
    const pieces = piecesOf(null, carried(segment)).map((piece) => piece.segment);
    expect(pieces.length).toBeGreaterThan(2);
    expect(Buffer.concat(pieces.map(({ bytes }) => bytes)).equals(segment.bytes)).toBe(true);
    expect(pieces.every(({ bytes, start, end }) => bytes.length === end - start)).toBe(true);
    expect(Math.max(...pieces.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(pieceBytesMax);
    expect(pieces.slice(0, -1).every(({ bytes }) => bytes.at(-1) === 0x0a)).toBe(true);
    expect(pieces.map(({ final }) => final)).toEqual([...pieces.slice(1).map(() => false), true]);
  });

  it('cuts a line that is longer than a piece where it stands', () => {
    const pieces = piecesOf(null, carried(segmentOf('x'.repeat(pieceBytesMax * 2 + 5))));
    expect(pieces.map(({ segment }) => segment.bytes.length)).toEqual([pieceBytesMax, pieceBytesMax, 5]);
  });

  it('leaves whole what is short, and what does not simply continue its stream', () => {
    expect(piecesOf(null, carried(segmentOf('one\n')))).toHaveLength(1);
    expect(piecesOf(null, carried(segmentOf(text, { start: 7 })))).toHaveLength(1);
    expect(piecesOf(null, carried(segmentOf(text, { snapshot: true })))).toHaveLength(1);
  });
});
