import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { LogEvent } from '../../core/event.ts';
import type { EventIndex, IndexItem } from '../../core/event-index.ts';
import type { Fact } from '../../core/fact.ts';
import { perLane } from '../../core/lane-turns.ts';
import type { Logger } from '../../core/logger.ts';
import { lanes } from '../../core/segment.ts';
import type { Lane } from '../../core/segment.ts';
import type { DeadLetter, DeadLetterLog, FactLog } from '../../core/transport.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { tellLetters } from './letters.ts';
import { itemsOf, openFacts as openFactsOf } from './reading.ts';
import type { ReadingOptions, SegmentReading } from './reading.ts';
import { appendFacts, writeItems } from './storing.ts';

/**
 * Events that stay open are indexed provisionally, after a second of quiet (in the fast lane a quarter of it), every ten seconds while they
 * grow without any, and their facts are told as those of an open event; the same ids are overwritten as they grow.
 */
export interface OpenEventsOptions {
  index: EventIndex;
  facts: FactLog;
  deadLetters: DeadLetterLog;
  ownReaders?: ReadingOptions['ownReaders'];
  /** Milliseconds of quiet. */
  provisionalAfterMs: number;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

/** Today's view of a stream's open events, what the index is to hold of them, and whether it does. */
export interface OpenMemory {
  events: readonly LogEvent[];
  items: readonly IndexItem[];
  facts: () => Fact[];
  indexed: boolean;
  /** Monotonic ms: when what is open was shown last, or was begun. */
  shownAt: number;
}

/** What is open in a lane's streams, and when (monotonic ms) their last segments were taken in. */
export interface OpenOfLane {
  lane: Lane;
  streams: ReadonlyMap<string, { open: OpenMemory | null; takenAt: number }>;
}

const intervalMs = 100;
/** A progress bar is redrawn without a second of quiet, perhaps for hours: so often it is shown all the same. */
const growingIntervalMs = 10_000;
/** News of the fast lane is shown before its writer has been quiet for long. */
const fastAfterMsMax = 250;
/** Of events that were refused, so many are remembered. */
const toldMax = 5_000;

export class OpenEvents {
  readonly #options: OpenEventsOptions;
  readonly #all: () => Iterable<OpenOfLane>;
  /** Stream and start of those that were refused. */
  readonly #told = new Set<string>();

  constructor(options: OpenEventsOptions, all: () => Iterable<OpenOfLane>) {
    this.#options = options;
    this.#all = all;
  }

  /** What is to be remembered of what a segment has left open; `known`: what was open before. */
  view(
    known: OpenMemory | null,
    { document, open, openFacts }: Pick<SegmentReading, 'document' | 'open' | 'openFacts'>,
  ): OpenMemory | null {
    if (open.length === 0) return null;
    const { clock, ownReaders } = this.#options;
    return {
      events: open,
      items: itemsOf(open, openFacts, document.indexPrefix),
      facts: () => openFactsOf(document, open, ownReaders, openFacts),
      indexed: false,
      shownAt: isSameEvent(known, open) ? known.shownAt : clock.monotonic(),
    };
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, provisionalAfterMs, logger } = this.#options;
    const afterMs = { bulk: provisionalAfterMs, fast: Math.min(provisionalAfterMs, fastAfterMsMax) };
    while (!signal.aborted) {
      await clock.sleep(intervalMs, signal);
      try {
        const now = clock.monotonic();
        await this.index(
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
  async index(quietSince: Readonly<Record<Lane, number>>, signal: AbortSignal): Promise<void> {
    const growingSince = this.#options.clock.monotonic() - growingIntervalMs;
    for (const lane of lanes) {
      const due: OpenMemory[] = [];
      for (const memory of this.#all()) {
        if (memory.lane !== lane) continue;
        for (const { open, takenAt } of memory.streams.values())
          if (open && !open.indexed && (takenAt <= quietSince[lane] || open.shownAt <= growingSince))
            due.push(open);
      }
      if (due.length > 0) await this.#index(due, lane === 'fast', signal);
    }
  }

  async #index(due: readonly OpenMemory[], soon: boolean, signal: AbortSignal): Promise<void> {
    for (const open of due) {
      open.indexed = true;
      open.shownAt = this.#options.clock.monotonic();
    }
    const items = due.flatMap(({ items }) => [...items]);
    try {
      await this.#tell(await writeItems({ ...this.#options, signal, soon }, items));
      // What a process says last stays open: nothing comes behind it.
      await appendFacts(
        this.#options.facts,
        due.flatMap(({ facts }) => facts()),
      );
    } catch (error) {
      for (const open of due) open.indexed = false;
      throw error;
    }
    for (const { events } of due) for (const event of events) observeLatency(event, this.#options);
  }

  /** An event that stays open for ever is told as well; one that grows, when it is refused first and when it is closed. */
  async #tell(letters: readonly DeadLetter[]): Promise<void> {
    const fresh = letters.filter(({ stream, start }) => !this.#told.has(`${stream} ${start}`));
    if (fresh.length === 0) return;
    await this.#options.deadLetters.append(fresh);
    if (this.#told.size > toldMax) this.#told.clear();
    for (const { stream, start } of fresh) this.#told.add(`${stream} ${start}`);
    tellLetters(fresh, this.#options);
  }
}

/** From the time that an event was seen to the one at which it can be searched. */
export function observeLatency(
  { observed }: LogEvent,
  { clock, index, metrics }: Pick<OpenEventsOptions, 'clock' | 'index' | 'metrics'>,
): void {
  metrics.endToEnd.observe(Math.max(0, clock.now() + index.refreshIntervalMs - observed) / 1000);
}

function isSameEvent(known: OpenMemory | null, open: readonly LogEvent[]): known is OpenMemory {
  return known !== null && known.events[0]?.id === open[0]?.id;
}
