import type { EventIndex } from '../../core/event-index.ts';
import type { CarriedSegment } from '../../core/segment.ts';
import type { StreamDocument } from '../../core/stream-document.ts';
import type { SegmentScanner } from '../../core/transport.ts';
import { takeIn } from '../../events/take-in.ts';
import { DecompressedFile } from '../../tail/decompressed-file.ts';
import { nodeFileSystem } from '../../tail/file-system.ts';
import type { OpenFile } from '../../tail/file-system.ts';
import { ByteRanges } from './byte-ranges.ts';
import type { ByteRange } from './byte-ranges.ts';
import { compareById } from './by-id.ts';
import type { ExpectedEvents } from './by-id.ts';
import type { Account, Finding } from './findings.ts';
import { isState, laterStates, statesByFile } from './states.ts';
import type { Subject, SubjectFile } from './subjects.ts';

/**
 * Reads every record of the transport and every document of the index. Each record's bytes are compared with the file's; its
 * events are cut again, and every one must be covered by documents, none twice, each with the checksum of its bytes.
 *
 * What the transport has dropped by retention cannot be compared and is reported as missing there.
 */
export interface DeepOptions {
  scanner: SegmentScanner;
  index: EventIndex;
  timeZone: string;
  onProgress: (records: number, streams: number) => void;
  signal: AbortSignal;
}

/** What the transport holds of one stream. */
interface Carried {
  subject: Subject;
  ranges: ByteRanges;
  /** Events as they are cut from the carried bytes, in order. */
  events: { id: string; start: number; end: number; sum: string }[];
  document: StreamDocument | null;
  open: readonly { id: string; start: number; end: number }[];
  file: OpenFile | null;
}

export async function deepAudit(
  subjects: readonly Subject[],
  account: Account,
  options: DeepOptions,
): Promise<Account> {
  const findings: Finding[] = account.findings.filter(isNotDecidedDeeper);
  const carried = new Map<string, Carried>();
  for (const subject of subjects) {
    const { stream } = subject;
    carried.set(stream, {
      subject,
      ranges: new ByteRanges(),
      events: [],
      document: null,
      open: [],
      file: null,
    });
  }
  try {
    await readTransport(carried, findings, options);
  } finally {
    for (const { file } of carried.values()) await file?.close();
  }
  const later = laterStates(subjects);
  let checked = 0;
  for (const stream of carried.values()) {
    findings.push(...compareRanges(stream, later.get(stream.subject.stream)?.whole === true));
    if (!isState(stream.subject)) findings.push(...(await compareDocuments(stream, options.index)));
    checked += 1;
    options.onProgress(0, checked);
  }
  for (const states of statesByFile(subjects).values()) {
    const expected = states.flatMap(({ stream }) => expectedOf(carried.get(stream)));
    findings.push(...(await compareById(expected, options.index)));
  }
  return { ...account, findings };
}

function expectedOf(stream: Carried | undefined): ExpectedEvents[] {
  if (stream === undefined) return [];
  const { subject, events, open, ranges } = stream;
  const isWhole = ranges.missing(0, subject.document?.end ?? 0).length === 0;
  return [{ subject, closed: events, open, isWhole }];
}

/** The quick audit's counts are replaced by the documents themselves. */
function isNotDecidedDeeper({ kind, where, detail }: Finding): boolean {
  return !(where === 'index' && (kind === 'gap' || kind === 'overlap') && detail.includes('--deep'));
}

async function readTransport(
  carried: ReadonlyMap<string, Carried>,
  findings: Finding[],
  { scanner, signal, onProgress, timeZone }: DeepOptions,
): Promise<void> {
  let records = 0;
  const match = ({ stream }: { stream: string }) => carried.has(stream);
  const onRejected = (record: {
    lane: string;
    partition: number;
    position: number;
    error: string;
    headers: Readonly<Record<string, string>>;
  }) => {
    const { headers } = record;
    findings.push({
      kind: 'wrong',
      where: 'transport',
      run: headers['run'] ?? '',
      path: headers['path'] ?? '',
      stream: headers['stream'] ?? '',
      start: Number(headers['start'] ?? 0),
      end: Number(headers['end'] ?? 0),
      detail: `record ${record.lane}/${record.partition}/${record.position} is no segment: ${record.error}`,
    });
  };
  for await (const record of scanner.scan({ match, signal, onRejected })) {
    const stream = carried.get(record.segment.stream);
    if (!stream) continue;
    await takeRecord(stream, record, findings, timeZone);
    records += 1;
    onProgress(records, 0);
  }
}

