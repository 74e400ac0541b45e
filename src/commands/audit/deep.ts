import type { Clock } from '../../core/clock.ts';
import type { AuditScope, EventIndex } from '../../core/event-index.ts';
import type { RuleBook } from '../../core/redaction/rule-book.ts';
import { holdsResources } from '../../core/resources.ts';
import type { SegmentHeader } from '../../core/segment.ts';
import type { RejectedRecord, SegmentScanner } from '../../core/transport.ts';
import { CarriedStream, EventDigest, expiredRange } from './carried.ts';
import { compareInDetail } from './detail.ts';
import { FileComparer } from './file-comparer.ts';
import { settleMs } from './findings.ts';
import type { Finding } from './findings.ts';
import type { AuditProgress } from './progress.ts';
import { isState } from './states.ts';
import type { Gathered, Subject } from './subjects.ts';

/**
 * Reads every record of the transport and every document of the index. Each record's bytes are compared with the file's; its
 * events are cut again, and every one must be covered by documents, none twice, each with the checksum of its bytes.
 *
 * Two passes, so that memory does not grow with the number of events. The first keeps a digest of each stream's events and compares
 * it with that of its documents. Streams in which anything differs are doubtful: after a pause everything about them is
 * gathered again, and the second pass (detail.ts) reads them once more and names what is wrong by byte range. A system at work makes
 * streams doubtful; what the second pass still finds is wrong.
 *
 * What a retention has dropped cannot be compared: if that is the beginning of a stream, it is told as expired.
 */
export interface DeepOptions {
  scanner: SegmentScanner;
  index: EventIndex;
  scope: AuditScope;
  timeZone: string;
  /** By which segments were masked. */
  book: RuleBook;
  /** Gathers subjects again. */
  gather: () => Promise<Gathered>;
  /** Wall ms: events that were observed before it may have been dropped by the index's retention. */
  expiredBefore: number;
  clock: Clock;
  progress: AuditProgress;
  signal: AbortSignal;
}

/** A stream that is read in detail costs memory for each of its events: so many at once. */
const eventsAtOnce = 1_000_000;
const rejectedMax = 10_000;

export async function deepAudit(gathered: Gathered, options: DeepOptions): Promise<Finding[]> {
  const { clock, signal, progress } = options;
  const findings: Finding[] = [];
  const doubtful = await firstPass(gathered, findings, options);
  if (doubtful.size > 0) {
    await clock.sleep(settleMs, signal);
    signal.throwIfAborted();
    const again = await options.gather();
    for (const group of groupsOf(doubtful, again.subjects)) {
      progress.stage(`${group.length} of ${doubtful.size} doubtful streams again`);
      findings.push(...(await compareInDetail(group, again, options)));
    }
  }
  return await withoutReplacedFiles(findings, options);
}

interface Digests {
  carried: CarriedStream;
  expected: EventDigest;
  stored: EventDigest;
}

/** Ids of the streams in which something is not as it should be. What is sure already goes to `findings`. */
async function firstPass(
  { subjects, partitions }: Gathered,
  findings: Finding[],
  options: DeepOptions,
): Promise<Set<string>> {
  const streams = new Map(subjects.map((subject) => [subject.stream, digestsOf(subject)]));
  await readTransport(streams, findings, options);
  await readIndex(streams, options);
  const doubtful = new Set<string>();
  for (const [id, { carried, expected, stored }] of streams) {
    const expired = expiredRange(carried, partitions);
    if (expired) findings.push(expired);
    const missing = carried.missing.filter(({ start }) => start > 0 || !expired);
    const isStranger = carried.subject.state === null && carried.subject.document === null;
    const isSame = !carried.isComparedById && expected.equals(stored);
    if (isStranger || missing.length > 0 || !carried.isFaultless || !isSame) doubtful.add(id);
  }
  return doubtful;
}

function digestsOf(subject: Subject): Digests {
  return { carried: new CarriedStream(subject), expected: new EventDigest(), stored: new EventDigest() };
}

