import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteRanges } from '../../../src/commands/audit/byte-ranges.ts';

const size = 60;
const range = fc
  .tuple(fc.nat(size), fc.nat(size))
  .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));

function offsets(ranges: readonly { start: number; end: number }[]): number[] {
  return ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i));
}

describe('ByteRanges', () => {
  it('is a set of offsets: overlaps, missing parts and size agree with one', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), range, (added, asked) => {
        const ranges = new ByteRanges();
        const model = new Set<number>();
        for (const { start, end } of added) {
          const overlap = offsets(ranges.add(start, end));
          expect(overlap).toEqual(offsets([{ start, end }]).filter((offset) => model.has(offset)));
          for (const offset of offsets([{ start, end }])) model.add(offset);
        }
        const missing = offsets(ranges.missing(asked.start, asked.end));
        expect(missing).toEqual(offsets([asked]).filter((offset) => !model.has(offset)));
        expect(ranges.bytes).toBe(model.size);
      }),
    );
  });
});
