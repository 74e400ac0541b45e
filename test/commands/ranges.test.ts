import fc from 'fast-check';
import { expect, it } from 'vitest';
import { piecesOf } from '../../src/commands/original-bytes/ranges.ts';

it('names gaps by their reason and unknown absence as missing', () => {
  const kept = [{ start: 10, end: 20, offset: 0 }];
  const gaps = [{ start: 22, end: 25, reason: 'truncated' as const }];
  expect(piecesOf(kept, gaps, { from: 0, to: 30 })).toEqual([
    { kind: 'missing', start: 0, end: 10, reason: 'missing' },
    { kind: 'kept', start: 10, end: 20, offset: 0 },
    { kind: 'missing', start: 20, end: 22, reason: 'missing' },
    { kind: 'missing', start: 22, end: 25, reason: 'truncated' },
    { kind: 'missing', start: 25, end: 30, reason: 'missing' },
  ]);
});

const range = fc
  .tuple(fc.nat(40), fc.integer({ min: 1, max: 10 }))
  .map(([start, length]) => ({ start, end: start + length }));

it('gives each byte that was kept once, at its place, and covers everything', () => {
  fc.assert(
    fc.property(fc.array(range), fc.array(range), (keptRanges, gapRanges) => {
      let offset = 0;
      const kept = keptRanges.map((one) => {
        const at = { ...one, offset };
        offset += one.end - one.start;
        return at;
      });
      // In the file, a byte of the stream at `position` is written as that number.
      const file = kept.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i));
      const pieces = piecesOf(
        kept,
        gapRanges.map((gap) => ({ ...gap, reason: 'gone' as const })),
        { from: 0, to: 60 },
      );
      let position = 0;
      for (const piece of pieces) {
        expect(piece.start).toBe(position);
        for (; position < piece.end; position += 1) {
          const isKept = kept.some(({ start, end }) => start <= position && position < end);
          const byte = piece.kind === 'kept' ? file[piece.offset + position - piece.start] : 'missing';
          expect(byte).toBe(isKept ? position : 'missing');
        }
      }
      expect(position).toBe(60);
    }),
  );
});
