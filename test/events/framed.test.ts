import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { LogEvent } from '../../src/core/event.ts';
import { recordBytesMax } from '../../src/core/records/framing.ts';
import { tfRecord } from '../core/records/record-bytes.ts';
import { eventsOf, segmentOf, takeAll, throughJson } from './helpers.ts';

const folder = new URL('../fixtures/records/', import.meta.url);
const names = readdirSync(folder).filter((name) => !name.endsWith('.md'));
const file = (name: string) => readFileSync(new URL(name, folder));

const tensorboardx = file('tensorboardx.tfevents');
const offline = file('offline.wandb');

/** As its writer would call it. */
function pathOf(name: string): string {
  return name.endsWith('.wandb') ? `/logs/${name}` : '/logs/events.out.tfevents.1795428495.host';
}

function flipped(bytes: Buffer, at: number): Buffer {
  const other = Buffer.from(bytes);
  other[at] = (other[at] ?? 0) ^ 0x10;
  return other;
}

const unreadable = (events: readonly LogEvent[]) => events.filter(({ level }) => level === 'warn');
const boundsOf = (events: readonly LogEvent[]) =>
  events.map(({ start, end, sum }) => `${start}-${end} ${sum}`);

describe.each(names)('%s', (name) => {
  const bytes = file(name);
  const whole = eventsOf(bytes);

  it('is read whole, without damage', () => {
    expect(whole.length).toBeGreaterThan(3);
    expect(whole.every(({ kind, format }) => kind === 'record' && format === name.split('.').at(-1))).toBe(
      true,
    );
    expect(whole.filter(({ message }) => message.startsWith('unreadable'))).toEqual([]);
  });

  it('has the same events wherever it is cut, and however long the writer pauses there', () => {
    const check = (cuts: number[], pauseMs: number) => {
      const at = [0, ...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b);
      const segments = at.slice(1).map((end, i) => {
        const observed = 1_795_428_486_000 + i * pauseMs;
        // With a pause in its first bytes it is known by its name only.
        const path = pauseMs === 0 ? {} : { path: pathOf(name) };
        const final = end === bytes.length;
        return segmentOf(at[i] ?? 0, bytes.subarray(at[i], end), { observed, final, ...path });
      });
      const taken = takeAll(segments, throughJson);
      expect(boundsOf(taken.closed)).toEqual(boundsOf(whole));
      expect(taken.closed.map(({ message }) => message)).toEqual(whole.map(({ message }) => message));
    };
    const cuts = fc.array(fc.nat(), { maxLength: 20 });
    expect(() =>
      fc.assert(fc.property(cuts, fc.constantFrom(0, 60_000), check), { numRuns: 60 }),
    ).not.toThrow();
  });

  it('is known by its head alone, and not by fewer bytes', () => {
    const taken = takeAll([segmentOf(0, bytes.subarray(0, 5)), segmentOf(5, bytes.subarray(5))], throughJson);
    expect(boundsOf(taken.closed)).toEqual(boundsOf(whole));
  });

  test('a wrong bit anywhere costs what it is in, and is told once', () => {
    const check = (place: number) => {
      const at = 40 + (place % (bytes.length - 40));
      const events = eventsOf(flipped(bytes, at));
      const hit = unreadable(events).filter(({ start, end }) => start <= at && at < end);
      const kept = boundsOf(events);
      const lost = whole.filter((event) => !kept.includes(boundsOf([event])[0] ?? ''));
      // What makes no event of its own loses none.
      expect(hit.length, `byte ${at}`).toBe(1);
      expect(lost.every(({ start, end }) => (hit[0]?.start ?? 0) <= start && end <= (hit[0]?.end ?? 0))).toBe(
        true,
      );
    };
    expect(() => fc.assert(fc.property(fc.nat(), check), { numRuns: 150 })).not.toThrow();
  });
});

