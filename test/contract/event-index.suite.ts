/** The contract of core/event-index.ts, as tests. Both indices pass it; what one of them adds is tested beside it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventIndex, IndexItem, PointsQuery, SearchHit } from '../../src/core/event-index.ts';
import type { LogEvent } from '../../src/core/event.ts';
import type { PointFact } from '../../src/core/fact.ts';
import { eventId } from '../../src/core/ids.ts';
import type { IncidentDocument } from '../../src/core/incident.ts';
import { resourceNames } from '../../src/core/resources.ts';
import type { SearchQuery } from '../../src/core/search-query.ts';
import type { StreamDocument } from '../../src/core/stream-document.ts';
import { parseSearch } from '../../src/sinks/query.ts';
import { until } from '../fakes/clock.ts';

export interface OpenedIndex {
  index: EventIndex;
  /** A prefix that a route may name, where the index has indices of several. */
  routedPrefix: string;
  /** Closes it and removes what it stored. */
  remove(): Promise<void>;
}

export const signal = AbortSignal.timeout(600_000);
export const startTime = Date.UTC(2026, 10, 23, 10, 0, 0);

let streams = 0;
/** 32 hex digits that no other test has. */
export function newStream(): string {
  streams += 1;
  return eventId(`suite ${process.pid} ${performance.timeOrigin}`, streams, 0);
}

export function makeEvent(overrides: Partial<LogEvent> & { stream: string; run?: string }): LogEvent {
  const { run = `run-${overrides.stream}`, ...given } = overrides;
  const start = given.start ?? 0;
  const message = given.message ?? 'step 1 loss=2.5';
  return {
    id: eventId(given.stream, start, given.part ?? 0),
    origin: {
      source: 'pod-1',
      run,
      attempt: 0,
      rank: null,
      host: 'node-1',
      path: '/logs/train.log',
      labels: {},
    },
    start,
    end: start + Buffer.byteLength(message) + 1,
    part: 0,
    time: startTime + start,
    timeSource: 'event',
    observed: startTime,
    level: null,
    kind: 'line',
    message,
    rank: given.origin?.rank ?? null,
    sum: 'deadbeef',
    open: false,
    ...given,
  };
}

export function makePoint(overrides: Partial<PointFact> & { stream: string; run: string }): PointFact {
  const event = eventId(overrides.stream, overrides.start ?? 0, 0);
  return {
    id: `${event}-0`,
    event,
    attempt: 0,
    rank: 0,
    path: '/logs/metrics.jsonl',
    start: 0,
    end: 10,
    time: startTime,
    observed: startTime,
    kind: 'point',
    step: 1,
    name: 'loss',
    canonical: 'loss',
    value: 2.5,
    ...overrides,
  };
}

export function makeStream(
  overrides: Partial<StreamDocument> & { stream: string; run?: string },
): StreamDocument {
  const { run = `run-${overrides.stream}`, ...given } = overrides;
  return {
    origin: {
      source: 'pod-1',
      run,
      attempt: 0,
      rank: 3,
      host: 'node-1',
      path: '/logs/train.log',
      labels: { a: 'b' },
    },
    lane: 'bulk',
    partition: 2,
    created: startTime,
    previous: null,
    snapshot: false,
    end: 100,
    closedEnd: 80,
    events: 4,
    observed: startTime + 1000,
    final: false,
    gaps: [],
    open: null,
    recent: [{ start: 0, end: 100, sum: '00000001' }],
    context: { events: {}, train: { step: 3 } },
    ...given,
  };
}

function openEventOf(bytes: Buffer): NonNullable<StreamDocument['open']> {
  const observed = startTime;
  return { eventStart: 80, part: 0, partStart: 80, observed, bytesStart: 80, bytes, sumBefore: 0 };
}

/** For expect.poll: as long as the index may need to show what is stored. */
export function patience(index: EventIndex): { interval: number; timeout: number } {
  return { interval: 20, timeout: index.refreshIntervalMs * 5 + 5_000 };
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  return await Array.fromAsync(items);
}

async function storeAll(index: EventIndex, items: readonly IndexItem[]): Promise<void> {
  const results = await index.write(items, signal);
  expect(results.filter((result) => result.status !== 'stored')).toEqual([]);
  expect(results).toHaveLength(items.length);
}

const asItem = (event: LogEvent): IndexItem => ({ kind: 'event', event });

