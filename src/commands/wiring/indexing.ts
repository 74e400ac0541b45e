import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { LogEvent } from '../../core/event.ts';
import type { EventIndex, IndexItem } from '../../core/event-index.ts';
import type { Fact } from '../../core/fact.ts';
import type { Logger } from '../../core/logger.ts';
import type { StreamDocument } from '../../core/stream-document.ts';
import type { DeadLetter, DeadLetterLog, FactLog, SegmentBatch, Subscriber } from '../../core/transport.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { itemsOf, readSegment } from './reading.ts';
import type { SegmentReading } from './reading.ts';

/**
 * The consumer's way of a segment: transport → events → facts → index → commit. For each batch:
 *
 * 1. Load the documents of streams that are new to this assignment of the partition.
 * 2. Take each segment in: trimmed to what the stream's document does not hold, cut into events, read for facts.
 * 3. Write closed events and points; append facts and dead letters; write the stream documents; then commit.
 *
 * A partition is in one of: idle, working (one batch at a time), revoked (what it remembers is dropped).
 * An event that stays open is indexed provisionally after a second of quiet; the same id is overwritten as it grows.
 *
 * Failure rule: an index or a log that is away is waited for, inside the write; a batch that fails otherwise is released and
 * comes again, which changes nothing that is held already. A batch of a revoked partition is dropped.
 */
export interface IndexingOptions {
  subscriber: Subscriber;
  index: EventIndex;
  facts: FactLog;
  deadLetters: DeadLetterLog;
  /** Told of the facts of closed events, after they are stored: the training's gauges. */
  onFacts: (facts: readonly Fact[]) => void;
  /** Told of the streams of a partition that was taken away. */
  onRevoked: (streams: Iterable<string>) => void;
  /** Zone of times that are written without one. */
  timeZone: string;
  provisionalAfterMs: number;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

/** What is remembered of a partition while it is assigned. */
interface PartitionMemory {
  assignment: number;
  streams: Map<string, StreamMemory>;
}

interface StreamMemory {
  document: StreamDocument;
  /** Today's view of the open events, what the index is to hold of them, and whether it does. */
  open: { events: readonly LogEvent[]; items: readonly IndexItem[]; indexed: boolean } | null;
  /** Monotonic ms: when the last segment was taken in. */
  takenAt: number;
}

/** Streams that are remembered per partition; the least recently used are loaded again when they are needed. */
const streamsMax = 5_000;
const provisionalIntervalMs = 250;

export class Indexing {
  readonly #options: IndexingOptions;
  readonly #partitions = new Map<string, PartitionMemory>();
  readonly #working = new Set<Promise<void>>();

  constructor(options: IndexingOptions) {
    this.#options = options;
  }