describe('an event file', () => {
  const whole = eventsOf(tensorboardx);
  const second = whole[1] ?? { start: 0, end: 0 };
  const third = whole[2] ?? { start: 0, end: 0 };

  it('leaves out a record whose data is wrong', () => {
    const events = eventsOf(flipped(tensorboardx, second.start + 20));
    expect(unreadable(events)).toMatchObject([
      {
        start: second.start,
        end: second.end,
        level: 'warn',
        message: 'unreadable, 48 bytes: wrong checksum of the data',
      },
    ]);
    expect(boundsOf(events.filter(({ level }) => level === null))).toEqual(
      boundsOf(whole.filter((_, i) => i !== 1)),
    );
  });

  it('finds the next record behind a wrong length', () => {
    const events = eventsOf(flipped(tensorboardx, second.start + 1));
    expect(unreadable(events)).toMatchObject([
      { start: second.start, end: second.end, message: 'unreadable, 48 bytes: no record begins here' },
    ]);
    expect(events.length).toBe(whole.length);
  });

  it('tells what is missing of it, and goes on behind', () => {
    const bytes = tensorboardx;
    const events = takeAll([
      segmentOf(0, bytes.subarray(0, second.start + 10)),
      segmentOf(third.start + 5, bytes.subarray(third.start + 5), { final: true }),
    ]).closed;
    expect(unreadable(events)).toMatchObject([
      { start: second.start, end: second.start + 10, message: 'unreadable, 10 bytes: not whole' },
      { start: third.start + 5, end: third.end },
    ]);
    expect(events.length).toBe(whole.length);
  });

  it('waits for the rest of a record, and says so if none comes', () => {
    const torn = tensorboardx.subarray(0, third.start + 30);
    const waiting = takeAll([segmentOf(0, torn)]);
    expect(waiting.closed.length).toBe(2);
    expect(waiting.opens).toEqual([]);
    expect(waiting.document?.open?.bytes.length).toBe(30);
    const ended = takeAll([segmentOf(0, torn, { final: true })]);
    expect(unreadable(ended.closed)).toMatchObject([{ start: third.start, end: third.start + 30 }]);
  });

  it('does not hold a record that is larger than is read', () => {
    const large = tfRecord(Buffer.alloc(3 * recordBytesMax, 7));
    const bytes = Buffer.concat([tensorboardx, large, large, tensorboardx.subarray(second.start)]);
    const segments = Array.from({ length: Math.ceil(bytes.length / 700_000) }, (_, i) =>
      segmentOf(i * 700_000, bytes.subarray(i * 700_000, (i + 1) * 700_000)),
    );
    let held = 0;
    const taken = takeAll(segments, (document) => {
      held = Math.max(held, document.open?.bytes.length ?? 0);
      return throughJson(document);
    });
    expect(held).toBeLessThan(recordBytesMax);
    const told = taken.closed.filter(({ message }) => message.includes('too large'));
    expect(told.map(({ end, start }) => end - start)).toEqual([large.length, large.length]);
    expect(taken.closed.length).toBe(whole.length + 2 + whole.length - 1);
  });

  it('is one by its name, whatever it begins with', () => {
    const path = '/logs/events.out.tfevents.1795428495.host.1.0';
    const events = eventsOf(Buffer.concat([Buffer.alloc(5), tensorboardx]), { path });
    expect(unreadable(events)).toMatchObject([{ start: 0, end: 5 }]);
    expect(events.length).toBe(whole.length + 1);
  });

  it('is none if its records are of something else', () => {
    expect(eventsOf(tfRecord(Buffer.from('an example of a data set, and no event at all')))).toEqual([]);
  });

  it('with any bytes in a record is an event that says so', () => {
    const check = (data: Uint8Array) => {
      const bytes = Buffer.concat([tensorboardx.subarray(0, second.start), tfRecord(Buffer.from(data))]);
      expect(eventsOf(bytes).length).toBe(2);
    };
    expect(() => fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), check))).not.toThrow();
  });

  test.each([
    ['zeros', Buffer.alloc(4 << 20)],
    ['ones', Buffer.alloc(4 << 20, 1)],
  ])('of %s only is searched in linear time', (_, tail) => {
    const began = process.cpuUsage();
    const events = eventsOf(Buffer.concat([tensorboardx, tail]));
    expect(unreadable(events)).toMatchObject([{ start: tensorboardx.length }]);
    expect(process.cpuUsage(began).user).toBeLessThan(3e6);
  });
});

describe("a W&B run's log", () => {
  const whole = eventsOf(offline);

  it('gives history, settings, alerts and the exit code, and no console output', () => {
    expect(whole.map(({ message }) => message.replace(/[:=].*/s, ''))).toEqual(
      ['run', ...Array.from({ length: 3 }, (_, i) => ['summary', `step ${i * 10}`]).flat(), 'alert'].concat([
        'summary',
        'step 40',
        'summary',
        'step 50',
        'summary',
        'step 60',
        'the run exits with code 3 after 0 s',
      ]),
    );
    expect(whole.at(-1)).toMatchObject({ level: 'error', fields: { record: 'exit', code: 3 } });
    expect(whole[0]?.fields).toMatchObject({ config: { lr: 0.001, model: { depth: 4 } } });
  });

  it('is read on from the next block behind a wrong chunk', () => {
    const events = eventsOf(flipped(offline, 700));
    const [hit] = unreadable(events);
    expect(hit).toMatchObject({ start: 633 });
    // The block holds the beginning of a record that ends in the next one.
    expect(whole.find(({ start }) => start > 32_768)?.start).toBe(hit?.end === 48_405 ? 48_573 : -1);
    expect(events.at(-1)?.message).toBe('the run exits with code 3 after 0 s');
  });
});
