import { expect, it } from 'vitest';
import { heldStreams } from '../../../src/commands/wiring/held.ts';
import type { Segment } from '../../../src/core/segment.ts';
import type { StreamDocument } from '../../../src/core/stream-document.ts';
import type { SegmentBatch } from '../../../src/core/transport.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';

/** An index whose documents are ends, what is remembered of it, and another cluster that may still hold what comes before. */
function bench(remembered: Record<string, number>, stored: Record<string, number>) {
  const known = new Map(Object.entries(remembered));
  const asked: string[] = [];
  const held = async (segments: readonly Segment[], isPreceded?: () => boolean) => {
    const batch = { segments: segments.map((segment) => carried(segment)) } as unknown as SegmentBatch;
    if (isPreceded)
      batch.mayBePreceded = async () => {
        asked.push('transport');
        return isPreceded();
      };
    const found = await heldStreams(batch, {
      documentOf: (id) => (known.has(id) ? ({ end: known.get(id) } as StreamDocument) : undefined),
      reload: async (ids) => {
        asked.push(`index ${ids.join(' ')}`);
        for (const id of ids) if (stored[id] !== undefined) known.set(id, stored[id]);
      },
      signal: new AbortController().signal,
    });
    return Object.fromEntries(found);
  };
  return { held, asked, stored, known };
}

const at = (stream: string, start: number, over: Partial<Segment> = {}) =>
  segmentOf('x', { stream, start, ...over });

it('asks nobody about what continues, and nobody at all with one cluster', async () => {
  const two = bench({ a: 1 }, {});
  expect(await two.held([at('a', 1), at('a', 2), at('b', 0), at('a', 0)], () => true)).toEqual({});
  const one = bench({ a: 1 }, {});
  expect(await one.held([at('a', 5)])).toEqual({});
  expect([two.asked, one.asked]).toEqual([[], []]);
});

it('goes on where another one has taken in what lies between', async () => {
  const { held, asked } = bench({ a: 1 }, { a: 5 });
  expect(await held([at('a', 5)], () => true)).toEqual({});
  expect(asked).toEqual(['index a']);
});

it('holds a stream from its first segment that does not continue on', async () => {
  const { held, asked } = bench({ a: 1 }, {});
  expect(await held([at('a', 1), at('a', 5), at('b', 0), at('c', 3), at('a', 6)], () => true)).toEqual({
    a: 5,
    c: 3,
  });
  expect(asked).toEqual(['index a c', 'transport']);
});

it('asks the index once more when the other cluster has nothing left', async () => {
  const { held, asked, stored, known } = bench({ a: 1 }, {});
  const answer = () => {
    // It was taken in between the first look and the answer.
    stored['a'] = 5;
    return false;
  };
  expect(await held([at('a', 5)], answer)).toEqual({});
  expect(asked).toEqual(['index a', 'transport', 'index a']);
  expect(known.get('a')).toBe(5);
});

it('holds the first state of a rewritten file of which the one before is not known', async () => {
  const { held, asked } = bench({}, {});
  const state = (stream: string, previous: string | null) => at(stream, 0, { snapshot: true, previous });
  expect(await held([state('a', null), state('b', 'a'), state('c', 'x')], () => true)).toEqual({ c: 0 });
  expect(asked).toEqual(['index c x', 'transport']);
  const known = bench({}, { x: 7 });
  expect(await known.held([state('c', 'x')], () => true)).toEqual({});
});
