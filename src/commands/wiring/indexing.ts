import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { LogEvent } from '../../core/event.ts';
import type { EventIndex, IndexItem, ItemResult } from '../../core/event-index.ts';
import type { Fact } from '../../core/fact.ts';
import { perLane } from '../../core/lane-turns.ts';
import type { Logger } from '../../core/logger.ts';
import { lanes, stateBefore } from '../../core/segment.ts';
import type { CarriedSegment, Lane } from '../../core/segment.ts';
import type { StreamDocument } from '../../core/stream-document.ts';
import type {
  DeadLetter,
  DeadLetterLog,
  EventLog,
  FactLog,
  SegmentBatch,
  Subscriber,
} from '../../core/transport.ts';
import { Turnstile } from '../../core/turnstile.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { unwatched } from '../../telemetry/stalls.ts';
import type { WatchedPart, Work } from '../../telemetry/stalls.ts';
import { rejectedLetter } from './letters.ts';
import { asWhole, pieceBytesMax, piecesOf } from './pieces.ts';
import { itemsOf, openFacts as openFactsOf, readSegment } from './reading.ts';
import { heldStreams } from './held.ts';
import type { ReadingOptions, SegmentReading } from './reading.ts';
import { Refusals } from './refusals.ts';
import { Storing, appendFacts, writeItems } from './storing.ts';

/**
 * The consumer's way of a segment: transport → events → facts → index → commit. For each batch:
 *
 * 1. Load the documents of streams that are new to this assignment of the partition.
 * 2. Take each segment in: trimmed to what the stream's document does not hold, cut into events, read for facts.
 * 3. Write closed events and points, append facts and dead letters, in chunks while the next ones are read.
 * 4. When all of that is stored, write the stream documents; then commit.
 *
 * The lanes share one thread: segments are read in small pieces (pieces.ts), which pass a turnstile where the fast lane goes first. How
 * many batches are under way is the subscriber's to bound.
 *
 * Where a stream may be in two clusters, what begins beyond its document may not be a gap: held.ts. Then the batch's other streams are taken
 * in, and it is released instead of committed.
 *
 * A partition is in one of: idle, working (one batch at a time), revoked (what it remembers is dropped).
 * An event that stays open is indexed provisionally after a second of quiet (in the fast lane a quarter of it), every ten seconds while it grows without any, and its facts are told as
 * those of an open event; the same ids are overwritten as it grows.
 *
 * Failure rule: an index or a log that is away is waited for, inside the write; a batch that fails otherwise is released and
 * comes again, which changes nothing that is held already. A batch of a revoked partition is dropped. A document that the index
 * refuses for good goes to the dead letters; when it refuses one after the other, the batch waits (refusals.ts).
 */
