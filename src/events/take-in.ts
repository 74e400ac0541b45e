/**
 * Takes a segment into a stream: the link of the chain that makes delivery exactly once. Pure: the same document and
 * segment give the same answer, and the answer's events do not depend on how the same bytes were cut into segments.
 *
 *     below document.end      a redelivery: nothing changes; other bytes than those held are a conflict, told in `letters`
 *     in a recorded gap       late: told in `letters`, not taken in (the events around it are closed and indexed)
 *     across document.end     trimmed to what lies beyond it
 *     beyond document.end     the hole is recorded as `missing` and closes the open event
 *
 * An event is closed by its successor, by `final`, by a gap, or when the next segment was observed 5 s or more after the
 * last one (but for a binary record, which waits for its end); never by the reader's clock.
 *
 * Failure rule: never throws on content; what cannot be taken in is returned as a letter.
 */
import { crc32 } from 'node:zlib';
import type { LogEvent } from '../core/event.ts';
import { rulesOf } from '../core/redaction/mask.ts';
import type { Rules } from '../core/redaction/mask.ts';
import { readRedaction } from '../core/redaction/rule-book.ts';
import type { SecretKind } from '../core/redaction/secret.ts';
import type { GapReason, Lane, Segment } from '../core/segment.ts';
import type { StreamDocument } from '../core/stream-document.ts';
import { recentSegmentsMax } from '../core/stream-document.ts';
import { sumText } from './event-of.ts';
import { zoneOffset } from './event-time.ts';
import type { ZoneOffset } from './event-time.ts';
import { inherited } from './rows.ts';
import { redactEvent } from './redact-event.ts';
import type { RowsState } from './rows.ts';
import { SnapshotCutter } from './snapshot-cutter.ts';
import type { SnapshotState } from './snapshot-cutter.ts';
import { quietMsMin, StreamCutter } from './stream-cutter.ts';

/** Most gaps kept in a document; the oldest beyond it are counted in `context.events.gapsDropped`. */
export const gapsMax = 4096;

export const letterReasons = ['conflict', 'late'] as const;

/** What must go to the dead letters: the segment's bytes [start, end), which are not what the stream holds there. */
export interface Letter {
  reason: (typeof letterReasons)[number];
  stream: string;
  start: number;
  end: number;
  /** For the operator: what was found and what was expected. */
  detail: string;
}

export interface TakenIn {
  /** The stream's new state. */
  document: StreamDocument;
  closed: LogEvent[];
  /** Kinds of the secrets that were masked in closed events. */
  secrets: SecretKind[];
  /** Today's view of the events that are still open, to be indexed provisionally under the same ids. */
  open: LogEvent[];
  outcome: 'taken' | 'redelivered';
  letters: Letter[];
}

export interface TakeInOptions {
  /** IANA name: the zone of times that are written without one. */
  timeZone?: string;
  /** Of a rewritten file's first segment: the document of the state before (`segment.previous`), if it is known. */
  previous?: StreamDocument | undefined;
  /** For streams whose secrets are masked in events; absent: the built-in ones. */
  rules?: Rules | undefined;
}

/** What this room keeps in `context.events`. */
interface EventsContext extends Partial<SnapshotState> {
  /** The CSV header, if the stream is a CSV file. */
  header?: string[];
  gapsDropped?: number;
  /** Its bytes are carried as they are, and secrets are masked in its events. */
  redact?: true;
}

const lineEnd = 0x0a;

const builtInRules = rulesOf([]);

const zones = new Map<string, ZoneOffset>();

export function takeIn(
  document: StreamDocument | null,
  carried: { lane: Lane; partition: number },
  segment: Segment,
  options: TakeInOptions = {},
): TakenIn {
  const before = document ?? newDocument(carried, segment, options.previous);
  const letters = disagreements(before, segment);
  const changes =
    segment.end > before.end ||
    (segment.final && segment.end === before.end && !before.final) ||
    document === null;
  if (!changes)
    return {
      document: before,
      closed: [],
      secrets: [],
      open: openEvents(before, options),
      outcome: 'redelivered',
      letters,
    };
  const taken = advance(before, segment, zoneOf(options.timeZone ?? 'UTC'));
  return { ...redacted(taken, options.rules), outcome: 'taken', letters };
}

/** The views of the events that a stored document holds open: what `takeIn` gave as `open` when it was stored. */
export function openEvents(document: StreamDocument, options: TakeInOptions = {}): LogEvent[] {
  const views = cutterOf(document, zoneOf(options.timeZone ?? 'UTC')).views();
  return redacted({ document, closed: [], open: views }, options.rules).open;
}

function redacted(
  taken: Pick<TakenIn, 'document' | 'closed' | 'open'>,
  rules: Rules = builtInRules,
): Pick<TakenIn, 'document' | 'closed' | 'open' | 'secrets'> {
  const { redact } = taken.document.context.events as EventsContext;
  const secrets: SecretKind[] = [];
  if (redact !== true) return { ...taken, secrets };
  return {
    document: taken.document,
    closed: taken.closed.map((event) => redactEvent(event, rules, (kind) => secrets.push(kind))),
    open: taken.open.map((event) => redactEvent(event, rules, () => undefined)),
    secrets,
  };
}

/** Whether what is open ends inside of a line: it may state another number, or another step, than the whole line will. */
export function isTorn({ open, context }: StreamDocument): boolean {
  const { wrapped } = context.events as EventsContext;
  if (wrapped === undefined) return open !== null && open.bytes.at(-1) !== lineEnd;
  return (open?.bytes.length ?? 0) > 0 || Object.values(wrapped.outputs).some(({ endedLine }) => !endedLine);
}