async function takeRecord(
  stream: Carried,
  record: CarriedSegment,
  findings: Finding[],
  timeZone: string,
): Promise<void> {
  const { segment } = record;
  stream.ranges.add(segment.start, segment.end);
  const taken = takeIn(stream.document, record, segment, { timeZone });
  stream.document = taken.document;
  for (const { id, start, end, sum } of taken.closed) stream.events.push({ id, start, end, sum });
  if (taken.outcome === 'taken') stream.open = taken.open;
  for (const letter of taken.letters) {
    findings.push({
      ...about(stream.subject),
      kind: 'wrong',
      where: 'transport',
      start: letter.start,
      end: letter.end,
      detail: letter.detail,
    });
  }
  const difference =
    segment.gap === null && !segment.snapshot
      ? await differenceFromFile(stream, segment.start, segment.bytes)
      : null;
  if (difference) {
    const detail = 'the file holds other bytes now than were shipped';
    findings.push({ ...about(stream.subject), kind: 'wrong', where: 'file', ...difference, detail });
  }
}

/** The range in which the file differs from what was carried, as narrow as it is. */
async function differenceFromFile(stream: Carried, start: number, bytes: Buffer): Promise<ByteRange | null> {
  const { file } = stream.subject;
  if (!file || bytes.length === 0) return null;
  stream.file ??= await openSubject(file);
  if (!stream.file) return null;
  if (file.compressed && start + bytes.length > file.compressed.size) return null;
  const now = Buffer.allocUnsafe(bytes.length);
  const got = await stream.file.read(now, 0, bytes.length, start);
  if (got === bytes.length && now.equals(bytes)) return null;
  let first = 0;
  while (first < got && now[first] === bytes[first]) first += 1;
  let last = bytes.length;
  while (last > first && last <= got && now[last - 1] === bytes[last - 1]) last -= 1;
  return { start: start + first, end: start + last };
}

async function openSubject({ path, compressed }: SubjectFile): Promise<OpenFile | null> {
  const file = await nodeFileSystem.open(path);
  return file && compressed ? new DecompressedFile(file, compressed) : file;
}

function* compareRanges({ subject, ranges, document }: Carried, isSuperseded: boolean): Generator<Finding> {
  const acked = subject.state?.acked ?? subject.document?.end ?? 0;
  for (const missing of ranges.missing(0, acked)) {
    const detail = 'no record of the transport holds it (dropped by its retention, or lost)';
    yield { ...about(subject), kind: 'gap', where: 'transport', ...missing, detail };
  }
  for (const { start, end, reason } of document?.gaps ?? []) {
    const known = subject.document?.gaps.some((gap) => gap.start === start && gap.end === end) === true;
    if (reason === 'missing' || known || end === start) continue;
    yield {
      ...about(subject),
      kind: isSuperseded ? 'superseded' : reason === 'hole' ? 'hole' : 'lost',
      where: 'file',
      start,
      end,
      detail: `could not be had: ${reason}`,
    };
  }
}

async function compareDocuments(stream: Carried, index: EventIndex): Promise<Finding[]> {
  const { subject, events, open, document } = stream;
  // The outputs of a container interleave.
  if (document?.context.events['wrapped'] !== undefined) return await compareById(expectedOf(stream), index);
  const findings: Finding[] = [];
  const held = new ByteRanges();
  const sums = new Map(events.map(({ start, end, sum }) => [`${start}-${end}`, sum]));
  for await (const { start, end, sum, id } of index.ranges(subject.stream)) {
    for (const overlap of held.add(start, end)) {
      findings.push({
        ...about(subject),
        kind: 'overlap',
        where: 'index',
        ...overlap,
        detail: `document ${id} holds it again`,
      });
    }
    const expected = sums.get(`${start}-${end}`);
    if (expected !== undefined && expected !== sum) {
      findings.push({
        ...about(subject),
        kind: 'wrong',
        where: 'index',
        start,
        end,
        detail: `document ${id} is of other bytes`,
      });
    }
  }
  const indexedEnd = subject.document?.end ?? 0;
  for (const event of [...events, ...open]) {
    for (const missing of held.missing(event.start, event.end)) {
      const pending = missing.end > indexedEnd;
      findings.push({
        ...about(subject),
        kind: pending ? 'pending' : 'gap',
        where: 'index',
        ...missing,
        detail: pending ? 'not indexed yet' : 'no document of the index holds it',
      });
    }
  }
  return findings;
}

function about({ run, path, stream }: Subject): Pick<Finding, 'run' | 'path' | 'stream'> {
  return { run, path, stream };
}