export interface IndexingOptions {
  subscriber: Subscriber;
  index: EventIndex;
  facts: FactLog;
  /** Closed events, for those who read no index; absent: nobody does. */
  events?: EventLog;
  deadLetters: DeadLetterLog;
  /** Told of the facts of closed events, after they are stored: the training's gauges. */
  onFacts: (facts: readonly Fact[]) => void;
  /** Told of the streams of a partition that was taken away. */
  onRevoked: (streams: Iterable<string>) => void;
  /** Zone of times that are written without one. */
  timeZone: string;
  /** By which secrets are masked in the events of streams that say so; absent: the built-in ones. */
  rules?: ReadingOptions['rules'];
  /** Of the user's own line formats. */
  ownReaders?: ReadingOptions['ownReaders'];
  /** Where a stream that begins goes in the index. */
  indexPrefixOf?: ReadingOptions['indexPrefixOf'];
  provisionalAfterMs: number;
  /** So many documents refused in a row, and none taken, hold a batch back; null: letters without end. */
  refusedInARowMax: number | null;
  /** Told of each batch, so that one that is neither committed nor released is noticed. */
  watched?: WatchedPart;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

/** What is remembered of a partition while it is assigned. */
interface PartitionMemory {
  lane: Lane;
  assignment: number;
  streams: Map<string, StreamMemory>;
}

/** Today's view of a stream's open events, what the index is to hold of them, and whether it does. */
interface OpenMemory {
  events: readonly LogEvent[];
  items: readonly IndexItem[];
  facts: () => Fact[];
  indexed: boolean;
  /** Monotonic ms: when what is open was shown last, or was begun. */
  shownAt: number;
}

interface StreamMemory {
  document: StreamDocument;
  open: OpenMemory | null;
  /** Monotonic ms: when the last segment was taken in. */
  takenAt: number;
}

/** Streams that are remembered per partition; the least recently used are loaded again when they are needed. */
const streamsMax = 5_000;
const provisionalIntervalMs = 100;
/** A progress bar is redrawn without a second of quiet, perhaps for hours: so often it is shown all the same. */
const growingIntervalMs = 10_000;
/** News of the fast lane is shown before its writer has been quiet for long. */
const fastProvisionalAfterMsMax = 250;

/** What a batch has made of a stream. */
type Taken = Pick<SegmentReading, 'document' | 'open' | 'openFacts'>;

export class Indexing {
  readonly #options: IndexingOptions;
  readonly #partitions = new Map<string, PartitionMemory>();
  readonly #working = new Set<Promise<void>>();
  readonly #turnstile = new Turnstile(pieceBytesMax);
  readonly #refusals: Refusals;
  /** By partition: of the batch that is worked on, or held back, what was appended to the logs. */
  readonly #told = new Map<string, Set<string>>();
  /** Stream and start of open events that were refused. */
  readonly #toldOpen = new Set<string>();

  constructor(options: IndexingOptions) {
    this.#options = options;
    this.#refusals = new Refusals(options);
  }

