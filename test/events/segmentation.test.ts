/** Exactly once, link 3: events are a function of the bytes, however they were cut into segments and delivered. */
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LogEvent } from '../../src/core/event.ts';
import { eventBytesMax } from '../../src/core/event.ts';
import type { Segment } from '../../src/core/segment.ts';
import { binaryHeadBytes, isBinaryHead } from '../../src/events/binary.ts';
import { isBlank, renderText } from '../../src/events/frame.ts';
import { fixture, fixtureNames, segmentOf, takeAll, throughJson } from './helpers.ts';

const pathOf = (name: string) => ({ path: `/logs/${name}` });

function cut(bytes: Buffer, cuts: readonly number[], more: Partial<Segment>): Segment[] {
  const bounds = [...new Set([0, ...cuts.map((at) => at % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  const segments = bounds
    .slice(1)
    .map((end, i) => segmentOf(bounds[i] ?? 0, bytes.subarray(bounds[i] ?? 0, end), more));
  return [...segments, segmentOf(bytes.length, Buffer.alloc(0), { ...more, final: true })];
}

/** Repeats some segments later, whole or two of them joined, as a transport and a restarted agent do. */
function redelivered(segments: readonly Segment[], repeats: readonly [number, number][]): Segment[] {
  const all = [...segments];
  for (const [which, delay] of repeats) {
    const segment = segments[which % segments.length];
    if (segment === undefined) continue;
    const at = all.indexOf(segment) + 1;
    all.splice(at + (delay % (all.length - at + 1)), 0, segment);
  }
  return all;
}

function sameEvents(bytes: Buffer, segments: readonly Segment[], more: Partial<Segment>): void {
  const whole = takeAll([segmentOf(0, bytes, { final: true, ...more })]);
  const taken = takeAll(segments, throughJson);
  expect(taken.letters).toEqual([]);
  expect(taken.closed).toEqual(whole.closed);
  expect(taken.document?.end).toBe(bytes.length);
  expect(taken.document?.events).toBe(whole.closed.length);
  provisionalNeverShrinks(taken.opens, whole.closed);
  // Those of wrapped text (two bytes may be the mark of UTF-16): wrapped.test.ts.
  if (whole.document?.context.events['format'] === 'text') boundsAreSound(bytes, whole.closed);
}

/** An index keeps the longest state of an id: a provisional event must be a beginning of the closed one. */
function provisionalNeverShrinks(opens: readonly LogEvent[], closed: readonly LogEvent[]): void {
  const byId = new Map(closed.map((event) => [event.id, event]));
  for (const open of opens) {
    const event = byId.get(open.id);
    expect(event, `no closed event for the open one at ${open.start}`).toBeDefined();
    expect(open.end).toBeLessThanOrEqual(event?.end ?? 0);
    expect([open.start, open.observed]).toEqual([event?.start, event?.observed]);
  }
}

function boundsAreSound(bytes: Buffer, events: readonly LogEvent[]): void {
  const isBlankBetween = (start: number, end: number) =>
    isBlank(renderText(bytes.subarray(start, end).toString('latin1')));
  let end = 0;
  for (const event of events) {
    expect(event.start).toBeGreaterThanOrEqual(end);
    expect(event.end).toBeGreaterThan(event.start);
    expect(event.end - event.start).toBeLessThanOrEqual(eventBytesMax);
    expect(event.sum).toBe(crc32(bytes.subarray(event.start, event.end)).toString(16).padStart(8, '0'));
    expect(isBlankBetween(end, event.start)).toBe(true);
    end = event.end;
  }
  expect(isBlankBetween(end, bytes.length)).toBe(true);
}

const cuts = fc.array(fc.nat(), { maxLength: 24 });
const repeats = fc.array(fc.tuple(fc.nat(), fc.nat(8)), { maxLength: 6 });

describe('the same events whatever the segments', () => {
  test.each(fixtureNames)('%s, cut anywhere, redelivered, stored as JSON in between', (name) => {
    const bytes = fixture(name);
    const check = (at: number[], again: [number, number][]) =>
      sameEvents(bytes, redelivered(cut(bytes, at, pathOf(name)), again), pathOf(name));
    expect(() => fc.assert(fc.property(cuts, repeats, check), { numRuns: 12 })).not.toThrow();
  });

  test.each([
    'hf-trainer-4-crash.log',
    'torchrun-rank1-raises.log',
    'zookeeper-log4j.log',
    'lightning-metrics.csv',
    'tqdm-nested-pty.log',
    'docker-pull-pty.log',
  ])('%s, byte by byte', (name) => {
    const bytes = fixture(name).subarray(0, 2500);
    const check = () => sameEvents(bytes, cut(bytes, [...bytes.keys()], pathOf(name)), pathOf(name));
    expect(check).not.toThrow();
  });

  const pieces = [
    '\n',
    '\r',
    '\r\n',
    '\b\b',
    ' ',
    '\t',
    '\0',
    '\u001B[31m',
    '\u001B[A',
    '\u001B[3A',
    '\u001B[2B',
    '\u001B[2K',
    '\u001B[J',
    '\u001B[?25l',
    '\u001B[?25h',
    '\u001B[1;20r\u001B[22;1H',
    '\u001B[?1049h',
    '\u001B[?1049l',
    '\u001B7',
    '\u001B8',
    '\u001BP+q544e\u001B\\',
    'train ━━━━━━━━━━━━  25% 0:00:01',
    '│ 3     │ 2.2  │',
    '└───────┴──────┘',
    'train  18% ━━━━━━━━╸━━━━━━━━━ 7/40  [ 0:00:00 < 0:00:02 , 32 it/s ]',
    'train  [#######-------------]  10/40',
    ' 38% (15 of 40) |#######        | Elapsed Time: 0:00:00 ETA:  0:00:12',
    'train |██████      | ▂▄▆ 23/40 [57%] in 1s (~1s, 31.1/s)',
    'epoch:  33%|███▎      | 1/3 [ETA 00:04]',
    '                    INFO     x',
    'é█',
    'x',
    '"',
    ',',
    '{',
    '}',
    '{"step": 1, "loss": NaN}',
    '[default1]:',
    '[rank1]: ',
    '[1,3]<stderr>:',
    '(TrainActor pid=12) ',
    '0: ',
    '1: x\n0: y\n1: z\n0: x\n',
    '2026-11-23T10:25:40.123456789Z ',
    '2026-11-23 10:25:40,123 - INFO - train - step=1 loss=2.5',
    '2026-11-23 10:25:40,123 ERROR boom',
    'Traceback (most recent call last):',
    '  File "a.py", line 1, in <module>',
    'ValueError: no',
    'During handling of the above exception, another exception occurred:',
    'Caused by: java.io.IOException: x',
    '\tat a.b.C.d(C.java:1)',
    ' 50%|█████     | 30/60 [00:00<00:00, 139.44it/s]',
    ' 1/32 [..............................] - ETA: 7s - loss: 4.1628',
    "{'loss': 1.0, 'epoch': 0.1}",
    'a,b,c',
    '1,2.5,"x',
  ];
  const logText = fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.uint8Array({ maxLength: 4 })), { maxLength: 60 })
    .map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part as string))))
    // Four bytes of any value may open a pickle or a zip: that is no log.
    .filter((bytes) => !isBinaryHead(bytes.subarray(0, binaryHeadBytes)));
  const path = fc.constantFrom('/logs/train.log', '/logs/metrics.csv');

  test('pieces of logs in any order', () => {
    const check = (bytes: Buffer, at: number[], again: [number, number][], path: string) =>
      sameEvents(bytes, redelivered(cut(bytes, at, { path }), again), { path });
    expect(() =>
      fc.assert(fc.property(logText, cuts, repeats, path, check), { numRuns: 1500 }),
    ).not.toThrow();
  });

  test.each([
    ['any bytes', []],
    ['any bytes behind the mark of UTF-16, little end first', [0xff, 0xfe]],
    ['any bytes behind the mark of UTF-16, big end first', [0xfe, 0xff]],
  ])('%s', (_, head) => {
    const check = (bytes: Uint8Array, at: number[]) =>
      sameEventsOfAny(Buffer.concat([Buffer.from(head), bytes]), at);
    expect(() =>
      fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), cuts, check), { numRuns: 500 }),
    ).not.toThrow();
  });

  function sameEventsOfAny(bytes: Buffer, at: number[]): void {
    const whole = takeAll([segmentOf(0, bytes, { final: true })]);
    const taken = takeAll(cut(bytes, at, {}), throughJson);
    expect(taken.closed).toEqual(whole.closed);
    const format = whole.document?.context.events['format'];
    expect(taken.document?.context.events['format']).toBe(format);
    expect(format === 'binary' ? whole.closed : []).toEqual([]);
    if (format === 'text') boundsAreSound(bytes, whole.closed);
  }

  test('lines around the size at which events are cut into parts', () => {
    const sizes = fc.array(
      fc.tuple(fc.constantFrom(eventBytesMax, 2 * eventBytesMax, 300), fc.integer({ min: -5, max: 5 })),
      {
        minLength: 1,
        maxLength: 3,
      },
    );
    const fill = fc.constantFrom('x', 'é', '█', ' ', '\0', ' y');
    const glue = fc.constantFrom('\n', '\r', '\n  ', '\r\n');
    const check = (lengths: [number, number][], filling: string, between: string, at: number[]) => {
      const texts = lengths.map(([size, more]) => Buffer.alloc(size + more, filling));
      const bytes = Buffer.concat(
        texts.flatMap((text) => [Buffer.from('line '), text, Buffer.from(between)]),
      );
      sameEvents(bytes, cut(bytes, at, {}), {});
    };
    expect(() =>
      fc.assert(fc.property(sizes, fill, glue, fc.array(fc.nat(), { maxLength: 5 }), check), { numRuns: 40 }),
    ).not.toThrow();
  });
});
