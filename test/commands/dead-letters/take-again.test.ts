import { beforeEach, describe, expect, it } from 'vitest';
import { takeAgain } from '../../../src/commands/dead-letters/take-again.ts';
import { refusedLetter, rejectedLetter } from '../../../src/commands/wiring/letters.ts';
import { itemsOf, readSegment } from '../../../src/commands/wiring/reading.ts';
import type { IndexItem } from '../../../src/core/event-index.ts';
import type { Segment } from '../../../src/core/segment.ts';
import type { StreamDocument } from '../../../src/core/stream-document.ts';
import type { DeadLetter } from '../../../src/core/transport.ts';
import { encodeSegment } from '../../../src/segment/wire-format.ts';
import { FakeEventIndex } from '../../fakes/event-index.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';

const signal = AbortSignal.timeout(60_000);

describe('a dead letter is taken in again', () => {
  let index: FakeEventIndex;
  let published: Segment[];
  let items: IndexItem[];
  let document: StreamDocument;

  beforeEach(async () => {
    index = new FakeEventIndex();
    published = [];
    const segment = segmentOf('{"step": 3, "loss": 2.5}\n{"step": 4, "loss": NaN}\n', {
      path: '/logs/m.jsonl',
    });
    const reading = readSegment(null, carried(segment), { timeZone: 'UTC', now: 0 });
    items = itemsOf(reading.closed, reading.facts);
    ({ document } = reading);
    await index.write([{ kind: 'stream', document }]);
  });

  const again = async (...letters: DeadLetter[]) =>
    await takeAgain(letters, {
      index,
      signal,
      publisher: {
        partitionFor: async () => 0,
        publish: async (_lane, _partition, segment) => void published.push(segment),
        stop: async () => undefined,
      },
    });
  const letterOf = (item: IndexItem | undefined) => {
    if (!item) throw new Error('no such item');
    return refusedLetter(item, 'mapping refused', 0);
  };
  const recordLetter = (segment: Segment, changes: Record<string, string> = {}) => {
    const { key, value, headers } = encodeSegment(segment);
    const place = { lane: 'bulk' as const, partition: 2, position: 7 };
    return rejectedLetter(
      { ...place, key, value, headers: { ...headers, ...changes }, error: 'SEGMENT_X: x' },
      0,
    );
  };

  it('a document, under its id and version: its event first, then its points', async () => {
    const event = letterOf(items.find(({ kind }) => kind === 'event'));
    const points = letterOf(items.find(({ kind }) => kind === 'points'));
    expect(await again(points)).toMatchObject([{ status: 'kept', reason: expect.stringContaining('event') }]);
    expect(await again(points, event)).toEqual([{ status: 'replayed' }, { status: 'replayed' }]);
    expect([...index.events.values()].map(({ start }) => start)).toEqual([0]);
    expect(index.stored.size).toBe(1);
    expect(await again(event)).toEqual([{ status: 'held' }]);
  });

  it('not over events that were cut otherwise meanwhile', async () => {
    const event = letterOf(items.find(({ kind }) => kind === 'event'));
    const held = readSegment(null, carried(segmentOf('{"a": 1}\n{"b": 2}\n')), { timeZone: 'UTC', now: 0 });
    for (const other of held.closed) index.events.set(`other ${other.id}`, other);
    expect(await again(event)).toMatchObject([
      { status: 'kept', reason: expect.stringContaining('replay r') },
    ]);
  });

  it('not into a run that the index no longer knows', async () => {
    index.documents.clear();
    expect(await again(letterOf(items[0]))).toMatchObject([{ status: 'kept' }]);
    expect(index.events.size).toBe(0);
  });

  it('a document that is refused again stays, with its new reason', async () => {
    index.write = async () => [{ status: 'rejected', reason: 'another reason' }];
    expect(await again(letterOf(items[0]))).toEqual([{ status: 'refused', reason: 'another reason' }]);
  });

  it('a record that is a segment now is published where it belongs, once', async () => {
    const next = segmentOf('next\n', { start: document.end });
    const [outcome] = await again(recordLetter(next));
    expect(outcome).toEqual({ status: 'replayed' });
    expect(published).toEqual([next]);
    expect(await again(recordLetter(segmentOf('{"s', {})))).toEqual([{ status: 'held' }]);
    const twice = await again(recordLetter(next), recordLetter(next));
    expect(twice.map(({ status }) => status).toSorted()).toEqual(['held', 'replayed']);
  });

  it('a record that is still none is refused, and one whose range was given up stays', async () => {
    const broken = recordLetter(segmentOf('next\n', { start: document.end }), { sum: 'nonsense' });
    expect(await again(broken)).toMatchObject([
      { status: 'refused', reason: expect.stringMatching(/^SEGMENT_/) },
    ]);
    const gaps = [{ start: document.end, end: document.end + 5, reason: 'missing' as const }];
    await index.write([{ kind: 'stream', document: { ...document, gaps, end: document.end + 20 } }]);
    expect(await again(recordLetter(segmentOf('next\n', { start: document.end })))).toMatchObject([
      { status: 'kept', reason: expect.stringContaining('given up') },
    ]);
    expect(published).toEqual([]);
  });

  it('never other bytes under a held range, nor bytes that were no record', async () => {
    const letter = { ...letterOf(items[0]), document: undefined };
    const outcomes = await again(
      { ...letter, kind: 'conflict' },
      { ...letter, kind: 'late' },
      { ...letter, kind: 'record', headers: { lane: 'bulk', partition: '0', position: '3' }, value: '' },
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['kept', 'kept', 'kept']);
  });
});
