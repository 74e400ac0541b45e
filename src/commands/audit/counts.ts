import type { AuditScope, EventIndex } from '../../core/event-index.ts';
import type { StreamDocument } from '../../core/stream-document.ts';
import { openEvents } from '../../events/take-in.ts';
import type { Finding } from './findings.ts';
import type { Later } from './states.ts';
import { about } from './subjects.ts';
import type { Subject } from './subjects.ts';

/**
 * A stream document says how many closed events it stands for. First all events are counted by stream, in a few requests; only
 * the streams whose number is not what it should be are counted exactly: what starts before the document's last closed event was
 * stored before the document was, so on a system at work it is there, neither more nor less.
 */
export interface CountOptions {
  index: EventIndex;
  scope: AuditScope;
  signal: AbortSignal;
  /** Wall ms. */
  now: number;
  /** Wall ms: events that were observed before it may have been dropped by the index's retention. */
  expiredBefore: number;
  /** Rows of a rewritten file go over to its later states. */
  later: ReadonlyMap<string, Later>;
}

/** By then the open event of a stream is indexed, whoever was killed meanwhile. Wall ms. */
const openIndexedMs = 60_000;
const streamsAtOnce = 500;

export async function compareCounts(subjects: readonly Subject[], options: CountOptions): Promise<Finding[]> {
  const { index, scope } = options;
  await index.refresh();
  const counted = new Map<string, number>();
  for await (const { stream, events } of index.eventTotals(scope)) counted.set(stream, events);
  const doubtful = subjects.filter(
    (subject) => !isAsExpected(subject, counted.get(subject.stream) ?? 0, options),
  );
  const findings: Finding[] = [];
  for (let i = 0; i < doubtful.length; i += streamsAtOnce) {
    options.signal.throwIfAborted();
    findings.push(...(await countExactly(doubtful.slice(i, i + streamsAtOnce), options)));
  }
  const known = new Set(subjects.map(({ stream }) => stream));
  const homeless = [...counted.keys()].filter((stream) => !known.has(stream));
  findings.push(...(await withoutDocument(homeless, counted, options)));
  return findings;
}

/** The open event is there a second later, as a rule; a stream without it is counted exactly. */
function isAsExpected({ stream, document }: Subject, counted: number, { later }: CountOptions): boolean {
  if (!document) return counted === 0;
  const all = document.events + (document.hasOpen ? 1 : 0);
  return counted === all || (later.get(stream)?.any === true && counted < all);
}

async function countExactly(subjects: readonly Subject[], options: CountOptions): Promise<Finding[]> {
  const { index, signal } = options;
  const ids = subjects.map(({ stream }) => stream);
  const documents = await index.loadStreams(ids, signal);
  await index.refresh();
  const ends = new Map([...documents].map(([stream, { closedEnd }]) => [stream, closedEnd]));
  const closed = await index.eventCounts(ends);
  const all = await index.eventCounts(ids);
  return subjects.flatMap((subject) => {
    const document = documents.get(subject.stream);
    const counts = { closed: closed.get(subject.stream) ?? 0, all: all.get(subject.stream) ?? 0 };
    return document ? countFindings(subject, document, counts, options) : lostDocument(subject, counts.all);
  });
}

function countFindings(
  subject: Subject,
  document: StreamDocument,
  counts: { closed: number; all: number },
  { now, expiredBefore, later }: CountOptions,
): Finding[] {
  const { events, closedEnd, end } = document;
  const findings: Finding[] = [];
  const open = openEvents(document);
  // Outputs of a container interleave: an event may be open that began before another one was closed.
  const openBefore = open.filter(({ start }) => start < closedEnd).length;
  const told = `${counts.closed} events are there, ${events} should be`;
  const range = { ...about(subject), where: 'index' as const, start: 0, end: closedEnd };
  if (counts.closed > events + openBefore) {
    findings.push({ ...range, kind: 'overlap', detail: `${told} (audit --deep tells which)` });
  } else if (later.get(subject.stream)?.any === true) {
    return findings;
  } else if (counts.closed < events && begunAt(document) < expiredBefore) {
    findings.push({
      ...range,
      kind: 'expired',
      detail: `${told}; the others are older than the index keeps them`,
    });
  } else if (counts.closed < events) {
    findings.push({ ...range, kind: 'gap', detail: `${told} (audit --deep tells which)` });
  }
  const isDue = now - document.observed > openIndexedMs && document.observed >= expiredBefore;
  // A few bytes that are neither text nor binary yet are held, and are no event.
  if (isDue && counts.closed >= events && counts.all < events + open.length) {
    const detail = 'the last event, which is still open, is not there';
    findings.push({ ...range, kind: 'gap', start: closedEnd, end, detail });
  }
  return findings;
}

/** `observed` of the first segment; of documents that do not know it, the file's age. */
export function begunAt({ begun, created }: Pick<StreamDocument, 'begun' | 'created'>): number {
  return begun ?? created;
}

function lostDocument(subject: Subject, events: number): Finding[] {
  if (events === 0) return [];
  const { state } = subject;
  const detail = `${events} events are there without their stream document, which was lost; caboose replay ${subject.run} makes it anew`;
  return [{ ...about(subject), kind: 'gap', where: 'index', start: 0, end: state?.acked ?? 0, detail }];
}

/** Events of streams that neither the cut log nor a document knows: of one that began a moment ago the document follows. */
async function withoutDocument(
  streams: readonly string[],
  counted: ReadonlyMap<string, number>,
  { index, scope, signal }: CountOptions,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (let i = 0; i < streams.length; i += streamsAtOnce) {
    const some = streams.slice(i, i + streamsAtOnce);
    const documents = await index.loadStreams(some, signal);
    for (const stream of some) {
      if (documents.has(stream)) continue;
      const detail = `${counted.get(stream) ?? 0} events are there without their stream document, which was lost`;
      const run = scope.run ?? '';
      findings.push({ run, path: '', stream, kind: 'gap', where: 'index', start: 0, end: 0, detail });
    }
  }
  return findings;
}