  /** Until the signal aborts; then finishes the batches under way. */
  async run(signal: AbortSignal): Promise<void> {
    const provisional = this.#indexOpenEvents(signal);
    for await (const batch of this.#options.subscriber.batches(signal)) {
      const work = this.#process(batch, signal).finally(() => this.#working.delete(work));
      this.#working.add(work);
    }
    await Promise.all([...this.#working, provisional]);
  }

  async #process(batch: SegmentBatch, signal: AbortSignal): Promise<void> {
    const { logger, metrics } = this.#options;
    const stop = AbortSignal.any([signal, batch.revoked]);
    try {
      await this.#takeIn(batch, stop);
      await batch.commit();
    } catch (error) {
      this.#partitions.delete(keyOf(batch));
      batch.release();
      if (stop.aborted) return;
      metrics.dropped.inc({ reason: 'batch-failed' });
      logger.error(
        { lane: batch.lane, partition: batch.partition, reason: errorText(error) },
        'a batch could not be taken in: it comes again',
      );
    }
  }

  async #takeIn(batch: SegmentBatch, signal: AbortSignal): Promise<void> {
    const { clock, facts, deadLetters, onFacts, timeZone } = this.#options;
    const memory = this.#memoryOf(batch);
    await this.#loadStreams(memory, batch, signal);
    const letters: DeadLetter[] = batch.rejected.map((record) => rejectedLetter(record, clock.now()));
    const readings: SegmentReading[] = [];
    const touched = new Map<string, SegmentReading>();
    for (const carried of batch.segments) {
      const { stream } = carried.segment;
      const before = touched.get(stream)?.document ?? memory.streams.get(stream)?.document ?? null;
      const reading = readSegment(before, carried, { timeZone, now: clock.now() });
      readings.push(reading);
      letters.push(...reading.letters);
      if (reading.outcome === 'taken') touched.set(stream, reading);
    }
    this.#count(batch, readings);
    const closed = readings.flatMap((reading) => reading.closed);
    const found = readings.flatMap((reading) => reading.facts);
    letters.push(...(await this.#write(itemsOf(closed, found), signal)));
    // Before the stream documents: once those are stored a redelivery is skipped, and what is not told by then never is.
    if (found.length > 0) await facts.append(found);
    if (letters.length > 0) await deadLetters.append(letters);
    const documents = [...touched.values()].map(({ document }) => ({ kind: 'stream' as const, document }));
    const refused = await this.#write(documents, signal);
    if (refused.length > 0) await deadLetters.append(refused);
    letters.push(...refused);
    this.#noteStored(memory, closed, found.length);
    this.#tellLetters(letters);
    onFacts(found);
    for (const [stream, reading] of touched) this.#remember(memory, stream, reading);
  }

  #memoryOf(batch: SegmentBatch): PartitionMemory {
    const key = keyOf(batch);
    const known = this.#partitions.get(key);
    if (known?.assignment === batch.assignment) return known;
    const memory: PartitionMemory = { assignment: batch.assignment, streams: new Map() };
    this.#partitions.set(key, memory);
    batch.revoked.addEventListener(
      'abort',
      () => {
        if (this.#partitions.get(key) === memory) this.#partitions.delete(key);
        this.#options.onRevoked(memory.streams.keys());
      },
      { once: true },
    );
    return memory;
  }

  async #loadStreams(memory: PartitionMemory, batch: SegmentBatch, signal: AbortSignal): Promise<void> {
    const ids = new Set(batch.segments.map(({ segment }) => segment.stream));
    const unknown = [...ids].filter((id) => !memory.streams.has(id));
    if (unknown.length === 0) return;
    const takenAt = this.#options.clock.monotonic();
    for (const [id, document] of await this.#options.index.loadStreams(unknown, signal)) {
      memory.streams.set(id, { document, open: null, takenAt });
    }
  }

  #remember(memory: PartitionMemory, stream: string, { document, open, openFacts }: SegmentReading): void {
    memory.streams.delete(stream);
    memory.streams.set(stream, {
      document,
      open: open.length === 0 ? null : { events: open, items: itemsOf(open, openFacts), indexed: false },
      takenAt: this.#options.clock.monotonic(),
    });
    for (const [oldest, { open: waiting }] of memory.streams) {
      if (memory.streams.size <= streamsMax) break;
      if (waiting === null || waiting.indexed) memory.streams.delete(oldest);
    }
  }

  /** Writes items and returns the letters of those that the index refuses for good. */
  async #write(items: readonly IndexItem[], signal: AbortSignal): Promise<DeadLetter[]> {
    if (items.length === 0) return [];
    const results = await this.#options.index.write(items, signal);
    return results.flatMap((result, i) => {
      const item = items[i];
      return result.status === 'rejected' && item
        ? [refusedLetter(item, result.reason, this.#options.clock.now())]
        : [];
    });
  }

  async #indexOpenEvents(signal: AbortSignal): Promise<void> {
    const { clock, provisionalAfterMs, logger } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(provisionalIntervalMs, signal);
      try {
        await this.indexOpen(clock.monotonic() - provisionalAfterMs, signal);
      } catch (error) {
        if (!signal.aborted)
          logger.warn({ reason: errorText(error) }, 'open events could not be indexed yet');
      }
    }
  }

