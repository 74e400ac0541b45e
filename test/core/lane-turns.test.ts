import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LaneTurns, bulkShare } from '../../src/core/lane-turns.ts';
import { segmentBytesMax } from '../../src/core/segment.ts';

/** Serves both lanes, which always wait, with items of these sizes until so many bytes went; what each lane had. */
function serve(size: { fast: number; bulk: number }, bytes: number): { fast: number; bulk: number } {
  const turns = new LaneTurns();
  const served = { fast: 0, bulk: 0 };
  while (served.fast + served.bulk < bytes) {
    const lane = turns.next({ fast: true, bulk: true });
    if (lane === null) throw new Error('somebody waits');
    served[lane] += size[lane];
    turns.took(lane, size[lane], true);
  }
  return served;
}

describe('LaneTurns', () => {
  it('lets a lane go at once that waits alone, and nobody when nobody waits', () => {
    const turns = new LaneTurns();
    expect(turns.next({ fast: false, bulk: false })).toBeNull();
    expect(turns.next({ fast: false, bulk: true })).toBe('bulk');
    turns.took('bulk', 1e12, false);
    expect(turns.next({ fast: true, bulk: false })).toBe('fast');
    expect(turns.next({ fast: true, bulk: true })).toBe('fast');
  });

  it('gives bulk its share of the bytes while both wait, whatever their sizes', () => {
    const size = fc.integer({ min: 100, max: segmentBytesMax });
    fc.assert(
      fc.property(size, size, (fast, bulk) => {
        const bytes = 100 * segmentBytesMax;
        const share = serve({ fast, bulk }, bytes).bulk / bytes;
        // A share of what goes in turns of a whole segment is exact only in the long run.
        expect(share).toBeGreaterThan(bulkShare - 0.03);
        expect(share).toBeLessThan(bulkShare + 0.03);
      }),
      { numRuns: 20 },
    );
  });

  it('lets many short ones of the fast lane go before bulk has its first turn', () => {
    const turns = new LaneTurns();
    let went = 0;
    while (turns.next({ fast: true, bulk: true }) === 'fast') {
      turns.took('fast', 1000, true);
      went += 1000;
    }
    expect(went).toBeGreaterThan(2 * segmentBytesMax);
  });

  it('saves up no more than two turns for bulk that could not go', () => {
    const turns = new LaneTurns();
    for (let i = 0; i < 1000; i += 1) turns.took('fast', segmentBytesMax, true);
    let inARow = 0;
    for (; turns.next({ fast: true, bulk: true }) === 'bulk'; inARow += 1)
      turns.took('bulk', segmentBytesMax, true);
    expect(inARow).toBe(2);
  });
});