function cutterOf(document: StreamDocument, offset: ZoneOffset): StreamCutter | SnapshotCutter {
  const { stream, origin, open, end, created } = document;
  const source = { stream, origin, offset };
  const context = document.context.events as EventsContext;
  const { rows } = context;
  if (rows === undefined) return new StreamCutter(source, context, open, end);
  return new SnapshotCutter(source, { ...context, rows }, open, end, created);
}

function newDocument(
  carried: { lane: Lane; partition: number },
  segment: Segment,
  stateBefore: StreamDocument | undefined,
): StreamDocument {
  const rowsBefore = stateBefore?.context.events['rows'] as RowsState | undefined;
  const { source, run, attempt, rank, host, path, labels } = segment;
  return {
    stream: segment.stream,
    origin: { source, run, attempt, rank, host, path, labels },
    lane: carried.lane,
    partition: carried.partition,
    created: segment.created,
    begun: segment.observed,
    previous: segment.previous,
    snapshot: segment.snapshot,
    end: 0,
    closedEnd: 0,
    events: 0,
    observed: 0,
    final: false,
    gaps: [],
    open: null,
    recent: [],
    context: {
      events: segment.snapshot ? { rows: inherited(rowsBefore, segment.observed) } : {},
      train: {},
    },
  };
}

function advance(
  before: StreamDocument,
  segment: Segment,
  offset: ZoneOffset,
): Pick<TakenIn, 'document' | 'closed' | 'open'> {
  const context = before.context.events as EventsContext;
  const cutter = cutterOf(before, offset);
  const gaps = [...before.gaps];
  let end = before.end;

  const leap = (to: number, reason: GapReason | 'missing') => {
    cutter.flush();
    cutter.skipTo(to);
    addGap(gaps, { start: end, end: to, reason });
    end = to;
  };

  if (before.observed > 0 && segment.observed - before.observed >= quietMsMin) cutter.pause();
  if (segment.start > end) leap(segment.start, 'missing');
  if (segment.gap !== null && segment.end > end) leap(segment.end, segment.gap);
  const bytes = segment.bytes.subarray(end - segment.start);
  cutter.feed(bytes, segment.observed);
  if (bytes.length > 0) end = segment.end;
  if (segment.final) cutter.flush();

  const closed: readonly LogEvent[] = cutter.closed;
  const saved = cutter.save();
  const dropped = Math.max(0, gaps.length - gapsMax);
  const events: EventsContext = { ...context, ...saved.state };
  if (Array.isArray(saved.state.cut?.csv)) events.header = saved.state.cut.csv;
  if (readRedaction(segment.redact)?.place === 'index') events.redact = true;
  if (dropped > 0) events.gapsDropped = (context.gapsDropped ?? 0) + dropped;
  const document: StreamDocument = {
    ...before,
    end,
    closedEnd: closed.reduce((most, event) => Math.max(most, event.end), before.closedEnd),
    events: before.events + closed.length,
    observed: Math.max(before.observed, segment.observed),
    final: segment.final,
    gaps: gaps.slice(dropped),
    open: saved.open,
    recent: withRecent(before, segment),
    context: { events: { ...events }, train: before.context.train },
  };
  return { document, closed: [...closed], open: cutter.views() };
}

function addGap(
  gaps: { start: number; end: number; reason: GapReason | 'missing' }[],
  gap: { start: number; end: number; reason: GapReason | 'missing' },
): void {
  const last = gaps.at(-1);
  if (last !== undefined && last.end === gap.start && last.reason === gap.reason) {
    gaps[gaps.length - 1] = { ...last, end: gap.end };
  } else gaps.push(gap);
}

function withRecent(document: StreamDocument, segment: Segment): StreamDocument['recent'] {
  if (segment.bytes.length === 0) return document.recent;
  const added = { start: segment.start, end: segment.end, sum: sumOf(segment.bytes) };
  return [...document.recent.slice(1 - recentSegmentsMax), added];
}

function sumOf(bytes: Buffer): string {
  return sumText(crc32(bytes));
}

/** Where the segment speaks of bytes that the stream has passed already: are they the same? */
function disagreements(document: StreamDocument, segment: Segment): Letter[] {
  if (segment.bytes.length === 0 || segment.start >= document.end) return [];
  const end = Math.min(segment.end, document.end);
  const letter = { stream: segment.stream, start: segment.start, end };
  const gap = document.gaps.find((gap) => gap.start < end && segment.start < gap.end);
  if (gap !== undefined) {
    const detail = `bytes of [${gap.start}, ${gap.end}) came after the range was given up as ${gap.reason}`;
    return [{ ...letter, reason: 'late', detail }];
  }
  const same = document.recent.find((known) => known.start === segment.start && known.end === segment.end);
  const sum = same === undefined ? '' : sumOf(segment.bytes);
  if (same !== undefined && same.sum !== sum)
    return [{ ...letter, reason: 'conflict', detail: `crc32 ${sum}, held with crc32 ${same.sum}` }];
  if (same === undefined && differsFromOpen(document, segment))
    return [{ ...letter, reason: 'conflict', detail: 'other bytes than those of the open event' }];
  return [];
}

function differsFromOpen(document: StreamDocument, segment: Segment): boolean {
  const { open } = document;
  if (open === null) return false;
  const start = Math.max(open.bytesStart, segment.start);
  const end = Math.min(document.end, segment.end);
  if (start >= end) return false;
  const held = open.bytes.subarray(start - open.bytesStart, end - open.bytesStart);
  return !held.equals(segment.bytes.subarray(start - segment.start, end - segment.start));
}

function zoneOf(timeZone: string): ZoneOffset {
  let known = zones.get(timeZone);
  if (known === undefined) {
    known = zoneOffset(timeZone);
    if (zones.size < 64) zones.set(timeZone, known);
  }
  return known;
}