  /** Null while the index takes what it is given; else why it does not, in words. */
  get notReady(): string | null {
    return this.#refusals.reason;
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
    const work = (this.#options.watched ?? unwatched).begin(`${keyOf(batch)}: taking it in`);
    try {
      const isWhole = await this.#takeIn(batch, work, stop);
      if (!isWhole) return batch.release();
      work.progress(`${keyOf(batch)}: committing it`);
      await batch.commit();
    } catch (error) {
      this.#partitions.delete(keyOf(batch));
      batch.release();
      if (stop.aborted || this.#refusals.isHeld(keyOf(batch))) return;
      metrics.dropped.inc({ reason: 'batch-failed' });
      logger.error(
        { lane: batch.lane, partition: batch.partition, reason: errorText(error) },
        'a batch could not be taken in: it comes again',
      );
    } finally {
      work.end();
    }
  }

  /** False: some streams wait for another cluster. */
  async #takeIn(batch: SegmentBatch, work: Work, signal: AbortSignal): Promise<boolean> {
    const { clock, deadLetters, onFacts } = this.#options;
    const memory = this.#memoryOf(batch);
    await this.#loadStreams(memory, idsOf(batch), signal);
    const held = await heldStreams(batch, {
      documentOf: (id) => memory.streams.get(id)?.document,
      reload: async (ids) => await this.#reload(memory, ids, signal),
      signal,
    });
    const partition = keyOf(batch);
    const told = this.#told.get(partition) ?? new Set();
    this.#told.set(partition, told);
    const check = (items: readonly IndexItem[], results: readonly ItemResult[]) =>
      this.#refusals.check(partition, items, results);
    const storing = new Storing({
      ...this.#options,
      signal,
      check,
      told,
      soon: batch.lane === 'fast',
      onStored: (closed, points) => {
        work.progress(`${partition}: taking it in`);
        this.#noteStored(memory, closed, points);
      },
    });
    const letters = batch.rejected.map((record) => rejectedLetter(record, clock.now()));
    await storing.add({ closed: [], facts: [], letters });
    const touched = new Map<string, Taken>();
    for (const carried of batch.segments) {
      const { stream, start } = carried.segment;
      if (start >= (held.get(stream) ?? Infinity)) continue;
      const before = touched.get(stream)?.document ?? memory.streams.get(stream)?.document ?? null;
      const known = (id: string) => touched.get(id)?.document ?? memory.streams.get(id)?.document;
      const previous = before === null ? known(stateBefore(carried.segment) ?? '') : undefined;
      const taken = await this.#read({ before, previous }, carried, storing, signal);
      if (taken) touched.set(stream, taken);
    }
    // Before the stream documents: once those are stored a redelivery is skipped, and what is not told by then never is.
    await storing.finish();
    const documents = [...touched.values()].map(({ document }) => ({ kind: 'stream' as const, document }));
    const refused = await writeItems({ ...this.#options, signal, check }, documents);
    if (refused.length > 0) await deadLetters.append(refused);
    this.#told.delete(partition);
    this.#tellLetters([...storing.letters, ...refused]);
    onFacts(storing.facts);
    for (const [stream, taken] of touched) this.#remember(memory, stream, taken);
    return held.size === 0;
  }

  /** Reads one segment, piece by piece. Null: it was held already. */
  async #read(
    { before, previous }: { before: StreamDocument | null; previous: StreamDocument | undefined },
    carried: CarriedSegment,
    storing: Storing,
    signal: AbortSignal,
  ): Promise<Taken | null> {
    const { clock, timeZone, rules, indexPrefixOf, ownReaders, metrics } = this.#options;
    const pieces = piecesOf(before, carried);
    let taken: Taken | null = null;
    for (const piece of pieces) {
      await this.#turnstile.pass(carried.lane, piece.segment.bytes.length);
      signal.throwIfAborted();
      const options = { timeZone, rules, now: clock.now(), previous, indexPrefixOf, ownReaders };
      const reading = readSegment(taken?.document ?? before, piece, options);
      metrics.takenInBytes.inc({ lane: carried.lane }, reading.takenBytes);
      for (const kind of reading.secrets) metrics.redacted.inc({ kind });
      await storing.add(reading);
      const { document, open, openFacts, outcome } = reading;
      if (outcome === 'redelivered') metrics.redeliveredSegments.inc();
      else taken = { document, open, openFacts };
    }
    if (taken === null || pieces.length === 1) return taken;
    return { ...taken, document: asWhole(before, carried, taken.document) };
  }

  #memoryOf(batch: SegmentBatch): PartitionMemory {
    const key = keyOf(batch);
    const known = this.#partitions.get(key);
    if (known?.assignment === batch.assignment) return known;
    const memory: PartitionMemory = {
      lane: batch.lane,
      assignment: batch.assignment,
      streams: new Map(),
    };
    this.#partitions.set(key, memory);
    batch.revoked.addEventListener(
      'abort',
      () => {
        if (this.#partitions.get(key) === memory) this.#partitions.delete(key);
        this.#refusals.forget(key);
        this.#told.delete(key);
        this.#options.onRevoked(memory.streams.keys());
      },
      { once: true },
    );
    return memory;
  }

  async #loadStreams(memory: PartitionMemory, ids: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const unknown = [...ids].filter((id) => !memory.streams.has(id));
    if (unknown.length > 0) await this.#reload(memory, unknown, signal);
  }

  /** Takes over what the index has, where it is further than what is remembered. */
  async #reload(memory: PartitionMemory, ids: readonly string[], signal: AbortSignal): Promise<void> {
    const takenAt = this.#options.clock.monotonic();
    for (const [id, document] of await this.#options.index.loadStreams(ids, signal)) {
      const known = memory.streams.get(id)?.document;
      if (known === undefined || known.end < document.end)
        memory.streams.set(id, { document, open: null, takenAt });
    }
  }

  #remember(memory: PartitionMemory, stream: string, { document, open, openFacts }: Taken): void {
    const takenAt = this.#options.clock.monotonic();
    const known = memory.streams.get(stream)?.open ?? null;
    memory.streams.delete(stream);
    memory.streams.set(stream, {
      document,
      open:
        open.length === 0
          ? null
          : {
              events: open,
              items: itemsOf(open, openFacts, document.indexPrefix),
              facts: () => openFactsOf(document, open, this.#options.ownReaders, openFacts),
              indexed: false,
              shownAt: isSameEvent(known, open) ? known.shownAt : takenAt,
            },
      takenAt,
    });
    for (const [oldest, { open: waiting }] of memory.streams) {
      if (memory.streams.size <= streamsMax) break;
      if (waiting === null || waiting.indexed) memory.streams.delete(oldest);
    }
  }

