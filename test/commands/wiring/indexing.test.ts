import { describe, expect, it } from 'vitest';
import { Indexing } from '../../../src/commands/wiring/indexing.ts';
import { itemsOf, readSegment } from '../../../src/commands/wiring/reading.ts';
import type { IndexItem } from '../../../src/core/event-index.ts';
import type { LogEvent } from '../../../src/core/event.ts';
import type { Fact } from '../../../src/core/fact.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Lane, Segment } from '../../../src/core/segment.ts';
import type { DeadLetter, RejectedRecord, SegmentBatch } from '../../../src/core/transport.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { StallWatch, tellAfterMs } from '../../../src/telemetry/stalls.ts';
import { FakeClock, settle, until } from '../../fakes/clock.ts';
import { FakeEventIndex } from '../../fakes/event-index.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';

/** An Indexing over a queue of batches that the test fills, one at a time. */
class Bench {
  readonly clock = new FakeClock();
  readonly index = new FakeEventIndex();
  readonly metrics = createMetrics();
  readonly stalls = new StallWatch({ clock: this.clock, logger: silentLogger, metrics: this.metrics });
  readonly facts: Fact[] = [];
  readonly events: LogEvent[] = [];
  readonly letters: DeadLetter[] = [];
  readonly revokedStreams: string[] = [];
  readonly outcomes: string[] = [];
  /** Lanes of the batches that were committed. */
  readonly committed: Lane[] = [];
  #assignment = 1;
  #revoke = new AbortController();
  #queue: SegmentBatch[] = [];
  #wake: () => void = () => undefined;
  readonly #stop = new AbortController();
  readonly #indexing: Indexing;
  readonly #running: Promise<void>;