async function readTransport(
  streams: Map<string, Digests>,
  findings: Finding[],
  { scanner, scope, signal, progress, timeZone, book }: DeepOptions,
): Promise<void> {
  const files = new FileComparer(book);
  const match = inScope(scope);
  const onRejected = (record: RejectedRecord) => {
    if (findings.length < rejectedMax && mayBeInScope(scope, record)) findings.push(rejectedFinding(record));
  };
  progress.stage('reading the transport');
  try {
    for await (const record of scanner.scan({ match, signal, onRejected })) {
      const { segment } = record;
      let stream = streams.get(segment.stream);
      if (!stream) streams.set(segment.stream, (stream = digestsOf(strangerOf(segment))));
      const { carried, expected } = stream;
      const closedEnd = carried.subject.document?.closedEnd ?? 0;
      await carried.take(record, {
        timeZone,
        files,
        onEvent: (event) => {
          if (event.end <= closedEnd) expected.add(event);
        },
      });
      progress.record(segment.bytes.length);
    }
  } finally {
    await files.close();
  }
  // A scan that was stopped looks like one that found less.
  signal.throwIfAborted();
}

async function readIndex(streams: Map<string, Digests>, options: DeepOptions): Promise<void> {
  const { index, scope, signal, progress } = options;
  const total = [...streams.values()].reduce(
    (sum, { carried }) => sum + (carried.subject.document?.events ?? 0),
    0,
  );
  progress.stage('reading the index', total);
  await index.refresh();
  for await (const range of index.storedRanges(scope)) {
    signal.throwIfAborted();
    progress.document();
    const stream = streams.get(range.stream);
    if (!stream) continue;
    const { subject, firstStart } = stream.carried;
    const closedEnd = subject.document?.closedEnd ?? 0;
    if (range.start < closedEnd && range.start >= (firstStart ?? closedEnd)) stream.stored.add(range);
  }
}

/** A stream that only the transport knows. */
function strangerOf({ stream, source, run, path }: SegmentHeader): Subject {
  return { stream, source, run, path, state: null, document: null, file: null, consumed: null };
}

function* groupsOf(doubtful: ReadonlySet<string>, subjects: readonly Subject[]): Generator<Subject[]> {
  const known = new Map(subjects.map((subject) => [subject.stream, subject]));
  // All states of a rewritten file together: they are small, and a row is in one of them.
  const states = subjects.filter((subject) => doubtful.has(subject.stream) && isState(subject));
  if (states.length > 0) yield states;
  const apart = new Set(states.map(({ stream }) => stream));
  let group: Subject[] = [];
  let events = 0;
  for (const id of doubtful) {
    if (apart.has(id)) continue;
    const subject =
      known.get(id) ?? strangerOf({ stream: id, source: '', run: '', path: '' } as SegmentHeader);
    if (events > eventsAtOnce) {
      yield group;
      group = [];
      events = 0;
    }
    group.push(subject);
    events += (subject.document?.events ?? 0) + 100;
  }
  if (group.length > 0) yield group;
}

function inScope({ run, source }: AuditScope): (header: SegmentHeader) => boolean {
  return (header) =>
    (run === undefined ? header.source === source : header.run === run) && !holdsResources(header);
}

/** What can be read of a record that is no segment may tell that it is of no concern. */
function mayBeInScope({ run, source }: AuditScope, { headers }: RejectedRecord): boolean {
  const [asked, found] = run === undefined ? [source, headers['source']] : [run, headers['run']];
  return found === undefined || found === asked;
}

function rejectedFinding({ lane, partition, position, headers, error }: RejectedRecord): Finding {
  return {
    kind: 'wrong',
    where: 'transport',
    run: headers['run'] ?? '',
    path: headers['path'] ?? '',
    stream: headers['stream'] ?? '',
    start: Number(headers['start'] ?? 0),
    end: Number(headers['end'] ?? 0),
    detail: `record ${lane}/${partition}/${position} is no segment: ${error}`,
  };
}

const ownerLooks = 3;

/**
 * A file that was truncated or replaced a moment ago differs from its stream until the agent has seen it. What still owns the
 * file after some looks does differ.
 */
async function withoutReplacedFiles(findings: Finding[], options: DeepOptions): Promise<Finding[]> {
  let left = findings;
  const isOfFile = ({ kind, where }: Finding) => kind === 'wrong' && where === 'file';
  for (let look = 0; look < ownerLooks && left.some(isOfFile); look += 1) {
    await options.clock.sleep(settleMs, options.signal);
    options.signal.throwIfAborted();
    const { subjects } = await options.gather();
    const files = new Map(subjects.map(({ stream, file }) => [stream, file]));
    left = left.filter(
      (finding) => !isOfFile(finding) || (files.get(finding.stream)?.size ?? 0) >= finding.end,
    );
  }
  return left;
}