  async #indexOpenEvents(signal: AbortSignal): Promise<void> {
    const { clock, provisionalAfterMs, logger } = this.#options;
    const afterMs = {
      bulk: provisionalAfterMs,
      fast: Math.min(provisionalAfterMs, fastProvisionalAfterMsMax),
    };
    while (!signal.aborted) {
      await clock.sleep(provisionalIntervalMs, signal);
      try {
        const now = clock.monotonic();
        await this.indexOpen(
          perLane((lane) => now - afterMs[lane]),
          signal,
        );
      } catch (error) {
        if (!signal.aborted)
          logger.warn({ reason: errorText(error) }, 'open events could not be indexed yet');
      }
    }
  }

  /** Indexes provisionally what is open of streams that were quiet since then (monotonic ms). */
  async indexOpen(quietSince: Readonly<Record<Lane, number>>, signal: AbortSignal): Promise<void> {
    const growingSince = this.#options.clock.monotonic() - growingIntervalMs;
    for (const lane of lanes) {
      const due: OpenMemory[] = [];
      for (const memory of this.#partitions.values()) {
        if (memory.lane !== lane) continue;
        for (const { open, takenAt } of memory.streams.values())
          if (open && !open.indexed && (takenAt <= quietSince[lane] || open.shownAt <= growingSince))
            due.push(open);
      }
      if (due.length > 0) await this.#indexProvisionally(due, lane === 'fast', signal);
    }
  }

  async #indexProvisionally(due: readonly OpenMemory[], soon: boolean, signal: AbortSignal): Promise<void> {
    for (const open of due) {
      open.indexed = true;
      open.shownAt = this.#options.clock.monotonic();
    }
    const items = due.flatMap(({ items }) => [...items]);
    try {
      await this.#tellOpen(await writeItems({ ...this.#options, signal, soon }, items));
      // What a process says last stays open: nothing comes behind it.
      await appendFacts(
        this.#options.facts,
        due.flatMap(({ facts }) => facts()),
      );
    } catch (error) {
      for (const open of due) open.indexed = false;
      throw error;
    }
    for (const { events } of due) for (const event of events) this.#observeLatency(event);
  }

  /** An event that stays open for ever is told as well; one that grows, when it is refused first and when it is closed. */
  async #tellOpen(letters: readonly DeadLetter[]): Promise<void> {
    const fresh = letters.filter(({ stream, start }) => !this.#toldOpen.has(`${stream} ${start}`));
    if (fresh.length === 0) return;
    await this.#options.deadLetters.append(fresh);
    if (this.#toldOpen.size > streamsMax) this.#toldOpen.clear();
    for (const { stream, start } of fresh) this.#toldOpen.add(`${stream} ${start}`);
    this.#tellLetters(fresh);
  }

  #noteStored(memory: PartitionMemory, closed: readonly LogEvent[], points: number): void {
    const { metrics } = this.#options;
    metrics.indexedEvents.inc(closed.length);
    metrics.indexedPoints.inc(points);
    for (const event of closed) {
      const open = memory.streams.get(event.stream)?.open;
      // What was searchable provisionally has been counted then.
      const wasShown = open?.indexed === true && open.events.some(({ id }) => id === event.id);
      // A row of a rewritten file has the `observed` of the first state.
      if (!wasShown && event.version === undefined) this.#observeLatency(event);
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

function isSameEvent(known: OpenMemory | null, open: readonly LogEvent[]): known is OpenMemory {
  return known !== null && known.events[0]?.id === open[0]?.id;
}

function idsOf({ segments }: SegmentBatch): Set<string> {
  return new Set(segments.flatMap(({ segment }) => [segment.stream, stateBefore(segment) ?? segment.stream]));
}

function keyOf({ cluster, topicPrefix, lane, partition }: SegmentBatch): string {
  return [cluster, topicPrefix, lane, partition].filter((part) => part !== undefined).join(' ');
}
