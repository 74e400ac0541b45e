import type { CarriedSegment, Segment } from '../../src/core/segment.ts';

/** A segment of the stream `a`, with what a test wants otherwise. `bytes` may be text; `end` follows from it. */
export function segmentOf(text: string, values: Partial<Omit<Segment, 'bytes'>> = {}): Segment {
  const bytes = Buffer.from(text);
  const start = values.start ?? 0;
  return {
    source: 's',
    run: 'r',
    attempt: 0,
    rank: 0,
    host: 'h',
    path: '/logs/a.log',
    labels: {},
    stream: 'a'.repeat(32),
    start,
    end: start + bytes.length,
    created: 1,
    observed: Date.UTC(2026, 10, 23, 10),
    previous: null,
    final: false,
    gap: null,
    snapshot: false,
    ...values,
    bytes,
  };
}

export function carried(segment: Segment, position = 0): CarriedSegment {
  return { lane: 'bulk', partition: 0, position, segment };
}