  constructor() {
    this.#indexing = new Indexing({
      subscriber: {
        batches: (signal) => this.#batches(signal),
        lag: async () => [],
      },
      index: this.index,
      facts: { append: async (facts) => void this.facts.push(...facts), read: async function* () {} },
      events: { append: async (events) => void this.events.push(...events) },
      deadLetters: {
        append: async (letters) => void this.letters.push(...letters),
        mark: async () => undefined,
        read: async function* () {},
      },
      onFacts: () => undefined,
      onRevoked: (streams) => void this.revokedStreams.push(...streams),
      timeZone: 'UTC',
      indexPrefixOf: ({ labels }) => labels['index'],
      provisionalAfterMs: 1000,
      refusedInARowMax: 10,
      watched: this.stalls.part('batch'),
      clock: this.clock,
      logger: silentLogger,
      metrics: this.metrics,
    });
    void this.stalls.run(this.#stop.signal);
    this.#running = this.#indexing.run(this.#stop.signal);
  }

  async *#batches(signal: AbortSignal): AsyncGenerator<SegmentBatch> {
    while (!signal.aborted) {
      const batch = this.#queue.shift();
      if (batch) yield batch;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          signal.addEventListener('abort', () => resolve());
        });
    }
  }

  /** Hands out one batch and waits for its outcome. */
  async give(segments: readonly Segment[], rejected: readonly RejectedRecord[] = []): Promise<string> {
    const before = this.outcomes.length;
    this.queue('bulk', segments, rejected);
    await until(() => this.outcomes.length > before, 'the batch is done');
    return this.outcomes.at(-1) ?? '';
  }

  /** Hands out one batch, and does not wait. */
  queue(lane: Lane, segments: readonly Segment[], rejected: readonly RejectedRecord[] = []): void {
    this.#queue.push({
      lane,
      partition: 0,
      segments: segments.map((segment, i) => ({ ...carried(segment, i), lane })),
      rejected,
      assignment: this.#assignment,
      revoked: this.#revoke.signal,
      commit: async () => {
        this.committed.push(lane);
        this.outcomes.push('commit');
      },
      release: () => void this.outcomes.push('release'),
    });
    this.#wake();
  }

  reassign(): void {
    this.#revoke.abort();
    this.#revoke = new AbortController();
    this.#assignment += 1;
  }

  /** The index refuses them from now on, until what this returns is called. */
  refuseStreamDocuments(): () => void {
    const write = this.index.write.bind(this.index);
    let refuses = true;
    this.index.write = async (items) =>
      refuses && items[0]?.kind === 'stream'
        ? items.map(() => ({ status: 'rejected', reason: 'strict mapping' }))
        : await write(items);
    return () => void (refuses = false);
  }

  get notReady(): string | null {
    return this.#indexing.notReady;
  }

  get messages(): string[] {
    return [...this.index.events.values()].sort((a, b) => a.start - b.start).map(({ message }) => message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

describe('how far a stream says that it is', () => {
  const bar = (done: number) => `\rtrain:  50%|█████     | ${done}/100 [00:10<00:10, 5.00it/s]`;

  it('is told of a bar while it is drawn, with the time of its last frames', () => {
    const options = { timeZone: 'UTC', now: 0 };
    const first = segmentOf(`${bar(10)}${bar(11)}\r`);
    const more = segmentOf(`${bar(50)}\r`, { start: first.end, observed: first.observed + 60_000 });
    const { document } = readSegment(null, carried(first), options);
    expect(document.progress).toMatchObject({ step: 11, total: 100, label: 'train', time: first.observed });
    const later = readSegment(document, carried(more), options).document;
    expect(later.progress).toMatchObject({ step: 50, etaMs: 10_000, time: more.observed });
    const closing = segmentOf('\nx\n', { start: more.end, observed: more.observed + 1 });
    expect(readSegment(later, carried(closing), options).document.progress).toEqual(later.progress);
  });
});

describe('Indexing', () => {
  it('stores events, points and the stream document, then commits', async () => {
    await using bench = new Bench();
    const line = '{"step": 3, "loss": 2.5}\n';
    expect(await bench.give([segmentOf(line, { path: '/logs/m.jsonl' })])).toBe('commit');
    expect(bench.messages).toEqual([line.trim()]);
    expect(bench.facts).toMatchObject([
      { kind: 'point', step: 3, name: 'loss', value: 2.5 },
      { kind: 'lifecycle', state: 'started', rank: 0 },
    ]);
    expect(bench.index.documents.get('a'.repeat(32))).toMatchObject({ end: line.length, events: 1 });
  });

  it('leads a stream to the index prefix that it began with, whatever the rules say of its later segments', async () => {
    await using bench = new Bench();
    const led = (text: string, start: number, index: string, stream = 'a') =>
      segmentOf(text, { start, stream: stream.repeat(32), labels: { index }, path: '/logs/m.jsonl' });
    await bench.give([led('{"step": 3, "loss": 2.5}\n', 0, 'eval')]);
    bench.reassign();
    await bench.give([
      led('{"step": 4, "loss": 2.5}\n', 25, 'other'),
      led('{"step": 1, "loss": 1}\n', 0, 'other', 'b'),
    ]);
    await bench.give([segmentOf('near\n', { stream: 'c'.repeat(32) })]);
    await bench.clock.advance(2_000);
    const places = bench.index.written.map((item) =>
      item.kind === 'stream'
        ? `${item.document.stream[0]} document names ${item.document.indexPrefix}`
        : `${(item.kind === 'event' ? item.event : item.points[0])?.stream[0]} ${item.kind} in ${item.indexPrefix}`,
    );
    expect([...new Set(places)].sort()).toEqual([
      'a document names eval',
      'a event in eval',
      'a points in eval',
      'b document names other',
      'b event in other',
      'b points in other',
      'c document names undefined',
      'c event in undefined',
    ]);
  });

  it('skips a redelivery, also after a new assignment has forgotten everything', async () => {
    await using bench = new Bench();
    const segment = segmentOf('one\ntwo\n');
    await bench.give([segment]);
    await bench.give([segment]);
    bench.reassign();
    await bench.give([segment, segmentOf('three\nfour\n', { start: 8 })]);
    expect(bench.messages).toEqual(['one', 'two', 'three']);
    const { values } = await bench.metrics.redeliveredSegments.get();
    expect(values[0]?.value).toBe(2);
    expect(bench.revokedStreams).toEqual(['a'.repeat(32)]);
  });

  it('indexes an open event provisionally after a second of quiet, and overwrites it as it grows', async () => {
    await using bench = new Bench();
    await bench.give([segmentOf('one\nValueError: x\n')]);
    expect(bench.messages).toEqual(['one']);
    await bench.clock.advance(1300);
    expect(bench.messages).toEqual(['one', 'ValueError: x']);
    await bench.give([segmentOf('  more of it\n', { start: 18 })]);
    await bench.clock.advance(1300);
    await settle();
    expect(bench.messages).toEqual(['one', 'ValueError: x\n  more of it']);
  });

  it('puts records that are no segments into the dead letters, and goes on', async () => {
    await using bench = new Bench();
    const rejected: RejectedRecord = {
      lane: 'bulk',
      partition: 0,
      position: 7,
      key: 'k',
      headers: { run: 'r' },
      value: Buffer.from('garbage'),
      error: 'wrong checksum',
    };
    expect(await bench.give([segmentOf('one\ntwo\n')], [rejected])).toBe('commit');
    expect(bench.letters).toMatchObject([{ kind: 'record', reason: 'wrong checksum', run: 'r' }]);
    expect(bench.messages).toEqual(['one']);
  });

  it('does not skip other bytes under a held range in silence', async () => {
    await using bench = new Bench();
    await bench.give([segmentOf('one\ntwo\n')]);
    await bench.give([segmentOf('ONE\nTWO\n')]);
    expect(bench.letters).toMatchObject([{ kind: 'conflict', start: 0, end: 8 }]);
    expect(bench.messages).toEqual(['one']);
  });

  it('puts a refused document into the dead letters and goes on; a refused open one only once', async () => {
    await using bench = new Bench();
    const write = bench.index.write.bind(bench.index);
    bench.index.write = async (items) => {
      const refused = (item: IndexItem) => item.kind === 'event' && item.event.message.startsWith('two');
      await write(items.filter((item) => !refused(item)));
      return items.map((item) =>
        refused(item) ? { status: 'rejected', reason: 'no such mapping' } : { status: 'stored' },
      );
    };
    expect(await bench.give([segmentOf('one\ntwo\n')])).toBe('commit');
    await bench.clock.advance(1300);
    await bench.give([segmentOf(' more\n', { start: 8 })]);
    await bench.clock.advance(1300);
    expect(bench.letters).toMatchObject([{ kind: 'document', reason: 'no such mapping', start: 4, end: 7 }]);
    await bench.give([segmentOf('three\nfour\n', { start: 14 })]);
    expect(bench.letters).toHaveLength(2);
    expect(bench.letters[1]).toMatchObject({ start: 4, end: 13, path: '/logs/a.log' });
    expect(bench.messages).toEqual(['one', 'three']);
  });

  it('holds a batch back while the index refuses everything, and loses nothing', async () => {
    await using bench = new Bench();
    const write = bench.index.write.bind(bench.index);
    let refuses = true;
    bench.index.write = async (items) => {
      if (!refuses || items[0]?.kind === 'stream') return await write(items);
      return items.map(() => ({ status: 'rejected', reason: 'strict mapping' }));
    };
    // One at a time: a slow log floods as well.
    let start = 0;
    const give = async (text: string) => {
      const outcome = await bench.give([segmentOf(text, { start })]);
      if (outcome === 'commit') start += text.length;
      return outcome;
    };
    for (let i = 0; i < 11; i += 1) expect(await give(`line ${i}x\n`)).toBe('commit');
    expect(bench.letters).toHaveLength(10);
    expect(await give('held\nback\n')).toBe('release');
    expect(await give('held\nback\n')).toBe('release');
    expect(bench.letters).toHaveLength(10);
    expect(bench.notReady).toContain('refuses every document of bulk 0: strict mapping');
    expect((await bench.metrics.indexRefusing.get()).values[0]?.value).toBe(1);
    refuses = false;
    expect(await give('held\nback\n')).toBe('commit');
    expect(bench.messages).toEqual(['line 10x', 'held']);
    expect(bench.notReady).toBeNull();
    expect((await bench.metrics.indexRefusing.get()).values[0]?.value).toBe(0);
  });

  it('appends closed events to their log, in order, and once for a batch that is held back', async () => {
    await using bench = new Bench();
    const takeThem = bench.refuseStreamDocuments();
    const segments = Array.from({ length: 11 }, (_, i) =>
      segmentOf('one\ntwo\nthree\n', { stream: i.toString(16).repeat(32) }),
    );
    expect(await bench.give(segments)).toBe('release');
    expect(await bench.give(segments)).toBe('release');
    takeThem();
    expect(await bench.give(segments)).toBe('commit');
    const told = bench.events.map(({ stream, message, open }) => [stream[0], message, open]);
    expect(told).toEqual(
      segments.flatMap(({ stream }) => [
        [stream[0], 'one', false],
        [stream[0], 'two', false],
      ]),
    );
  });

  it('holds a batch back whose stream documents are refused, and tells its facts once', async () => {
    await using bench = new Bench();
    const takeThem = bench.refuseStreamDocuments();
    const segments = Array.from({ length: 11 }, (_, i) =>
      segmentOf('{"step": 3, "loss": 2.5}\n', { path: '/logs/m.jsonl', stream: i.toString(16).repeat(32) }),
    );
    expect(await bench.give(segments)).toBe('release');
    expect(await bench.give(segments)).toBe('release');
    expect(bench.facts).toHaveLength(22);
    takeThem();
    expect(await bench.give(segments)).toBe('commit');
    expect(bench.facts).toHaveLength(22);
    expect(bench.index.documents.size).toBe(11);
  });

  it('releases a batch that fails, forgets what it took in, and takes it in when it comes again', async () => {
    await using bench = new Bench();
    const works = new FakeEventIndex().write.bind(bench.index);
    bench.index.write = () => Promise.reject(new Error('the index is broken'));
    expect(await bench.give([segmentOf('one\ntwo\n')])).toBe('release');
    bench.index.write = works;
    expect(await bench.give([segmentOf('one\ntwo\n')])).toBe('commit');
    expect(bench.messages).toEqual(['one']);
  });

  it('reads a large segment in pieces, and remembers it as if it had been read at once', async () => {
    await using bench = new Bench();
    const text = '{"step": 3, "loss": 2.5}\nTraceback (most recent call last):\n  File "x"\nValueError: x\n';
    const segments = [segmentOf(text.repeat(4000)), segmentOf(text, { start: text.length * 4000 })];
    expect(await bench.give(segments)).toBe('commit');
    const now = bench.clock.now();
    let document = null;
    const closed = [];
    for (const segment of segments) {
      const reading = readSegment(document, carried(segment), { timeZone: 'UTC', now });
      document = reading.document;
      closed.push(...reading.closed);
    }
    expect(bench.index.documents.get('a'.repeat(32))).toEqual(document);
    expect([...bench.index.events.keys()]).toEqual(closed.map(({ id }) => id));
    expect(itemsOf(closed, []).length).toBeGreaterThan(7000);
    const kinds = Map.groupBy(bench.facts, ({ kind }) => kind);
    expect([...kinds].map(([kind, facts]) => [kind, facts.length])).toEqual([
      ['point', 4001],
      ['lifecycle', 1],
      ['observation', 4000],
    ]);
  });

  it('tells what an event says that stays open, as it stands, once each time that it has grown', async () => {
    await using bench = new Bench();
    const before =
      'step=1 loss=1.5\nTraceback (most recent call last):\n  File "/w/t.py", line 8, in <module>\n';
    await bench.give([segmentOf(before)]);
    await bench.clock.advance(2_000);
    const raised = '    main()\nValueError: no\n';
    await bench.give([segmentOf(raised, { start: before.length, observed: bench.clock.now() })]);
    expect(bench.facts.filter(({ kind }) => kind === 'observation')).toEqual([]);
    await bench.clock.advance(2_000);
    const open = bench.facts.filter(({ kind }) => kind === 'observation');
    expect(open).toMatchObject([
      { class: 'python', openAt: expect.any(Number), end: before.length + raised.length - 1 },
    ]);
    await bench.give([
      segmentOf('x\n', { start: before.length + raised.length, observed: bench.clock.now() }),
    ]);
    const [, closed, ...more] = bench.facts.filter(({ kind }) => kind === 'observation');
    expect(closed).toMatchObject({ id: open[0]?.id });
    expect(closed?.openAt).toBeUndefined();
    expect(more).toEqual([]);
  });

  it('tells of a progress bar that is redrawn without a second of quiet', async () => {
    await using bench = new Bench();
    let start = 0;
    for (let done = 1; done <= 50; done += 1) {
      const text = `\r 5%|#     | ${done}/1000 [00:10<10:00,  2.00it/s]`;
      await bench.give([segmentOf(text, { start, observed: bench.clock.now() })]);
      start += text.length;
      await bench.clock.advance(500);
    }
    const told = bench.facts.filter(({ openAt }) => openAt !== undefined);
    expect(told.length).toBeGreaterThanOrEqual(2);
    expect(told.length).toBeLessThanOrEqual(3);
    expect(told.at(-1)).toMatchObject({ kind: 'progress', total: 1000 });
    expect(told.at(-1)?.openAt).toBeGreaterThan(told.at(-1)?.observed ?? Infinity);
    expect(new Set(told.map(({ id }) => id)).size).toBe(1);
  });

  it('takes in a line of the fast lane while a long batch of bulk is under way', async () => {
    await using bench = new Bench();
    const text = `${'x'.repeat(99)}\n`.repeat(8000);
    const bulk = Array.from({ length: 20 }, (_, i) => segmentOf(text, { start: i * text.length }));
    bench.queue('bulk', bulk);
    await until(() => bench.index.events.size > 0, 'bulk is being taken in');
    bench.queue('fast', [segmentOf('one\nTraceback\n', { stream: 'f'.repeat(32), path: '/logs/stderr' })]);
    await until(() => bench.committed.length === 1, 'the first batch is done');
    expect(bench.committed).toEqual(['fast']);
    expect(bench.index.events.size).toBeLessThan(80_000);
    await until(() => bench.committed.length === 2, 'the other batch is done', 60_000);
    expect(bench.index.events.size).toBe(160_000);
  });

  it('writes a huge line in chunks that are bounded in text, not in events alone', async () => {
    await using bench = new Bench();
    const write = bench.index.write.bind(bench.index);
    let most = 0;
    bench.index.write = async (items) => {
      const texts = items.map((item) => (item.kind === 'event' ? item.event.message.length : 0));
      most = Math.max(
        most,
        texts.reduce((sum, length) => sum + length, 0),
      );
      return await write(items);
    };
    const part = 'x'.repeat(800_000);
    const segments = Array.from({ length: 20 }, (_, i) => segmentOf(part, { start: i * part.length }));
    expect(await bench.give(segments)).toBe('commit');
    expect(bench.index.events.size).toBe(Math.floor((20 * part.length) / (256 * 1024)));
    expect(most).toBeLessThan(3e6);
  });

  it('does not call a long batch on a slow index a stall while chunk after chunk is stored', async () => {
    await using bench = new Bench();
    const write = bench.index.write.bind(bench.index);
    bench.index.write = async (items) => {
      await bench.clock.advance(50_000);
      return await write(items);
    };
    const text = `${'x'.repeat(99)}\n`.repeat(8000);
    expect(await bench.give([segmentOf(text)])).toBe('commit');
    expect(bench.clock.monotonic()).toBeGreaterThan(2 * tellAfterMs);
    const { values } = await bench.metrics.stalls.get();
    expect(values.find(({ labels }) => labels.part === 'batch')?.value).toBe(0);
  });

  it('shows what is open in the fast lane after a quarter of a second', async () => {
    await using bench = new Bench();
    const fast = { stream: 'f'.repeat(32), path: '/logs/stderr' };
    bench.queue('fast', [segmentOf('ValueError: x\n', fast)]);
    bench.queue('bulk', [segmentOf('open\n')]);
    await until(() => bench.committed.length === 2, 'both are taken in');
    expect(bench.messages).toEqual([]);
    await bench.clock.advance(400);
    expect(bench.messages).toEqual(['ValueError: x']);
    await bench.clock.advance(800);
    expect(bench.messages.toSorted()).toEqual(['ValueError: x', 'open']);
  });
});