export function eventIndexSuite(title: string, open: () => Promise<OpenedIndex>): void {
  describe(`the contract of an index: ${title}`, () => {
    let opened: OpenedIndex;
    let index: EventIndex;
    beforeAll(async () => {
      opened = await open();
      index = opened.index;
      await index.prepare(signal);
    });
    afterAll(async () => {
      await opened.remove();
    });

    const hits = (query: Partial<SearchQuery>) => index.search({ clauses: [], ...query });
    const messages = async (query: Partial<SearchQuery>) => (await hits(query)).map(({ message }) => message);

    test('is connected once it is prepared', () => {
      expect(index.state()).toMatchObject({ connected: true });
    });

    test('gives an event back as a hit', async () => {
      const stream = newStream();
      const event = makeEvent({
        stream,
        run: 'hit',
        start: 7,
        time: startTime + 0.125,
        level: 'warn',
        rank: 5,
        logger: 'trainer',
        message: 'Über–größe\tdone ✅\nsecond line',
      });
      await storeAll(index, [asItem(event)]);
      const hit: SearchHit = {
        id: event.id,
        time: startTime + 0.125,
        run: 'hit',
        attempt: 0,
        rank: 5,
        host: 'node-1',
        path: '/logs/train.log',
        stream,
        start: 7,
        end: event.end,
        level: 'warn',
        kind: 'line',
        message: event.message,
      };
      await expect.poll(() => hits({ run: 'hit' }), patience(index)).toEqual([hit]);
    });

    describe('versions', () => {
      test('the same events again change nothing', async () => {
        const stream = newStream();
        const items = [0, 100, 200].map((start) => asItem(makeEvent({ stream, start })));
        await storeAll(index, items);
        await storeAll(index, items);
        await storeAll(index, [...items, ...items]);
        await expect.poll(() => index.eventCounts([stream]), patience(index)).toEqual(new Map([[stream, 3]]));
      });

      test('an open event grows, and its older state never comes back', async () => {
        const stream = newStream();
        const run = `run-${stream}`;
        const grown = (message: string, open: boolean) => asItem(makeEvent({ stream, message, open }));
        await storeAll(index, [grown('Traceback', true)]);
        await expect.poll(() => messages({ run }), patience(index)).toEqual(['Traceback']);
        await storeAll(index, [
          grown('Traceback\n  File "a.py"', true),
          grown('Traceback\n  File "a.py"\nError', false),
        ]);
        await storeAll(index, [grown('Traceback', true)]);
        await expect
          .poll(() => messages({ run }), patience(index))
          .toEqual(['Traceback\n  File "a.py"\nError']);
        await expect
          .poll(() => messages({ run, clauses: parseSearch('error') }), patience(index))
          .toEqual(['Traceback\n  File "a.py"\nError']);
        expect(await index.eventCounts([stream])).toEqual(new Map([[stream, 1]]));
      });

      test('the same bounds with other content replace', async () => {
        const stream = newStream();
        const run = `run-${stream}`;
        await storeAll(index, [asItem(makeEvent({ stream, message: 'first', end: 50 }))]);
        await storeAll(index, [asItem(makeEvent({ stream, message: 'other', end: 50 }))]);
        await expect
          .poll(() => messages({ run, clauses: parseSearch('other') }), patience(index))
          .toEqual(['other']);
        expect(await messages({ run, clauses: parseSearch('first') })).toEqual([]);
      });
    });

    test('a row of a rewritten file is one document, of the state in which it was seen last', async () => {
      const [first, second] = [newStream(), newStream()];
      const run = `run-${first}`;
      const id = eventId(first, 0, 0);
      const row = (stream: string, version: number, message: string, start: number): IndexItem[] => [
        asItem(makeEvent({ stream, run, id, version, message, start, end: start + 5 })),
        {
          kind: 'points',
          points: [makePoint({ stream, run, event: id, version, value: version, end: start + 5 })],
        },
      ];
      const old = row(first, startTime, 'old state', 500);
      await storeAll(index, old);
      await storeAll(index, row(second, startTime + 1, 'new', 10));
      await storeAll(index, old);
      await expect.poll(() => messages({ run }), patience(index)).toEqual(['new']);
      const points = async () => (await index.points(run)).map(({ value }) => value);
      await expect.poll(points, patience(index)).toEqual([startTime + 1]);
      expect(await index.eventCounts([first, second])).toEqual(
        new Map([
          [first, 0],
          [second, 1],
        ]),
      );
      expect(await collect(index.ranges(first))).toEqual([]);
      expect(await collect(index.ranges(second))).toMatchObject([{ id, start: 10, end: 15 }]);
      expect(await index.deleteRun(run)).toBe(2);
    });

    test('what a container wrote to stderr can be asked for', async () => {
      const stream = newStream();
      const run = `run-${stream}`;
      const from = (start: number, more: Partial<LogEvent>) => asItem(makeEvent({ stream, start, ...more }));
      await storeAll(index, [
        from(0, { message: 'out', iostream: 'stdout' }),
        from(10, { message: 'err', iostream: 'stderr' }),
        from(20, { message: 'plain' }),
      ]);
      const clauses = parseSearch('iostream:stderr');
      await expect.poll(() => messages({ run, clauses }), patience(index)).toEqual(['err']);
    });

    describe('stream documents', () => {
      test('of two that write the states of one stream at once, one behind the other, the furthest stays', async () => {
        const stream = newStream();
        const stateAt = (end: number): IndexItem[] => [
          asItem(makeEvent({ stream, end, message: 'x'.repeat(end), open: end < 20 })),
          { kind: 'stream', document: makeStream({ stream, end, closedEnd: 0 }) },
        ];
        const ahead = async () => {
          for (let end = 1; end <= 20; end += 1) await storeAll(index, stateAt(end));
        };
        const behind = async () => {
          for (let end = 1; end <= 18; end += 1) await storeAll(index, stateAt(Math.ceil(end / 2)));
        };
        await Promise.all([ahead(), behind(), ahead()]);
        expect((await index.loadStreams([stream], signal)).get(stream)?.end).toBe(20);
        await expect
          .poll(() => messages({ run: `run-${stream}` }), patience(index))
          .toEqual(['x'.repeat(20)]);
        expect((await collect(index.ranges(stream))).map(({ end }) => end)).toEqual([20]);
      });

      test('come back as they were, with the bytes of the open event', async () => {
        const stream = newStream();
        const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
        const document = makeStream({
          stream,
          previous: 'f'.repeat(32),
          gaps: [{ start: 10, end: 20, reason: 'missing' }],
          open: {
            eventStart: 80,
            part: 1,
            partStart: 90,
            observed: startTime,
            bytesStart: 95,
            bytes,
            sumBefore: 4e9,
          },
          context: { events: { header: ['a', 'b.c', ''], '': { 'x.y': 1 } }, train: { last: 'x' } },
        });
        await storeAll(index, [{ kind: 'stream', document }]);
        const loaded = await index.loadStreams([stream, newStream()], signal);
        expect(loaded).toEqual(new Map([[stream, document]]));
        expect(Buffer.isBuffer(loaded.get(stream)?.open?.bytes)).toBe(true);
        await expect
          .poll(() => collect(index.streams({ run: document.origin.run })), patience(index))
          .toEqual([document]);
      });

      test('an older state never replaces a newer one, the final one replaces its like', async () => {
        const stream = newStream();
        const at = (end: number, final: boolean): IndexItem => ({
          kind: 'stream',
          document: makeStream({ stream, end, final }),
        });
        await storeAll(index, [at(100, false)]);
        await storeAll(index, [at(100, true)]);
        await storeAll(index, [at(100, false), at(50, true)]);
        const loaded = await index.loadStreams([stream], signal);
        expect(loaded.get(stream)).toMatchObject({ end: 100, final: true });
      });

      test('those with an open event can be asked for by the time they were observed', async () => {
        const run = `open-${newStream()}`;
        const open = {
          eventStart: 0,
          part: 0,
          partStart: 0,
          observed: 1,
          bytesStart: 0,
          bytes: Buffer.from('a'),
          sumBefore: 0,
        };
        const [closed, early, late] = [newStream(), newStream(), newStream()];
        await storeAll(index, [
          { kind: 'stream', document: makeStream({ stream: closed, run, observed: startTime + 10 }) },
          { kind: 'stream', document: makeStream({ stream: early, run, observed: startTime, open }) },
          { kind: 'stream', document: makeStream({ stream: late, run, observed: startTime + 1, open }) },
        ]);
        const ask = (filter: { run?: string; openSince?: number }) => async () =>
          (await collect(index.streams(filter)))
            .filter(({ origin }) => origin.run === run)
            .map(({ stream }) => stream)
            .sort();
        await expect.poll(ask({ run }), patience(index)).toEqual([closed, early, late].sort());
        expect(await ask({ run, openSince: startTime })()).toEqual([early, late].sort());
        expect(await ask({ openSince: startTime + 1 })()).toEqual([late]);
        await storeAll(index, [
          { kind: 'stream', document: makeStream({ stream: late, run, end: 101, observed: startTime + 2 }) },
        ]);
        await expect.poll(ask({ run, openSince: startTime }), patience(index)).toEqual([early]);
      });

      test('many can be loaded at once', async () => {
        const ids = Array.from({ length: 300 }, newStream);
        await storeAll(
          index,
          ids.map((stream) => ({ kind: 'stream', document: makeStream({ stream, run: 'many' }) })),
        );
        expect((await index.loadStreams(ids, signal)).size).toBe(300);
        expect(await index.loadStreams([], signal)).toEqual(new Map());
      });
    });

    describe('search', () => {
      const run = `search-${process.pid}`;
      const documents: Record<string, Partial<LogEvent>> = {
        loss: { message: '[2026-11-23 10:00:00,123][INFO] step=12 train_loss=2.31 lr:1e-5', level: 'info' },
        oom: {
          message: 'torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0)',
          level: 'error',
          rank: 3,
        },
        nccl: { message: 'NCCL WARN Call to ibv_modify_qp failed on node-3:mlx5_0', level: 'warn', rank: 1 },
        java: {
          message: 'Exception in thread "main" java.lang.Error: don\'t\n\tat a.b.C.main(C.java:42)',
          kind: 'traceback',
        },
        bar: { message: 'Epoch 1:  45%|████▌     | 450/1000 [00:12<00:15, 36.2it/s]', kind: 'progress' },
        url: {
          message: 'GET http://10.0.0.7:8080/v1/models?id=a_b HTTP/1.1 "200"',
          logger: 'uvicorn.access',
        },
        chinese: { message: '损失loss下降 ✅ 完成', level: 'debug' },
        accents: { message: 'naïve ÜBERGROSS café', level: 'fatal', rank: 0 },
        empty: { message: '' },
        long: { message: `${'x'.repeat(300)}needle ${'Abc1'.repeat(200)} hay.needle2` },
      };
      const names = Object.keys(documents);
      beforeAll(async () => {
        const stream = newStream();
        const other = newStream();
        await storeAll(index, [
          ...names.map((name, position) =>
            asItem(
              makeEvent({
                stream,
                origin: {
                  source: 's',
                  run,
                  attempt: 1,
                  rank: null,
                  host: name === 'nccl' ? 'GPU-Node-2' : 'gpu-node-1',
                  path: name === 'java' ? '/logs/app/Driver.log' : '/logs/rank 0/train.log',
                  labels: {},
                },
                rank: null,
                ...documents[name],
                id: eventId(`${run} ${name}`, 0, 0),
                start: position * 2000,
                end: position * 2000 + 1000,
                // Another host or path is another stream.
                ...(['nccl', 'java'].includes(name) && { stream: `${other.slice(0, 31)}${position}` }),
              }),
            ),
          ),
          asItem(makeEvent({ stream: newStream(), run: `not ${run}`, message: 'loss nccl cuda error' })),
        ]);
        await until(async () => (await hits({ run })).length === names.length, 'the documents to be found');
      });

      const found = async (query: Partial<SearchQuery>) => {
        const ids = new Map(names.map((name) => [eventId(`${run} ${name}`, 0, 0), name]));
        return (await hits({ run, order: 'oldest', ...query })).map(({ id }) => ids.get(id));
      };

      test.each<[string, string[]]>([
        ['', names],
        // Whole words, in any case.
        ['cuda', ['oom']],
        ['CUDA', ['oom']],
        ['cud', []],
        ['memory tried', ['oom']],
        ['memory nccl', []],
        // Letters, digits, _ and inner dots stay together; =, /, - and space part.
        ['loss', ['chinese']],
        ['train_loss', ['loss']],
        ['train_loss=2.31', ['loss']],
        ['2.31', ['loss']],
        ['31', []],
        ['lr', ['loss']],
        ['1e-5', ['loss']],
        ['outofmemoryerror', []],
        ['torch.cuda.OutOfMemoryError', ['oom']],
        ['java.lang.Error', ['java']],
        ["don't", ['java']],
        ['"C.java:42"', ['java']],
        ['node', ['nccl']],
        ['node-3', ['nccl']],
        ['mlx5_0', ['nccl']],
        ['"node-3:mlx5_0"', ['nccl']],
        ['10.0.0.7', ['url']],
        ['10.0.0', []],
        ['a_b', ['url']],
        ['http://10.0.0.7:8080/v1/models', ['url']],
        ['36.2it', ['bar']],
        ['450/1000', ['bar']],
        ['45%', ['bar']],
        ['00,123', ['loss']],
        // Phrases: neighbours, in order.
        ['"out of memory"', ['oom']],
        ['"memory out of"', []],
        ['"CUDA memory"', []],
        ['"Out Of   memory."', ['oom']],
        ['"main a.b.C.main"', []],
        // Beyond ASCII.
        ['损', ['chinese']],
        ['损失', ['chinese']],
        ['失损', []],
        ['下降', ['chinese']],
        ['✅', ['chinese']],
        ['naïve', ['accents']],
        ['naive', []],
        ['übergross', ['accents']],
        ['CAFÉ', ['accents']],
        // Words over 255 characters are chopped.
        ['needle', []],
        ['hay.needle2', ['long']],
        ['x'.repeat(255), ['long']],
        [`${'x'.repeat(45)}needle`, ['long']],
        // Not.
        ['-cuda -loss', names.filter((name) => !['oom', 'chinese'].includes(name))],
        ['-"out of memory" level:error', []],
        ['-"memory out" level:error', ['oom']],
        // Fields.
        ['level:error', ['oom']],
        ['level:warning', ['nccl']],
        ['-level:error rank:3', []],
        ['-level:info -level:error', names.filter((name) => !['loss', 'oom'].includes(name))],
        ['rank:3', ['oom']],
        ['rank:0', ['accents']],
        ['-rank:3 rank:1', ['nccl']],
        ['host:gpu-node-2', ['nccl']],
        ['host:GPU-*-2', ['nccl']],
        ['host:gpu', []],
        ['kind:traceback', ['java']],
        ['kind:progress 45', ['bar']],
        ['logger:uvicorn.access', ['url']],
        ['logger:uvicorn*', ['url']],
        ['logger:uvicorn', []],
        ['path:driver.log', ['java']],
        ['path:app/Driver.log', ['java']],
        ['path:/logs/app/Driver.log', ['java']],
        ['path:iver.log', []],
        ['path:*iver.log', ['java']],
        ['path:/logs/app', []],
        ['path:/logs/app/*', ['java']],
        ['-path:"rank 0/train.log"', ['nccl', 'java'].filter((name) => name === 'java')],
        [`run:${run} cuda`, ['oom']],
        [`-run:${run}`, []],
        ['message:nccl', ['nccl']],
      ])('%s', async (text, expected) => {
        expect(await found({ clauses: parseSearch(text) })).toEqual(expected);
      });

      test('options narrow it', async () => {
        expect(await found({ level: 'warn' })).toEqual(['oom', 'nccl', 'accents']);
        expect(await found({ level: 'trace' })).toEqual(['loss', 'oom', 'nccl', 'chinese', 'accents']);
        expect(await found({ rank: 3 })).toEqual(['oom']);
        expect(await found({ since: startTime + 4000, until: startTime + 6000 })).toEqual(['nccl', 'java']);
        expect(await found({ limit: 2 })).toEqual(['loss', 'oom']);
        expect(await found({ limit: 2, order: 'newest' })).toEqual(['long', 'empty']);
        expect(await found({ limit: 0 })).toEqual([]);
      });

      test('without a run it finds all runs', async () => {
        const all = await hits({ clauses: parseSearch(`cuda -host:nobody`), limit: 1000 });
        expect(new Set(all.map((hit) => hit.run))).toEqual(new Set([run, `not ${run}`]));
      });

      test('orders by time to the microsecond, then offset', async () => {
        const stream = newStream();
        const at = (start: number, time: number) => asItem(makeEvent({ stream, run: 'order', start, time }));
        const early = startTime - 3 * 86_400_000;
        await storeAll(index, [
          at(0, startTime + 0.003),
          at(10, startTime + 0.002),
          at(30, startTime),
          at(20, startTime),
          at(40, early),
        ]);
        await expect
          .poll(
            async () => (await hits({ run: 'order', order: 'oldest' })).map((hit) => hit.start),
            patience(index),
          )
          .toEqual([40, 20, 30, 10, 0]);
        expect((await hits({ run: 'order', limit: 3 })).map((hit) => hit.start)).toEqual([0, 10, 30]);
      });

      test('gives more than a page', async () => {
        const stream = newStream();
        const run = `run-${stream}`;
        const count = 2_500;
        const events = Array.from({ length: count }, (_, n) =>
          asItem(makeEvent({ stream, start: n * 30, message: `page ${n % 2 ? 'odd' : 'even'} ${n}` })),
        );
        await storeAll(index, events);
        await expect
          .poll(async () => (await hits({ run, limit: 10_000 })).length, patience(index))
          .toEqual(count);
        const odd = await hits({ run, limit: 10_000, clauses: parseSearch('odd -1') });
        expect(odd).toHaveLength(count / 2 - 1);
        expect(odd.map((hit) => hit.start)).toEqual(odd.map((hit) => hit.start).sort((a, b) => b - a));
      });
    });

    describe('odd content is stored', () => {
      test('a message of 300 KB, of one word, of controls', async () => {
        const stream = newStream();
        const run = `run-${stream}`;
        const texts = [
          'w '.repeat(150_000),
          'y'.repeat(300_000),
          'é'.repeat(150_000),
          'nul \0 and bell \u0007 and \u{1f680} and \ud83d alone',
        ];
        await storeAll(
          index,
          texts.map((message, n) => asItem(makeEvent({ stream, start: n * 400_000, message }))),
        );
        await expect
          .poll(() => messages({ run, order: 'oldest' }), patience(index))
          .toEqual(texts.map((text) => text.toWellFormed()));
        expect(await hits({ run, clauses: parseSearch('bell') })).toHaveLength(1);
      });

      test('fields of any name, type and number', async () => {
        const stream = newStream();
        const deep = Array.from({ length: 60 }).reduce<unknown>((inner) => ({ inner }), 1);
        const records: Record<string, unknown>[] = [
          { a: 1 },
          { a: { b: 2 } },
          { a: 'x' },
          { a: [1, { b: null }, [true]] },
          { a: null },
          {
            '': 1,
            '.': 2,
            '..': 3,
            'a.b': 4,
            'a..b': 5,
            ' ': 6,
            '.a': 7,
            'b.': 8,
            'n\0ul': 9,
            __proto__x: 10,
          },
          { loss: NaN, grad: Infinity, other: -Infinity },
          { deep },
          { big: 'v'.repeat(200_000), ['k'.repeat(40_000)]: 1, é: 'é'.repeat(30_000) },
          Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`key ${n}`, n])),
          { text: 'half \ud83d', '\udc00': 1, int: 2 ** 80, date: '2026-99-99', bool: false },
        ];
        await storeAll(
          index,
          records.map((fields, n) => asItem(makeEvent({ stream, start: n * 100, kind: 'record', fields }))),
        );
        await expect
          .poll(() => index.eventCounts([stream]), patience(index))
          .toEqual(new Map([[stream, records.length]]));
      });

      test('times, levels and numbers at the edges', async () => {
        const stream = newStream();
        const run = `run-${stream}`;
        const times = [0, -5, NaN, 1e18, startTime, 1.5];
        await storeAll(
          index,
          times.map((time, n) =>
            asItem(makeEvent({ stream, start: n * 2 ** 50, end: n * 2 ** 50 + 9, time, rank: 2 ** 30 })),
          ),
        );
        await expect.poll(async () => (await hits({ run })).length, patience(index)).toEqual(times.length);
      });
    });

    describe('points', () => {
      test('come back by step, then time; by name', async () => {
        const stream = newStream();
        const run = `run-${stream}`;
        const at = (start: number, points: Partial<PointFact>[]): IndexItem => ({
          kind: 'points',
          points: points.map((point) => makePoint({ stream, run, start, end: start + 10, ...point })),
        });
        await storeAll(index, [
          at(20, [{ step: 2, value: 1.5, time: startTime + 20 }]),
          at(0, [
            { step: 1, value: NaN },
            { step: 1, name: 'train/grad_norm', canonical: 'grad_norm', value: Infinity },
          ]),
          at(30, [
            { step: 10, value: -Infinity },
            { step: null, name: '', canonical: null, value: 1e300 },
          ]),
        ]);
        const loss = (step: number | null, value: number, time = startTime) => ({
          run,
          attempt: 0,
          rank: 0,
          host: '',
          path: '/logs/metrics.jsonl',
          step,
          name: 'loss',
          canonical: 'loss',
          value,
          time,
        });
        const gradNorm = { ...loss(1, Infinity), name: 'train/grad_norm', canonical: 'grad_norm' };
        await expect
          .poll(() => index.points(run), patience(index))
          .toEqual([
            loss(1, NaN),
            gradNorm,
            loss(2, 1.5, startTime + 20),
            loss(10, -Infinity),
            { ...loss(null, 1e300), name: '', canonical: null },
          ]);
        expect(await index.points(run, { name: 'grad_norm' })).toEqual([gradNorm]);
        expect(await index.points(run, { name: 'train/grad_norm' })).toEqual([gradNorm]);
        expect(await index.points(run, { limit: 2 })).toEqual([loss(1, NaN), gradNorm]);
        expect(await index.points(run, { name: 'los' })).toEqual([]);
      });

      test('of resources are apart: by time, the newest, a document for each device', async () => {
        const stream = newStream();
        const run = `run-${stream}`;
        const of = { host: 'node-1', path: '/state/samples.jsonl' };
        const sample = (start: number, value: number): PointFact[] => {
          const common = { ...of, stream, run, start, end: start + 10, step: null, time: startTime + start };
          return ['0', '1'].map((device) =>
            makePoint({
              ...common,
              ...resourceNames('gpu', device, 'power_watts'),
              value: value + Number(device),
            }),
          );
        };
        const training = makePoint({ stream: newStream(), run, host: 'node-1' });
        await storeAll(index, [
          { kind: 'points', points: sample(0, 100) },
          { kind: 'points', points: [training] },
          { kind: 'points', points: sample(10, 200) },
          { kind: 'points', points: sample(10, 200) },
        ]);
        const values = async (query: PointsQuery) =>
          (await index.points(run, query)).map(({ name, value, host }) => [name, value, host]);
        const gpu = (device: number, value: number) => [
          `resource.gpu.${device}.power_watts`,
          value,
          'node-1',
        ];
        await expect
          .poll(async () => (await values({ resources: true })).toSorted(byText), patience(index))
          .toEqual([gpu(0, 100), gpu(0, 200), gpu(1, 101), gpu(1, 201)]);
        expect(await values({})).toEqual([['loss', 2.5, 'node-1']]);
        expect(await values({ name: 'resource.gpu.1.power_watts', resources: true })).toEqual([
          gpu(1, 101),
          gpu(1, 201),
        ]);
        expect(await values({ name: 'resource.gpu.power_watts', resources: true })).toHaveLength(4);
        expect((await values({ limit: 2, resources: true })).toSorted(byText)).toEqual([
          gpu(0, 200),
          gpu(1, 201),
        ]);
        expect(await values({ name: 'resource.gpu.power_watts' })).toEqual([]);
      });

      test('the newest are those of the last attempt and time, of each rank and name', async () => {
        const run = `run-${newStream()}`;
        const streams = [newStream(), newStream(), newStream()] as const;
        const at = (
          rank: number | null,
          attempt: number,
          start: number,
          more: Partial<PointFact> = {},
        ): IndexItem => ({
          kind: 'points',
          points: [
            makePoint({
              stream: streams[(rank ?? 2) % 3] ?? '',
              run,
              rank,
              attempt,
              start: start + attempt * 1_000,
              end: start + attempt * 1_000 + 5,
              step: start,
              time: startTime + start,
              value: start,
              ...more,
            }),
          ],
        });
        const gpu = (device: string) => ({ ...resourceNames('gpu', device, 'power_watts'), step: null });
        await storeAll(index, [
          at(0, 0, 900),
          at(0, 1, 100),
          at(0, 1, 200),
          at(0, 1, 300, { name: 'other', canonical: null }),
          at(1, 0, 50, { value: NaN }),
          at(null, 0, 10, gpu('0')),
          at(null, 0, 11, gpu('1')),
          at(null, 0, 20, gpu('0')),
        ]);
        const newest = async () =>
          (await index.latestPoints(run, ['loss', 'resource.gpu.power_watts', 'mfu']))
            .map(({ rank, attempt, name, step, value }) =>
              [rank ?? '-', attempt, name, step ?? '-', value].join(' '),
            )
            .sort();
        await expect
          .poll(newest, patience(index))
          .toEqual([
            '- 0 resource.gpu.0.power_watts - 20',
            '- 0 resource.gpu.1.power_watts - 11',
            '0 1 loss 200 200',
            '1 0 loss 50 NaN',
          ]);
        expect(await index.latestPoints(`${run}-other`, ['loss'])).toEqual([]);
      });

      test('the same again change nothing; a longer event replaces', async () => {
        const stream = newStream();
        const run = `run-${stream}`;
        const item = (value: number, end: number): IndexItem => ({
          kind: 'points',
          points: [makePoint({ stream, run, value, end })],
        });
        await storeAll(index, [item(1, 10), item(1, 10)]);
        await storeAll(index, [item(12, 11)]);
        await storeAll(index, [item(1, 10)]);
        await expect
          .poll(async () => (await index.points(run)).map(({ value }) => value), patience(index))
          .toEqual([12]);
      });

      test('names of every kind, more than an index maps', async () => {
        const stream = newStream();
        const run = `run-${stream}`;
        const names = [
          'a',
          'a.b',
          'a.b.c',
          'a..b',
          '.',
          ' ',
          'é'.repeat(5000),
          'loss',
          'train/loss',
          'n\0',
          '__proto__',
        ];
        for (let n = 0; n < 3000; n += 1) names.push(`gate/${n}`);
        const points = names.map((name, n) =>
          makePoint({ stream, run, name, canonical: name.endsWith('loss') ? 'loss' : null, value: n }),
        );
        await storeAll(index, [{ kind: 'points', points }]);
        await expect
          .poll(async () => (await index.points(run)).map(({ name }) => name), patience(index))
          .toEqual(names);
      });
    });

    test('ranges are all stored events of a stream by start', async () => {
      const stream = newStream();
      const count = 1200;
      const events = Array.from({ length: count }, (_, n) =>
        makeEvent({
          stream,
          start: n * 10,
          end: n * 10 + 10,
          sum: n.toString(16).padStart(8, '0'),
          observed: startTime + Math.floor(n / 500) * 86_400_000,
        }),
      );
      await storeAll(index, events.toReversed().map(asItem));
      await expect
        .poll(() => collect(index.ranges(stream)), patience(index))
        .toEqual(events.map(({ id, start, end, sum }) => ({ id, start, end, sum })));
      const unknown = newStream();
      await expect
        .poll(() => index.eventCounts([stream, unknown]), patience(index))
        .toEqual(
          new Map([
            [stream, count],
            [unknown, 0],
          ]),
        );
      expect(await collect(index.ranges(unknown))).toEqual([]);
      const touched = await collect(index.ranges(stream, { start: 5005, end: 5020 }));
      expect(touched.map(({ start }) => start)).toEqual([5000, 5010]);
      expect(await index.eventCounts(new Map([[stream, 5005]]))).toEqual(new Map([[stream, 501]]));
    });

    test('an audit sees all that was stored before it asked for a refresh, and its scope alone', async () => {
      const source = `pod-${newStream()}`;
      const run = `run-of-${source}`;
      const streams = [newStream(), newStream(), newStream()];
      const origin = (of: string) => ({ ...makeStream({ stream: of }).origin, run, source });
      await storeAll(
        index,
        streams.flatMap((stream, n): IndexItem[] => [
          ...[0, 100].map((start) => asItem(makeEvent({ stream, start, origin: origin(stream) }))),
          {
            kind: 'stream',
            document: makeStream({
              stream,
              origin: origin(stream),
              events: 2,
              gaps: [{ start: 40, end: 50, reason: 'gone' }],
              open: n === 0 ? openEventOf(Buffer.alloc(1000)) : null,
            }),
          },
        ]),
      );
      await index.refresh();
      for (const scope of [{ run }, { source }, { run, source: 'another' }]) {
        const summaries = await collect(index.streamSummaries(scope));
        expect(summaries.map(({ stream }) => stream).toSorted()).toEqual(streams.toSorted());
        const first = summaries.find(({ stream }) => stream === streams[0]);
        expect(first).toMatchObject({
          end: 100,
          closedEnd: 80,
          events: 2,
          hasOpen: true,
          origin: { source },
        });
        expect(first?.gaps).toEqual([{ start: 40, end: 50, reason: 'gone' }]);
        expect(first).not.toHaveProperty('open');
        expect(summaries.filter(({ hasOpen }) => hasOpen)).toHaveLength(1);
        const mine = <T extends { stream: string }>(found: T[]) =>
          found.filter(({ stream }) => streams.includes(stream));
        const totals = mine(await collect(index.eventTotals(scope)));
        expect(totals.map(({ events }) => events)).toEqual([2, 2, 2]);
        const ranges = mine(await collect(index.storedRanges(scope)));
        expect(ranges.map(({ stream, start }) => `${stream} ${start}`).toSorted()).toEqual(
          streams.flatMap((stream) => [`${stream} 0`, `${stream} 100`]).toSorted(),
        );
      }
      expect(await collect(index.streamSummaries({ run: 'no such run' }))).toEqual([]);
      expect(await collect(index.eventTotals({ run: 'no such run' }))).toEqual([]);
      expect(await collect(index.storedRanges({ run: 'no such run' }))).toEqual([]);
      expect(await index.heldSince()).toBeLessThanOrEqual(startTime);
    });

    test('runs are summed up over their streams', async () => {
      const run = `summary-${newStream()}`;
      const origin = { ...makeStream({ stream: 'x' }).origin, run };
      await storeAll(index, [
        { kind: 'stream', document: makeStream({ stream: newStream(), origin: { ...origin, rank: 10 } }) },
        {
          kind: 'stream',
          document: makeStream({
            stream: newStream(),
            origin: { ...origin, rank: 2, attempt: 1, host: 'a' },
            created: startTime - 5,
            observed: startTime + 5000,
            end: 50,
            gaps: [
              { start: 0, end: 5, reason: 'gone' },
              { start: 7, end: 9, reason: 'hole' },
            ],
          }),
        },
      ]);
      await expect
        .poll(async () => (await index.runs()).filter((found) => found.run === run), patience(index))
        .toEqual([
          {
            run,
            attempt: 1,
            ranks: [2, 10],
            hosts: ['a', 'node-1'],
            streams: 2,
            bytes: 150,
            events: 8,
            first: startTime - 5,
            last: startTime + 5000,
            gapBytes: 7,
          },
        ]);
    });

    test('of a rewritten file a run has the events of the latest state', async () => {
      const run = `states-${newStream()}`;
      const state = (created: number, events: number): IndexItem => {
        const document = makeStream({ stream: newStream(), run, snapshot: true, created, events, end: 10 });
        return { kind: 'stream', document };
      };
      await storeAll(index, [state(startTime, 4), state(startTime + 2, 7), state(startTime + 1, 5)]);
      const summary = async () => (await index.runs()).find((found) => found.run === run);
      await expect.poll(summary, patience(index)).toMatchObject({ streams: 3, bytes: 30, events: 7 });
    });

    describe('incidents', () => {
      const incident = (token: number, message: string): IncidentDocument => ({
        id: 'e'.repeat(32),
        run: 'incident',
        attempt: 2,
        rank: null,
        class: 'silent',
        role: 'root',
        message,
        evidence: [{ path: '/a', stream: 'b', start: 1, end: 2 }],
        opened: startTime,
        resolved: null,
        token,
      });

      test('a stale leader is refused', async () => {
        expect(await index.writeIncident(incident(5, 'five'))).toBe('stored');
        expect(await index.writeIncident(incident(7, 'seven'))).toBe('stored');
        expect(await index.writeIncident(incident(6, 'six'))).toBe('stale');
        await expect.poll(() => index.incidents('incident'), patience(index)).toEqual([incident(7, 'seven')]);
        expect(await index.writeIncident(incident(7, 'again'))).toBe('stored');
        await expect.poll(() => index.incidents('incident'), patience(index)).toEqual([incident(7, 'again')]);
        expect(await index.incidents('other')).toEqual([]);
        expect((await index.incidents()).map(({ id }) => id)).toContain('e'.repeat(32));
      });
    });

    describe('deleteRun', () => {
      test('what it deletes can be written again at once, also in a shorter state', async () => {
        const [stream, kept] = [newStream(), newStream()];
        const run = `run-${stream}`;
        const events = Array.from({ length: 1100 }, (_, n) =>
          asItem(makeEvent({ stream, start: n * 100, end: n * 100 + 90 })),
        );
        const points: IndexItem = { kind: 'points', points: [makePoint({ stream, run, end: 90 })] };
        const document: IndexItem = { kind: 'stream', document: makeStream({ stream, end: 1000 }) };
        await storeAll(index, [
          ...events,
          points,
          document,
          asItem(makeEvent({ stream: kept, run: `${run} kept` })),
        ]);
        expect(await index.deleteRun(run)).toBe(1102);
        expect(await index.loadStreams([stream], signal)).toEqual(new Map());

        const shorter = events.map((item) =>
          item.kind === 'event'
            ? asItem({ ...item.event, end: item.event.start + 10, message: 'again' })
            : item,
        );
        const earlier: IndexItem = { kind: 'stream', document: makeStream({ stream, end: 10 }) };
        await storeAll(index, [...shorter, points, earlier]);
        expect((await index.loadStreams([stream], signal)).get(stream)?.end).toBe(10);
        await expect
          .poll(() => index.eventCounts([stream, kept]), patience(index))
          .toEqual(
            new Map([
              [stream, 1100],
              [kept, 1],
            ]),
          );
        expect(await messages({ run, limit: 1 })).toEqual(['again']);
        await storeAll(index, events);
        await expect.poll(() => messages({ run, limit: 1 }), patience(index)).toEqual(['step 1 loss=2.5']);
        expect(await index.points(run)).toHaveLength(1);
      });

      test('of an unknown run deletes nothing', async () => {
        expect(await index.deleteRun('nobody')).toBe(0);
      });
    });

    describe('what a route leads to a prefix of its own', () => {
      const routedItems = (stream: string, run: string, indexPrefix: string): IndexItem[] => [
        { ...asItem(makeEvent({ stream, message: 'routed far away' })), indexPrefix } as IndexItem,
        { kind: 'points', points: [makePoint({ stream, run, end: 90 })], indexPrefix },
        { kind: 'stream', document: makeStream({ stream, indexPrefix, end: 100 }) },
      ];

      test('is found, counted and audited with all else', async () => {
        const [stream, near] = [newStream(), newStream()];
        const run = `run-${stream}`;
        await storeAll(index, [
          ...routedItems(stream, run, opened.routedPrefix),
          asItem(makeEvent({ stream: near, run, start: 1, message: 'not routed' })),
        ]);
        await expect
          .poll(() => messages({ run, order: 'oldest' }), patience(index))
          .toEqual(['routed far away', 'not routed']);
        await expect.poll(() => index.points(run), patience(index)).toHaveLength(1);
        expect((await index.loadStreams([stream], signal)).get(stream)?.indexPrefix).toBe(
          opened.routedPrefix,
        );
        expect(await index.eventCounts([stream])).toEqual(new Map([[stream, 1]]));
        expect(await collect(index.ranges(stream))).toHaveLength(1);
        expect(await collect(index.storedRanges({ run }))).toHaveLength(2);
        expect(await collect(index.eventTotals({ run }))).toContainEqual({ stream, events: 1 });
        expect(await index.deleteRun(run)).toBe(4);
        await expect.poll(() => messages({ run }), patience(index)).toEqual([]);
      });

      test('is deleted with its run, also where the config does not name the prefix any more', async () => {
        const stream = newStream();
        const run = `run-${stream}`;
        await storeAll(index, routedItems(stream, run, `${opened.routedPrefix}-former`));
        expect(await index.deleteRun(run)).toBe(3);
        expect(await collect(index.ranges(stream))).toEqual([]);
      });

      test('goes by the same retention', async () => {
        const stream = newStream();
        const observed = Date.UTC(2024, 0, 31, 12);
        const event = makeEvent({ stream, observed });
        await storeAll(index, [{ kind: 'event', event, indexPrefix: opened.routedPrefix }]);
        const kept = { logsDays: 30, metricsDays: 30 };
        const deleted = await index.applyRetention(kept, observed + 86_400_000 * 40);
        expect(deleted.map((name) => name.replace(/^.*(logs|metrics)-/, '$1-'))).toEqual(['logs-2024.01.31']);
      });
    });

    test('retention deletes whole days and months that are over, and says which', async () => {
      const stream = newStream();
      const run = `run-${stream}`;
      const old = Date.UTC(2025, 0, 31, 12);
      const at = (observed: number, start: number): IndexItem[] => [
        asItem(makeEvent({ stream, start, observed })),
        { kind: 'points', points: [makePoint({ stream, run, start, step: start, observed })] },
      ];
      await storeAll(index, [...at(old, 0), ...at(old + 86_400_000, 100), ...at(old + 86_400_000 * 40, 200)]);
      const now = old + 86_400_000 * 30;
      const end = (names: string[]) => names.map((name) => name.replace(/^.*(logs|metrics)-/, '$1-')).sort();
      // 2025.01.31 ended 29.5 days before, January too.
      expect(end(await index.applyRetention({ logsDays: 30, metricsDays: 30 }, now))).toEqual([]);
      expect(end(await index.applyRetention({ logsDays: 29, metricsDays: 29 }, now))).toEqual([
        'logs-2025.01.31',
        'metrics-2025.01',
      ]);
      expect(await index.applyRetention({ logsDays: 29, metricsDays: 29 }, now)).toEqual([]);
      await expect
        .poll(async () => (await collect(index.ranges(stream))).map((range) => range.start), patience(index))
        .toEqual([100, 200]);
      await expect
        .poll(async () => (await index.points(run)).map((point) => point.step), patience(index))
        .toEqual([100, 200]);
    });

    test('a write that is aborted beforehand is refused with the reason', async () => {
      const reason = new Error('revoked');
      await expect(
        index.write([asItem(makeEvent({ stream: newStream() }))], AbortSignal.abort(reason)),
      ).rejects.toBe(reason);
    });

    test('an empty write is answered', async () => {
      expect(await index.write([], signal)).toEqual([]);
    });
  });
}

function byText(a: unknown, b: unknown): number {
  return String(a) < String(b) ? -1 : 1;
}
