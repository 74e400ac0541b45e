import type { LogEvent } from '../../core/event.ts';
import type { IndexItem } from '../../core/event-index.ts';
import type { Fact, PointFact } from '../../core/fact.ts';
import type { Rules } from '../../core/redaction/mask.ts';
import type { SecretKind } from '../../core/redaction/secret.ts';
import { holdsResources } from '../../core/resources.ts';
import type { CarriedSegment, Segment } from '../../core/segment.ts';
import type { StreamDocument } from '../../core/stream-document.ts';
import type { DeadLetter } from '../../core/transport.ts';
import { isTorn, takeIn } from '../../events/take-in.ts';
import type { FactReader } from '../../train/reader.ts';
import { readFacts, StreamFacts } from '../../train/read-facts.ts';
import { progressAfter } from '../../train/stream-progress.ts';

/** What one segment adds to its stream: events, and what they say about training. Pure. */
export interface SegmentReading {
  /** The stream's new state, with the memory of both rooms in its context. */
  document: StreamDocument;
  closed: LogEvent[];
  facts: Fact[];
  open: readonly LogEvent[];
  /** The facts of the open events as they stand; none while the last line is torn. */
  openFacts: Fact[];
  /** Kinds of the secrets that were masked in closed events. */
  secrets: readonly SecretKind[];
  outcome: 'taken' | 'redelivered';
  /** Raw bytes that were new. */
  takenBytes: number;
  letters: DeadLetter[];
}

export interface ReadingOptions {
  timeZone: string;
  /** By which secrets are masked in events, where that is asked for. */
  rules?: Rules | undefined;
  now: number;
  /** Of the user's own line formats. */
  ownReaders?: readonly FactReader[] | undefined;
  /** Of a rewritten file's first segment: the document of the state before, if it is known. */
  previous?: StreamDocument | undefined;
  /** Where the events of a stream that begins go; absent: to the index's own indices. */
  indexPrefixOf?: ((segment: Segment) => string | undefined) | undefined;
}

export function readSegment(
  before: StreamDocument | null,
  carried: CarriedSegment,
  options: ReadingOptions,
): SegmentReading {
  const { segment } = carried;
  const taken = takeIn(before, carried, segment, options);
  const stream = new StreamFacts(taken.document.context.train, options.ownReaders);
  const facts = taken.closed.flatMap((event) => stream.read(event));
  // Samples are points, and no events: nobody finds them by words, and no count of events is to include them.
  const hasEvents = !holdsResources(segment);
  const progress = progressAfter(before?.progress, facts);
  const document: StreamDocument = {
    ...taken.document,
    ...(progress && { progress }),
    ...(!hasEvents && { events: 0 }),
    ...(before === null && placeOf(carried, options)),
    context: { ...taken.document.context, train: stream.context },
  };
  const openFacts = hasEvents ? openFactsOf(taken.open, document, options.ownReaders) : [];
  const bars = hasEvents ? barFacts(taken.open, document, options.ownReaders, openFacts) : [];
  return {
    document: withOpenBars(document, bars),
    closed: hasEvents ? taken.closed : [],
    facts,
    open: hasEvents ? taken.open : [],
    openFacts,
    secrets: taken.secrets,
    outcome: taken.outcome,
    takenBytes:
      taken.outcome === 'taken' && segment.gap === null ? Math.max(0, document.end - (before?.end ?? 0)) : 0,
    letters: taken.letters.map(({ reason, stream, start, end, detail }) => ({
      kind: reason,
      reason: detail,
      time: options.now,
      run: segment.run,
      stream,
      start,
      end,
      value: segment.bytes.subarray(start - segment.start, end - segment.start).toString('base64'),
    })),
  };
}

/** A bar is open for as long as it is drawn: each of its states has been true, also one that is torn. */
function withOpenBars(document: StreamDocument, bars: readonly Fact[]): StreamDocument {
  // Its event began when it was drawn first.
  const told = bars.map((fact) => ({ ...fact, time: document.observed }));
  const progress = progressAfter(document.progress, told);
  return progress === undefined ? document : { ...document, progress };
}

/** Decided once a stream: its later segments, and a replay, find it in the stream document. */
function placeOf(
  { segment, topicPrefix }: CarriedSegment,
  { previous, indexPrefixOf }: ReadingOptions,
): Pick<StreamDocument, 'topicPrefix' | 'indexPrefix'> {
  // The rows of a rewritten file stay where the states before have put them.
  const indexPrefix = previous ? previous.indexPrefix : indexPrefixOf?.(segment);
  return {
    ...(topicPrefix !== undefined && { topicPrefix }),
    ...(indexPrefix !== undefined && { indexPrefix }),
  };
}

/** What the index and the log of facts are to hold of a document's open events, which are read once for both. */
export function openSaid(
  document: StreamDocument,
  events: readonly LogEvent[],
  own?: ReadingOptions['ownReaders'],
): { items: IndexItem[]; facts: Fact[] } {
  if (holdsResources(document.origin)) return { items: [], facts: [] };
  const read = openFactsOf(events, document, own);
  return {
    items: itemsOf(events, read, document.indexPrefix),
    facts: openFacts(document, events, own, read),
  };
}

/**
 * What a document's open events say, as the log of facts holds it. Of a last line that is torn only a progress bar: that its process lives
 * has to be known, and its number stands in front. `read`: what they say, where they were read already.
 */
export function openFacts(
  document: StreamDocument,
  events: readonly LogEvent[],
  own?: ReadingOptions['ownReaders'],
  read?: readonly Fact[],
): Fact[] {
  if (holdsResources(document.origin)) return [];
  const said = isTorn(document)
    ? barFacts(events, document, own, [])
    : (read ?? openFactsOf(events, document, own));
  return said.map((fact) => ({ ...fact, openAt: document.observed }));
}

/** How far the open bars say that they are, also where the last line is torn. `read`: what all open events say, where it is not. */
function barFacts(
  events: readonly LogEvent[],
  document: StreamDocument,
  own: ReadingOptions['ownReaders'],
  read: readonly Fact[],
): Fact[] {
  const bars = events.filter(({ kind }) => kind === 'progress');
  const said = isTorn(document)
    ? bars.flatMap((event) => readFacts(event, document.context.train, own).facts)
    : read.filter(({ event }) => bars.some(({ id }) => id === event));
  return said.filter(({ kind }) => kind === 'progress');
}

/** None while the last line is torn. */
function openFactsOf(
  events: readonly LogEvent[],
  document: StreamDocument,
  own: readonly FactReader[] | undefined,
): Fact[] {
  if (isTorn(document)) return [];
  return events.flatMap((event) => readFacts(event, document.context.train, own).facts);
}

/** Events, and their points: those of one event and step are one item. */
export function itemsOf(
  events: readonly LogEvent[],
  facts: readonly Fact[],
  indexPrefix?: string,
): IndexItem[] {
  const place = indexPrefix === undefined ? {} : { indexPrefix };
  const items: IndexItem[] = events.map((event) => ({ kind: 'event', event, ...place }));
  const groups = new Map<string, PointFact[]>();
  for (const fact of facts) {
    if (fact.kind !== 'point') continue;
    const key = `${fact.event} ${fact.step}`;
    const group = groups.get(key);
    if (group) group.push(fact);
    else groups.set(key, [fact]);
  }
  for (const points of groups.values()) items.push({ kind: 'points', points, ...place });
  return items;
}
