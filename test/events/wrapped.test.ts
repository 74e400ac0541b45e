/** Containers' logs and text that is no UTF-8: unwrapped, cut as any text, and told in raw bytes, however they were cut. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Segment } from '../../src/core/segment.ts';
import { isTorn } from '../../src/events/take-in.ts';
import { eventsOf, segmentOf, takeAll, throughJson } from './helpers.ts';

const second = (n: number) => `2026-11-23T10:34:${String(n).padStart(2, '0')}.5Z`;

function docker(records: readonly [log: string, stream?: string, at?: number][]): string {
  return records
    .map(([log, stream = 'stdout', at = 1]) => JSON.stringify({ log, stream, time: second(at) }) + '\n')
    .join('');
}

function utf16(text: string, order: 'le' | 'be' = 'le'): Buffer {
  const bytes = Buffer.from(`\uFEFF${text}`, 'utf16le');
  return order === 'le' ? bytes : bytes.swap16();
}

const shown = (bytes: string | Buffer, more: Partial<Segment> = {}) =>
  eventsOf(bytes, more).map(({ message }) => message);

describe('docker json-file', () => {
  test('records become lines; bounds, time and output are those of the records', () => {
    const text = docker([['first\n'], ['second\n', 'stderr', 2]]);
    const lineEnd = text.indexOf('\n');
    expect(eventsOf(text)).toMatchObject([
      { message: 'first', start: 0, end: lineEnd, iostream: 'stdout', timeSource: 'event' },
      { message: 'second', start: lineEnd + 1, end: text.length - 1, iostream: 'stderr' },
    ]);
    expect(eventsOf(text)[1]?.time).toBe(Date.parse(second(2)));
  });

  test('a line over 16 KiB is one event over all of its records, also when a character was split', () => {
    const long = 'x'.repeat(16_383);
    const text = docker([[`${long}\uFFFD`], ['\uFFFDend\n'], ['next\n']]);
    expect(eventsOf(text)).toMatchObject([
      { message: `${long}\uFFFD\uFFFDend`, start: 0 },
      { message: 'next', end: Buffer.byteLength(text) - 1 },
    ]);
  });

  test('a record without a line end is the end of its writer, a restarted one begins a line', () => {
    expect(shown(docker([['no end'], ['  fresh start\n']]))).toEqual(['no end', '  fresh start']);
  });

  test('a traceback on stderr is one event, though stdout writes in between', () => {
    const text = docker([
      ['Traceback (most recent call last):\n', 'stderr'],
      ['step 1\n'],
      ['  File "a.py", line 1, in f\n', 'stderr'],
      ['step 2\n'],
      ['ValueError: no\n', 'stderr'],
    ]);
    const events = eventsOf(text);
    expect(events.map(({ kind }) => kind).sort()).toEqual(['line', 'line', 'traceback']);
    expect(events.find(({ kind }) => kind === 'traceback')).toMatchObject({
      message: 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: no',
      start: 0,
      end: text.length - 1,
    });
  });

  test('what is indented 5 s later is another event, by the time of the records', () => {
    expect(shown(docker([['a\n'], ['  b\n', 'stdout', 6]]))).toEqual(['a', '  b']);
    expect(shown(docker([['a\n'], ['  b\n', 'stdout', 5]]))).toEqual(['a\n  b']);
  });

  test('frames in one record are told apart to the byte, escapes counted', () => {
    const bar = ' 50%|███  | 30/60 [00:00<00:00, 139.44it/s]';
    const text = docker([[`${bar}Traceback (most recent call last):\n`], ['ValueError: "no"\n']]).replaceAll(
      '<',
      String.raw`\u003c`,
    );
    const [progress, error] = eventsOf(text);
    const bytes = Buffer.from(text);
    expect(progress).toMatchObject({ kind: 'progress', message: bar, start: 0 });
    expect(error?.start).toBe(progress?.end);
    expect(bytes.subarray(error?.start).toString()).toMatch(/^Traceback/);
  });

  test('levels, rank prefixes, and JSON lines are those of the lines inside', () => {
    const text = docker([['[rank3]: 2026-11-23 10:00:00,123 ERROR boom\n'], ['{"loss": NaN, "step": 4}\n']]);
    expect(eventsOf(text)).toMatchObject([
      { rank: 3, level: 'error', time: Date.UTC(2026, 10, 23, 10, 0, 0, 123) },
      { kind: 'record', fields: { loss: Number.NaN, step: 4 } },
    ]);
  });

  test('attributes are passed over; other JSON with a "log" is no container’s', () => {
    const attrs = '{"log":"hi\\n","stream":"stdout","attrs":{"tag":"x"},"time":"2026-11-23T10:34:01Z"}\n';
    expect(shown(attrs)).toEqual(['hi']);
    const own = '{"log":"hi","level":"info"}\n';
    expect(eventsOf(own)).toMatchObject([{ kind: 'record', fields: { log: 'hi', level: 'info' } }]);
  });

  test('a record that is none is an event as it stands', () => {
    const broken = '{"log":"torn wr\n';
    const events = shown(docker([['a\n']]) + broken + docker([['b\n']]));
    expect(events.sort()).toEqual(['a', 'b', '{"log":"torn wr']);
  });
});

describe('CRI', () => {
  const lines = [
    '2026-11-23T10:34:00.144273709Z stdout F step=1 loss=4.95',
    '2026-11-23T10:34:00.2Z stdout P {"step":',
    '2026-11-23T10:34:00Z stderr F warning: slow',
    '2026-11-23T10:34:01+00:00 stdout F  2}',
    '2026-11-23T10:34:01Z stdout F ',
    '2026-11-23T10:34:01.5Z stdout P no end',
  ];

  test('parts of a line are one, whatever the other output writes in between', () => {
    expect(shown(lines.join('\n') + '\n').sort()).toEqual(
      ['step=1 loss=4.95', '{"step": 2}', 'warning: slow', 'no end'].sort(),
    );
  });

  test('a part of a line is torn: its numbers are not to be read yet', () => {
    const after = (count: number) => {
      const { document } = takeAll([segmentOf(0, Buffer.from(lines.slice(0, count).join('\n') + '\n'))]);
      return document !== null && isTorn(document);
    };
    expect([after(1), after(2), after(3), after(4)]).toEqual([false, true, true, false]);
  });

  test('bounds span the records, the time is the record’s', () => {
    const text = lines.join('\n') + '\n';
    const record = eventsOf(text).find(({ kind }) => kind === 'record');
    expect(record).toMatchObject({ start: text.indexOf('2026', 1), end: text.indexOf(' 2}') + 3 });
    expect(record?.time).toBe(Date.UTC(2026, 10, 23, 10, 34, 0, 200));
  });

  test('the first bytes decide, as soon as they can', () => {
    const open = (text: string) =>
      takeAll([segmentOf(0, Buffer.from(text))]).document?.context.events['format'];
    expect(open('2026-11-23T10:34:00.14427')).toBe('undecided');
    expect(open('2026-11-23T10:34:00.144Z stdout F')).toBe('undecided');
    expect(open('2026-11-23T10:34:00.144Z stdout F x')).toBe('cri');
    expect(open('2026-11-23T10:34:00.144Z INFO x')).toBe('text');
    expect(open('2026-11-23 10:34')).toBe('text');
  });
});

describe('encodings', () => {
  test.each(['le', 'be'] as const)('UTF-16 %s, by its mark', (order) => {
    const events = eventsOf(utf16('héllo 😀\r\nwörld\n', order));
    expect(events).toMatchObject([
      { message: 'héllo 😀', start: 0, end: 18 },
      { message: 'wörld', start: 22, end: 32 },
    ]);
  });

  test.each(['le', 'be'] as const)('half a unit of UTF-16 %s at the end is seen', (order) => {
    const bytes = Buffer.concat([utf16('a\nb', order), Buffer.from([0x41])]);
    expect(eventsOf(bytes)).toMatchObject([{ message: 'a' }, { message: 'b\uFFFD', end: 9 }]);
  });

  test('Latin-1 and others, by the label of the file', () => {
    const labels = { encoding: 'latin1' };
    expect(shown(Buffer.from('Größe\n', 'latin1'), { labels })).toEqual(['Größe']);
    const japanese = Buffer.from([0x83, 0x65, 0x83, 0x58, 0x83, 0x67, 0x0a]);
    expect(shown(japanese, { labels: { encoding: 'shift_jis' } })).toEqual(['テスト']);
    expect(shown('Größe\n', { labels: { encoding: 'nobody knows' } })).toEqual(['Größe']);
  });

  test('the mark of UTF-8 is no part of the first event', () => {
    expect(eventsOf('\uFEFF2026-11-23 10:00:00 ERROR x\n')).toMatchObject([
      { message: '2026-11-23 10:00:00 ERROR x', level: 'error', start: 3 },
    ]);
    expect(shown('\uFEFFa')).toEqual(['a']);
    const [, row] = eventsOf('\uFEFFstep,loss\n1,2\n', { path: '/logs/metrics.csv' });
    expect(row?.fields).toEqual({ step: 1, loss: 2 });
  });

  test('a CSV file in UTF-16 has its rows', () => {
    const [, row] = eventsOf(utf16('step,loss\n1,2.5\n'), { path: '/logs/metrics.csv' });
    expect(row?.fields).toEqual({ step: 1, loss: 2.5 });
  });
});

describe('the same events whatever the segments', () => {
  const pieces = [
    '\n',
    '\r',
    'x',
    '  y',
    'é█',
    '😀',
    '"',
    '\\',
    '\t',
    ' 50%|█ | 3/6 [00:00<00:00, 1it/s]',
    'é'.repeat(9000),
  ];
  const text = fc.array(fc.constantFrom(...pieces, 'Traceback (most recent call last):\n', 'E: x\n'), {
    maxLength: 24,
  });
  const outputs = fc.constantFrom('stdout', 'stderr');
  const records = fc.array(fc.tuple(text, outputs, fc.nat(3), fc.boolean()), { maxLength: 14 });
  const cuts = fc.array(fc.nat(), { maxLength: 16 });

  function check(bytes: Buffer, at: readonly number[], more: Partial<Segment> = {}): void {
    const bounds = [...new Set([0, ...at.map((n) => n % (bytes.length + 1)), bytes.length])].sort(
      (a, b) => a - b,
    );
    const segments = bounds
      .slice(1)
      .map((end, i) => segmentOf(bounds[i] ?? 0, bytes.subarray(bounds[i] ?? 0, end), more));
    const final = segmentOf(bytes.length, Buffer.alloc(0), { ...more, final: true });
    const whole = takeAll([segmentOf(0, bytes, { final: true, ...more })]);
    const taken = takeAll([...segments, final], throughJson);
    expect(taken.closed).toEqual(whole.closed);
    expect(taken.document?.end).toBe(bytes.length);
    expect(new Set(whole.closed.map(({ id }) => id)).size).toBe(whole.closed.length);
    const ends = new Map(whole.closed.map(({ id, end }) => [id, end]));
    for (const open of taken.opens) expect(open.end).toBeLessThanOrEqual(ends.get(open.id) ?? -1);
    for (const { start, end } of whole.closed) {
      expect(end).toBeGreaterThan(start);
      expect(end).toBeLessThanOrEqual(bytes.length);
    }
  }

  test('of containers', () => {
    const property = (list: [string[], string, number, boolean][], at: number[], isCri: boolean) => {
      let clock = 0;
      const lines = list.flatMap(([parts, stream, seconds, ends], i) => {
        clock += seconds;
        const log = parts.join('');
        if (i % 7 === 6) return [`junk ${log.replaceAll('\n', ' ')}`];
        if (!isCri) return [JSON.stringify({ log: ends ? `${log}\n` : log, stream, time: second(clock) })];
        return log.split('\n').map((line) => `${second(clock)} ${stream} ${ends ? 'F' : 'P'} ${line}`);
      });
      const head = isCri ? `${second(0)} stdout F x` : docker([['x\n']]).trim();
      check(Buffer.from([head, ...lines].join('\n')), at);
    };
    expect(() =>
      fc.assert(fc.property(records, cuts, fc.boolean(), property), { numRuns: 300 }),
    ).not.toThrow();
  });

  test('of encodings, units cut in two', () => {
    const property = (parts: string[], at: number[], which: number) => {
      const joined = parts.join('');
      if (which < 2) check(utf16(joined, which === 0 ? 'le' : 'be'), at);
      else if (which === 2) check(Buffer.from(joined, 'latin1'), at, { labels: { encoding: 'latin1' } });
      else check(Buffer.from(`\uFEFF${joined}`), at);
    };
    expect(() => fc.assert(fc.property(text, cuts, fc.nat(3), property), { numRuns: 300 })).not.toThrow();
  });

  test('byte by byte', () => {
    const container = Buffer.from(docker([['a\n'], [' b\n', 'stderr'], ['c\rd\n']]));
    expect(() => check(container, [...Array(400).keys()])).not.toThrow();
    expect(() => check(utf16('a\r\n😀 b\r c\n'), [...Array(60).keys()])).not.toThrow();
  });
});
