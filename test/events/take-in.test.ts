import { describe, expect, test } from 'vitest';
import { eventBytesMax } from '../../src/core/event.ts';
import { openEvents, takeIn } from '../../src/events/take-in.ts';
import { carried, eventsOf, segmentOf, takeAll } from './helpers.ts';

const hello = Buffer.from('hello\nworld\n');
const later = 1_795_428_486_000 + 5000;

describe('ranges', () => {
  test('a redelivered segment changes nothing', () => {
    const taken = takeAll([segmentOf(0, hello), segmentOf(0, hello), segmentOf(6, hello.subarray(6))]);
    expect(taken.outcomes).toEqual(['taken', 'redelivered', 'redelivered']);
    expect(taken.letters).toEqual([]);
    expect(taken.document?.events).toBe(1);
  });

  test('the open event of a stored document is that of the take-in', () => {
    const taken = takeIn(null, carried, segmentOf(0, hello));
    expect(taken.open).toMatchObject([{ message: 'world', open: true, start: 6, end: 11 }]);
    expect(openEvents(taken.document)).toEqual(taken.open);
    expect(takeIn(taken.document, carried, segmentOf(0, hello)).open).toEqual(taken.open);
  });

  test('a torn line is shown as itself, not with the time of the event that was open before it', () => {
    const text = Buffer.from('2026-11-23 10:25:40 INFO first\n\nsecond');
    const taken = takeAll([segmentOf(0, text.subarray(0, 31)), segmentOf(31, text.subarray(31))]);
    const open = { message: 'second', timeSource: 'observed', level: null, start: 32, end: 38 };
    expect(taken.opens.at(-1)).toMatchObject(open);
    expect(taken.document && openEvents(taken.document)).toEqual(taken.opens.slice(-1));
  });

  test('a segment that overlaps is trimmed to what is new', () => {
    const taken = takeAll([
      segmentOf(0, hello.subarray(0, 8)),
      segmentOf(3, hello.subarray(3), { final: true }),
    ]);
    expect(taken.closed.map((event) => event.message)).toEqual(['hello', 'world']);
  });

  test('other bytes under a held range are a conflict', () => {
    const other = segmentOf(0, Buffer.from('HELLO\nworld\n'));
    const { letters, outcomes } = takeAll([segmentOf(0, hello), other]);
    expect(outcomes).toEqual(['taken', 'redelivered']);
    expect(letters).toMatchObject([{ reason: 'conflict', start: 0, end: 12 }]);
  });

  test('other bytes under the open event are a conflict, and what lies beyond is taken in', () => {
    const { letters, document } = takeAll([segmentOf(0, hello), segmentOf(6, Buffer.from('WORLD\nmore\n'))]);
    expect(letters).toMatchObject([{ reason: 'conflict', start: 6, end: 12 }]);
    expect(document?.end).toBe(17);
  });

  test('a hole is recorded as missing and closes the open event; what comes for it is late', () => {
    const first = takeAll([segmentOf(0, hello), segmentOf(20, Buffer.from('after\n'))]);
    expect(first.document?.gaps).toEqual([{ start: 12, end: 20, reason: 'missing' }]);
    expect(first.closed.map((event) => event.message)).toEqual(['hello', 'world']);
    const late = takeIn(first.document, carried, segmentOf(12, Buffer.from('middle!\n')));
    expect(late).toMatchObject({ outcome: 'redelivered', letters: [{ reason: 'late', start: 12, end: 20 }] });
  });

  test('a gap marker closes the open event and is recorded with its reason', () => {
    const gap = segmentOf(8, Buffer.alloc(0), { end: 100, gap: 'truncated' });
    const taken = takeAll([segmentOf(0, hello.subarray(0, 8)), gap, gap]);
    expect(taken.document).toMatchObject({ end: 100, gaps: [{ start: 8, end: 100, reason: 'truncated' }] });
    expect(taken.closed.map((event) => event.message)).toEqual(['hello', 'wo']);
    expect(taken.outcomes).toEqual(['taken', 'taken', 'redelivered']);
  });

  test('a final marker closes what is open; bytes that follow are taken in all the same', () => {
    const taken = takeAll([
      segmentOf(0, hello, { final: true }),
      segmentOf(12, Buffer.from('more\n')),
      segmentOf(17, Buffer.alloc(0), { final: true }),
    ]);
    expect(taken.closed.map((event) => event.message)).toEqual(['hello', 'world', 'more']);
    expect(taken.document).toMatchObject({ final: true, open: null, closedEnd: 16 });
  });
});

describe('time closes an event', () => {
  test('segments observed 5 s apart have an end between them, also inside a line', () => {
    const rest = segmentOf(8, hello.subarray(8), { observed: later });
    const taken = takeAll([segmentOf(0, hello.subarray(0, 8)), rest]);
    expect(taken.closed.map((event) => event.message)).toEqual(['hello', 'wo']);
    expect(taken.document?.open?.eventStart).toBe(8);
  });

  test('less than 5 s does not', () => {
    const rest = segmentOf(8, hello.subarray(8), { observed: later - 1, final: true });
    expect(takeAll([segmentOf(0, hello.subarray(0, 8)), rest]).closed.map((e) => e.message)).toEqual([
      'hello',
      'world',
    ]);
  });

  test('observed is that of the segment in which the event starts', () => {
    const rest = segmentOf(8, hello.subarray(8), { observed: later - 1, final: true });
    const { closed } = takeAll([segmentOf(0, hello.subarray(0, 8)), rest]);
    expect(closed.map((event) => event.observed)).toEqual([later - 5000, later - 5000]);
  });
});

describe('bounds', () => {
  test('binary streams have no events, and their bytes count as held', () => {
    const head = Buffer.from('1800000000000000a37f4b22', 'hex');
    const taken = takeAll([
      segmentOf(0, head.subarray(0, 5)),
      segmentOf(5, head.subarray(5), { final: true }),
    ]);
    expect(taken).toMatchObject({
      closed: [],
      document: { end: 12, open: null, context: { events: { format: 'binary' } } },
    });
  });

  test('a hole of zeros at the head of a text is no binary and no event', () => {
    const events = eventsOf(Buffer.concat([Buffer.alloc(600_000), Buffer.from('hello\n')]));
    expect(events).toMatchObject([{ start: 600_000, end: 600_005, message: 'hello' }]);
  });

  test('a line without end is cut into parts of one id, in linear time and bounded memory', () => {
    const chunk = Buffer.alloc(880 * 1024, 'é');
    let document = takeIn(null, carried, segmentOf(0, chunk)).document;
    let parts = 0;
    for (let i = 0; i < 40; i += 1) {
      const taken = takeIn(document, carried, segmentOf(document.end, chunk));
      document = taken.document;
      parts += taken.closed.length;
      expect(document.open?.bytes.length).toBeLessThanOrEqual(eventBytesMax);
      for (const event of taken.closed) expect(event.message).not.toContain('\uFFFD');
    }
    expect(parts).toBe(Math.floor((41 * chunk.length) / eventBytesMax) - 3);
  });

  test('a progress bar without end keeps only its last frame', () => {
    const frames = Array.from({ length: 3000 }, (_, i) => `\r ${i}/3000 [00:0${i % 10}<00:00, 9.5it/s]`).join(
      '',
    );
    const { document } = takeAll([segmentOf(0, Buffer.from(frames))]);
    expect(document?.open?.bytes.length).toBeLessThan(200);
  });
});
