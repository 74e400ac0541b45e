import { readFileSync, readdirSync } from 'node:fs';
import type { LogEvent } from '../../src/core/event.ts';
import type { Segment } from '../../src/core/segment.ts';
import type { StreamDocument } from '../../src/core/stream-document.ts';
import { takeIn } from '../../src/events/take-in.ts';
import type { Letter } from '../../src/events/take-in.ts';

export const fixtures = new URL('../fixtures/logs/', import.meta.url);
export const fixtureNames = readdirSync(fixtures).sort();

export function fixture(name: string): Buffer {
  return readFileSync(new URL(name, fixtures));
}

const stream = 'ab'.repeat(16);
export const carried = { lane: 'bulk', partition: 3 } as const;

export function segmentOf(start: number, bytes: Buffer, more: Partial<Segment> = {}): Segment {
  return {
    stream,
    start,
    end: start + bytes.length,
    bytes,
    source: 'node-1',
    run: 'run',
    attempt: 0,
    rank: null,
    host: 'host',
    path: '/logs/train.log',
    labels: {},
    created: 1_795_428_000_000,
    observed: 1_795_428_486_000,
    previous: null,
    final: false,
    gap: null,
    snapshot: false,
    ...more,
  };
}

export interface Taken {
  closed: LogEvent[];
  letters: Letter[];
  opens: LogEvent[];
  outcomes: string[];
  document: StreamDocument | null;
}

/** Takes the segments in, one after the other, as an indexer would; `between` is what happens to the stored document. */
export function takeAll(
  segments: readonly Segment[],
  between: (document: StreamDocument) => StreamDocument = (document) => document,
): Taken {
  const taken: Taken = { closed: [], letters: [], opens: [], outcomes: [], document: null };
  for (const segment of segments) {
    const result = takeIn(taken.document === null ? null : between(taken.document), carried, segment);
    taken.document = result.document;
    taken.closed.push(...result.closed);
    taken.letters.push(...result.letters);
    taken.outcomes.push(result.outcome);
    taken.opens.push(...result.open);
  }
  return taken;
}

/** The events of a whole file that was taken in as one segment. */
export function eventsOf(text: string | Buffer, more: Partial<Segment> = {}): LogEvent[] {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  return takeAll([segmentOf(0, bytes, { final: true, ...more })]).closed;
}

/** Through JSON and back, as an index stores it. */
export function throughJson(document: StreamDocument): StreamDocument {
  const { open } = document;
  const text = JSON.stringify({
    ...document,
    open: open && { ...open, bytes: open.bytes.toString('base64') },
  });
  const read = JSON.parse(text) as StreamDocument;
  const stored = read.open as unknown as { bytes: string } | null;
  return { ...read, open: read.open && { ...read.open, bytes: Buffer.from(stored?.bytes ?? '', 'base64') } };
}
