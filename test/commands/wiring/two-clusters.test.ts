/** Streams that moved between two clusters, taken in by one indexer or two at once: as if they had been in one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Indexing } from '../../../src/commands/wiring/indexing.ts';
import { readSegment } from '../../../src/commands/wiring/reading.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Segment } from '../../../src/core/segment.ts';
import type { StreamDocument } from '../../../src/core/stream-document.ts';
import type { DeadLetter, SegmentBatch } from '../../../src/core/transport.ts';
import { Precedence } from '../../../src/transport/failover/precedence.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { FakeClock, settle } from '../../fakes/clock.ts';
import { FakeEventIndex } from '../../fakes/event-index.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';
import { ModelCluster } from '../../transport/failover/cluster.ts';

/** Everything that is written or loaded takes a turn or three of the event loop, so that two writers overlap. */
class SlowIndex extends FakeEventIndex {
  override async write(items: Parameters<FakeEventIndex['write']>[0]) {
    for (let i = 0; i < 1 + (items.length % 3); i += 1) await nextTurn();
    return await super.write(items);
  }

  override async loadStreams(ids: readonly string[]) {
    await nextTurn();
    return await super.loadStreams(ids);
  }
}

const nextTurn = async () => await new Promise<void>((resolve) => void setImmediate(resolve));

/** One indexer that reads one cluster, in batches whose sizes the test says. */
class Reader {
  readonly #cluster: ModelCluster;
  readonly #precedence: Precedence;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #position: number;
  #revoked = new AbortController();
  #assignment = 1;
  #turn: { size: number; done: () => void } | null = null;
  #wake = (): void => undefined;