  /** Indexes provisionally what is open of streams that were quiet since then (monotonic ms). */
  async indexOpen(quietSince: number, signal: AbortSignal): Promise<void> {
    const due = [...this.#partitions.values()]
      .flatMap(({ streams }) => [...streams.values()])
      .flatMap(({ open, takenAt }) => (open && !open.indexed && takenAt <= quietSince ? [open] : []));
    if (due.length === 0) return;
    for (const open of due) open.indexed = true;
    try {
      await this.#write(
        due.flatMap(({ items }) => [...items]),
        signal,
      );
    } catch (error) {
      for (const open of due) open.indexed = false;
      throw error;
    }
    for (const { events } of due) for (const event of events) this.#observeLatency(event);
  }

  #count(batch: SegmentBatch, readings: readonly SegmentReading[]): void {
    const { metrics } = this.#options;
    for (const reading of readings) {
      if (reading.outcome === 'redelivered') metrics.redeliveredSegments.inc();
      metrics.takenInBytes.inc({ lane: batch.lane }, reading.takenBytes);
    }
  }

  #noteStored(memory: PartitionMemory, closed: readonly LogEvent[], facts: number): void {
    const { metrics } = this.#options;
    metrics.indexedEvents.inc(closed.length);
    metrics.indexedPoints.inc(facts);
    for (const event of closed) {
      const open = memory.streams.get(event.stream)?.open;
      // What was searchable provisionally has been counted then.
      const wasShown = open?.indexed === true && open.events.some(({ id }) => id === event.id);
      if (!wasShown) this.#observeLatency(event);
    }
  }

  #observeLatency(event: LogEvent): void {
    const { clock, index, metrics } = this.#options;
    metrics.endToEnd.observe(Math.max(0, clock.now() + index.refreshIntervalMs - event.observed) / 1000);
  }

  #tellLetters(letters: readonly DeadLetter[]): void {
    const { metrics, logger } = this.#options;
    for (const letter of letters) metrics.dropped.inc({ reason: letter.kind });
    const [first] = letters;
    if (!first) return;
    logger.error(
      {
        letters: letters.length,
        kind: first.kind,
        reason: first.reason,
        stream: first.stream,
        start: first.start,
        end: first.end,
        hint: 'see the dead letters; nothing else waits for these',
      },
      'some things could not be taken in and are in the dead letters',
    );
  }
}

function keyOf(batch: SegmentBatch): string {
  return `${batch.lane} ${batch.partition}`;
}

function rejectedLetter(record: SegmentBatch['rejected'][number], now: number): DeadLetter {
  return {
    kind: 'record',
    reason: record.error,
    time: now,
    run: record.headers['run'] ?? null,
    stream: record.headers['stream'] ?? null,
    start: null,
    end: null,
    headers: {
      ...record.headers,
      lane: record.lane,
      partition: String(record.partition),
      position: String(record.position),
    },
    value: record.value.toString('base64'),
  };
}

function refusedLetter(item: IndexItem, reason: string, now: number): DeadLetter {
  const letter = { kind: 'document' as const, reason, time: now };
  switch (item.kind) {
    case 'event': {
      const { event } = item;
      return {
        ...letter,
        run: event.origin.run,
        stream: event.stream,
        start: event.start,
        end: event.end,
        document: item,
      };
    }
    case 'points': {
      const [point] = item.points;
      return {
        ...letter,
        run: point?.run ?? null,
        stream: point?.stream ?? null,
        start: point?.start ?? null,
        end: point?.end ?? null,
        document: item,
      };
    }
    case 'stream': {
      const { document } = item;
      return {
        ...letter,
        run: document.origin.run,
        stream: document.stream,
        start: document.closedEnd,
        end: document.end,
      };
    }
    default:
      throw new Error('unknown item');
  }
}
