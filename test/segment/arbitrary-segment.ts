import fc from 'fast-check';
import { gapReasons } from '../../src/core/segment.ts';
import type { Segment } from '../../src/core/segment.ts';

const hexId = fc.stringMatching(/^[0-9a-f]{32}$/);
const text = fc.string({ unit: 'binary', maxLength: 40 });
const time = fc.oneof(
  fc.integer({ min: 0, max: 4e12 }),
  fc.integer({ min: 0, max: 4e12 }).map((ms) => ms / 8),
);

/** Any segment that an agent may write: odd paths and labels, markers, gaps of any size. */
export const arbitrarySegment: fc.Arbitrary<Segment> = fc
  .record({
    source: text,
    run: text,
    attempt: fc.nat(),
    rank: fc.option(fc.nat()),
    host: text,
    path: text.map((name) => `/${name}`),
    labels: fc.dictionary(text, text, { maxKeys: 4 }),
    stream: hexId,
    start: fc.maxSafeNat().map((n) => Math.floor(n / 2)),
    created: time,
    observed: time,
    previous: fc.option(hexId),
    final: fc.boolean(),
    snapshot: fc.boolean(),
    redact: fc.option(fc.constantFrom('source:1', 'index:12', `source:1.${'0f'.repeat(8)}`), {
      nil: undefined,
    }),
    gap: fc.option(fc.constantFrom(...gapReasons), { freq: 3 }),
    gapBytes: fc.nat({ max: 1e12 }),
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
      fc.string({ maxLength: 200 }).map((line) => Buffer.from(line.repeat(20))),
    ),
  })
  .map(({ gapBytes, redact, ...rest }) => {
    const bytes = rest.gap === null ? rest.bytes : Buffer.alloc(0);
    return {
      ...rest,
      ...(redact !== undefined && { redact }),
      bytes,
      end: rest.start + (rest.gap === null ? bytes.length : gapBytes),
    };
  });

export function exampleSegment(over: Partial<Segment> = {}): Segment {
  const bytes = over.bytes ?? Buffer.from('step 1 loss 2.5\n'.repeat(50));
  const start = over.start ?? 100;
  return {
    source: 'pod-7',
    run: 'llama',
    attempt: 0,
    rank: 3,
    host: 'node-1',
    path: '/logs/train.log',
    labels: { team: 'vision' },
    stream: 'ab'.repeat(16),
    start,
    end: start + bytes.length,
    created: 1_764_000_000_000,
    observed: 1_764_000_001_000,
    previous: null,
    final: false,
    gap: null,
    snapshot: false,
    bytes,
    ...over,
  };
}