  constructor(
    index: FakeEventIndex,
    letters: DeadLetter[],
    cluster: ModelCluster,
    other: ModelCluster,
    holdMsMax: number | null,
    clock: FakeClock,
  ) {
    this.#cluster = cluster;
    this.#position = cluster.committed ?? 0;
    const hooks = { onHeld: () => undefined, onGivenUp: () => undefined };
    this.#precedence = new Precedence({
      other: other.transport(),
      holdMsMax,
      ...hooks,
      clock,
      logger: silentLogger,
    });
    const indexing = new Indexing({
      subscriber: { batches: (signal) => this.#batches(signal), lag: async () => [] },
      index,
      facts: { append: async () => undefined, read: async function* () {} },
      deadLetters: {
        append: async (more) => void letters.push(...more),
        mark: async () => undefined,
        read: async function* () {},
      },
      onFacts: () => undefined,
      onRevoked: () => undefined,
      timeZone: 'UTC',
      provisionalAfterMs: 1000,
      refusedInARowMax: 10,
      clock,
      logger: silentLogger,
      metrics: createMetrics(),
    });
    this.#running = indexing.run(this.#stop.signal);
  }

  get isDone(): boolean {
    return (this.#cluster.committed ?? 0) >= this.#cluster.records.length;
  }

  /** Takes the next batch, of at most so many segments; resolves when it is committed or released. */
  async take(size: number): Promise<void> {
    if (this.#position >= this.#cluster.records.length) return;
    await new Promise<void>((done) => {
      this.#turn = { size, done };
      this.#wake();
    });
  }

  /** The partition goes to somebody who knows nothing. */
  reassign(): void {
    this.#revoked.abort();
    this.#revoked = new AbortController();
    this.#assignment += 1;
    this.#position = this.#cluster.committed ?? 0;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#wake();
    await this.#running;
  }

  async *#batches(signal: AbortSignal): AsyncGenerator<SegmentBatch> {
    while (!signal.aborted) {
      const turn = this.#turn;
      this.#turn = null;
      if (turn) yield this.#batch(turn.size, turn.done);
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #batch(size: number, done: () => void): SegmentBatch {
    const from = this.#position;
    const segments = this.#cluster.records.slice(from, from + size);
    this.#position = from + segments.length;
    const revoked = this.#revoked.signal;
    const batch: SegmentBatch = {
      lane: 'bulk',
      partition: 0,
      segments,
      rejected: [],
      assignment: this.#assignment,
      revoked,
      mayBePreceded: async (signal) => await this.#precedence.holds(batch, signal),
      commit: async () => {
        if (!revoked.aborted) this.#cluster.committed = from + segments.length;
        done();
      },
      release: () => {
        if (!revoked.aborted) this.#position = from;
        done();
      },
    };
    return batch;
  }
}

/** Cuts of one stream, of torn lines and tracebacks, some seconds apart now and then. */
function cutsOf(stream: string, seed: number, count: number): Segment[] {
  const cuts: Segment[] = [];
  let observed = Date.UTC(2026, 10, 23, 10);
  for (let i = 0, start = 0; i < count; i += 1) {
    const kind = (seed * 7 + i * 5) % 9;
    const text =
      kind < 3
        ? `line ${i}\n`
        : kind < 5
          ? `torn ${i} `
          : kind < 7
            ? `  indented ${i}\n`
            : `{"step": ${i}, "loss": 1}\n`;
    observed += kind === 8 ? 6_000 : 100;
    const isLast = i === count - 1;
    cuts.push(segmentOf(text, { stream: stream.repeat(32), start, observed, final: isLast }));
    start += text.length;
  }
  return cuts;
}

/** What one cluster would have given. */
function reference(cuts: readonly Segment[]) {
  let document: StreamDocument | null = null;
  const events: string[] = [];
  for (const cut of cuts) {
    const reading = readSegment(document, carried(cut), { timeZone: 'UTC', now: 0 });
    document = reading.document;
    events.push(...reading.closed.map(({ id, start, end, message }) => `${id} ${start} ${end} ${message}`));
  }
  return { document, events };
}

/** An agent that sends the cuts of all streams, and moves now and then: the last few have no answer then, and are sent again. */
function send(cuts: readonly Segment[], moves: readonly { at: number; again: number; stored: boolean }[]) {
  const clusters = [new ModelCluster(), new ModelCluster()] as const;
  let here = 0;
  const put = (segment: Segment, where: number) => {
    const { records } = clusters[where as 0 | 1];
    records.push(carried(segment, records.length));
  };
  let arrivedAt = 0;
  for (const [i, cut] of cuts.entries()) {
    const move = moves.find(({ at }) => at === i);
    if (move) {
      // What was sent here and has no answer may be stored all the same, or not.
      const from = Math.max(arrivedAt, i - move.again);
      const { records } = clusters[here as 0 | 1];
      if (!move.stored) records.splice(records.length - (i - from));
      here = 1 - here;
      arrivedAt = from;
      for (const again of cuts.slice(from, i)) put(again, here);
    }
    put(cut, here);
  }
  return clusters;
}

const story = fc.record({
  seed: fc.nat(1000),
  moves: fc.array(
    fc.record({ at: fc.integer({ min: 1, max: 59 }), again: fc.nat(6), stored: fc.boolean() }),
    {
      maxLength: 5,
    },
  ),
  turns: fc.array(
    fc.record({
      who: fc.constantFrom('first', 'second', 'both', 'reassign first', 'reassign second'),
      size: fc.integer({ min: 1, max: 9 }),
    }),
    { maxLength: 60 },
  ),
});

describe('two clusters', () => {
  it('give every event once, wherever the parts of a stream are and whoever is ahead', async () => {
    await fc.assert(
      fc.asyncProperty(story, async ({ seed, moves, turns }) => {
        const streams = ['a', 'b', 'c'].map((name, i) => cutsOf(name, seed + i, 20));
        const cuts = Array.from({ length: 60 }, (_, i) => streams[i % 3]![Math.floor(i / 3)]!);
        const [first, second] = send(cuts, moves);
        const index = new SlowIndex();
        const letters: DeadLetter[] = [];
        const clock = new FakeClock();
        const readers = [
          new Reader(index, letters, first, second, null, clock),
          new Reader(index, letters, second, first, null, clock),
        ] as const;
        for (const { who, size } of turns) {
          const chosen = readers.filter(
            (_, i) => who === 'both' || who.endsWith(i === 0 ? 'first' : 'second'),
          );
          if (who.startsWith('reassign')) for (const reader of chosen) reader.reassign();
          else await Promise.all(chosen.map(async (reader) => await reader.take(size)));
        }
        for (let i = 0; i < 200 && !readers.every(({ isDone }) => isDone); i += 1)
          await Promise.all(readers.map(async (reader) => await reader.take(5)));
        await settle();
        for (const reader of readers) await reader.stop();
        expect(readers.map(({ isDone }) => isDone)).toEqual([true, true]);
        expect(letters).toEqual([]);
        for (const ofStream of streams) {
          const { document, events } = reference(ofStream);
          const id = ofStream[0]!.stream;
          const { end, closedEnd, gaps, events: count, final, open } = index.documents.get(id)!;
          const wanted = document!;
          expect({ end, closedEnd, gaps, count, final, open }).toEqual({
            end: wanted.end,
            closedEnd: wanted.closedEnd,
            gaps: [],
            count: wanted.events,
            final: wanted.final,
            open: wanted.open,
          });
          const held = [...index.events.values()]
            .filter((event) => event.stream === id)
            .sort((x, y) => x.start - y.start);
          expect(held.map((event) => `${event.id} ${event.start} ${event.end} ${event.message}`)).toEqual(
            events,
          );
        }
      }),
      { numRuns: 150 },
    );
  }, 120_000);

  it('while one waits for the other, the other streams of its batch are taken in', async () => {
    const [held, free] = [cutsOf('a', 1, 6), cutsOf('b', 2, 6)];
    const first = new ModelCluster();
    const second = new ModelCluster();
    for (const cut of held.slice(0, 3)) first.records.push(carried(cut, first.records.length));
    for (const cut of [...held.slice(3), ...free]) second.records.push(carried(cut, second.records.length));
    const index = new SlowIndex();
    const letters: DeadLetter[] = [];
    const clock = new FakeClock();
    const ahead = new Reader(index, letters, second, first, 60_000, clock);
    await ahead.take(20);
    expect(second.committed).toBe(null);
    expect([...index.documents.keys()]).toEqual(['b'.repeat(32)]);
    expect(index.documents.get('b'.repeat(32))).toMatchObject({ final: true, gaps: [] });

    // The other cluster is lost for good: after holdMsMax it is a gap, as it is with one cluster.
    await clock.advance(60_000);
    await ahead.take(20);
    expect(second.committed).toBe(9);
    const missing = { start: 0, end: held[3]!.start, reason: 'missing' };
    expect(index.documents.get('a'.repeat(32))).toMatchObject({ gaps: [missing], final: true });

    // It was not lost: what comes now is kept in the dead letters.
    const behind = new Reader(index, letters, first, second, 60_000, clock);
    await behind.take(20);
    expect(letters.map(({ kind, start }) => [kind, start])).toEqual(
      held.slice(0, 3).map(({ start }) => ['late', start]),
    );
    await ahead.stop();
    await behind.stop();
  });
});
