import type { EventIndex } from '../../core/event-index.ts';
import type { SegmentHeader } from '../../core/segment.ts';
import { ByteRanges } from './byte-ranges.ts';
import { compareById } from './by-id.ts';
import type { ExpectedEvents } from './by-id.ts';
import { CarriedStream, expiredRange, isBehind } from './carried.ts';
import type { ExpectedEvent } from './carried.ts';
import type { DeepOptions } from './deep.ts';
import { FileComparer } from './file-comparer.ts';
import { confirmed, isDoubtful, settleMs } from './findings.ts';
import type { Finding } from './findings.ts';
import { isState, laterStates, statesByFile } from './states.ts';
import type { Later } from './states.ts';
import { about } from './subjects.ts';
import type { Gathered, Subject } from './subjects.ts';

/** The second pass of a deep audit: some streams, with every event of theirs in memory, and what is wrong by byte range. */
export async function compareInDetail(
  subjects: readonly Subject[],
  { partitions }: Gathered,
  options: DeepOptions,
): Promise<Finding[]> {
  const streams = new Map(subjects.map((subject) => [subject.stream, detailOf(subject)]));
  await readRecords(streams, options);
  await options.index.refresh();
  const findings: Finding[] = [];
  const later = laterStates(subjects);
  for (const detail of streams.values()) {
    options.signal.throwIfAborted();
    findings.push(...compareRanges(detail, partitions, later.get(detail.carried.subject.stream)));
    if (!detail.carried.isComparedById)
      findings.push(...(await compareDocuments(detail, options.index, options.expiredBefore)));
  }
  for (const states of statesByFile(subjects).values())
    findings.push(...(await compareStates(states, streams, options)));
  for (const { carried } of streams.values()) {
    if (carried.isComparedById && !isState(carried.subject))
      findings.push(...(await compareStates([carried.subject], streams, options)));
  }
  return findings;
}

/** By id; twice, for what is closed may have been on its way the first time. */
async function compareStates(
  states: readonly Subject[],
  streams: ReadonlyMap<string, Detail>,
  { index, clock, signal }: DeepOptions,
): Promise<Finding[]> {
  const expected = states.flatMap(({ stream }) => expectedOf(streams.get(stream)));
  const findings = await compareById(expected, index);
  if (!findings.some(isDoubtful)) return findings;
  await clock.sleep(settleMs, signal);
  await index.refresh();
  return confirmed(findings, await compareById(expected, index));
}

function expectedOf(detail: Detail | undefined): ExpectedEvents[] {
  if (!detail) return [];
  const { subject, open, ranges, document } = detail.carried;
  const end = document?.end ?? 0;
  const isWhole = ranges.missing(0, end).length === 0;
  return [{ subject, closed: detail.named, open, isWhole, end }];
}

interface Detail {
  carried: CarriedStream;
  events: EventList;
  /** With their ids, where they are compared by them. */
  named: ExpectedEvent[];
}

/** Events in order, in few bytes each. */
class EventList {
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #sums: number[] = [];
  readonly #observed: number[] = [];

  push({ start, end, sum, observed }: Omit<ExpectedEvent, 'id'>): void {
    this.#starts.push(start);
    this.#ends.push(end);
    this.#sums.push(Number.parseInt(sum, 16));
    this.#observed.push(observed);
  }

  *[Symbol.iterator](): Generator<{ start: number; end: number; observed: number }> {
    for (const [i, start] of this.#starts.entries())
      yield { start, end: this.#ends[i] ?? start, observed: this.#observed[i] ?? 0 };
  }

  /** Whether an event with just these bounds has another checksum. */
  contradicts(start: number, end: number, sum: string): boolean {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] ?? Infinity) < start) low = middle + 1;
      else high = middle;
    }
    return (
      this.#starts[low] === start && this.#ends[low] === end && this.#sums[low] !== Number.parseInt(sum, 16)
    );
  }
}

function detailOf(subject: Subject): Detail {
  return { carried: new CarriedStream(subject), events: new EventList(), named: [] };
}

async function readRecords(
  streams: ReadonlyMap<string, Detail>,
  { scanner, signal, progress, timeZone, book }: DeepOptions,
): Promise<void> {
  const files = new FileComparer(book);
  const match = ({ stream }: SegmentHeader) => streams.has(stream);
  try {
    for await (const record of scanner.scan({ match, signal })) {
      const { segment } = record;
      const detail = streams.get(segment.stream);
      if (!detail) continue;
      const { carried, events, named } = detail;
      const taken: ExpectedEvent[] = [];
      // Of a stream that nothing else knows, its records tell the name.
      if (carried.subject.path === '')
        Object.assign(carried.subject, { run: segment.run, path: segment.path, source: segment.source });
      await carried.take(record, { timeZone, files, onEvent: (event) => void taken.push(event) });
      for (const { id, start, end, sum, observed } of taken) {
        if (carried.isComparedById) named.push({ id, start, end, sum, observed });
        else events.push({ start, end, sum, observed });
      }
      progress.record(segment.bytes.length);
    }
  } finally {
    await files.close();
  }
  signal.throwIfAborted();
}

function* compareRanges(
  { carried }: Detail,
  partitions: Gathered['partitions'],
  later: Later | undefined,
): Generator<Finding> {
  const { subject, document } = carried;
  const isExpired = expiredRange(carried, partitions) !== null;
  for (const missing of carried.missing) {
    if (missing.start === 0 && isExpired) continue;
    const detail = 'no record of the transport holds it: lost, or dropped before it was indexed';
    yield { ...about(subject), kind: 'gap', where: 'transport', ...missing, detail };
  }
  for (const { start, end, detail } of carried.letters)
    yield { ...about(subject), kind: 'wrong', where: 'transport', start, end, detail };
  for (const difference of carried.differences.ranges) {
    const detail = 'the file holds other bytes now than were shipped';
    yield { ...about(subject), kind: 'wrong', where: 'file', ...difference, detail };
  }
  for (const { start, end, reason } of document?.gaps ?? []) {
    const known = subject.document?.gaps.some((gap) => gap.start <= start && gap.end >= end) === true;
    if (reason === 'missing' || known || end === start) continue;
    const detail = `could not be had: ${reason}`;
    const kind = reason === 'hole' ? 'hole' : later?.whole === true ? 'superseded' : 'lost';
    yield { ...about(subject), kind, where: 'file', start, end, detail };
  }
  if (!subject.document && !subject.state && document) {
    const isPassed = isBehind(partitions, carried.last) === false;
    const detail = isPassed
      ? 'the transport holds it and its consumers have passed it, but there is no stream document'
      : 'in the transport, not indexed yet';
    const range = { where: 'index' as const, start: 0, end: document.end, detail };
    yield { ...about(subject), kind: isPassed ? 'gap' : 'pending', ...range };
  }
}

/** What the stream document calls closed must be in the index; what lies beyond it is on its way. */
async function compareDocuments(
  { carried: { subject }, events }: Detail,
  index: EventIndex,
  expiredBefore: number,
): Promise<Finding[]> {
  const base = { ...about(subject), where: 'index' as const };
  const findings: Finding[] = [];
  const held = new ByteRanges();
  for await (const { start, end, sum, id } of index.ranges(subject.stream)) {
    for (const overlap of held.add(start, end))
      findings.push({ ...base, kind: 'overlap', ...overlap, detail: `document ${id} holds it again` });
    if (events.contradicts(start, end, sum))
      findings.push({ ...base, kind: 'wrong', start, end, detail: `document ${id} is of other bytes` });
  }
  const closedEnd = subject.document?.closedEnd ?? 0;
  const expired = { start: Infinity, end: 0 };
  for (const event of events) {
    if (event.end > closedEnd) break;
    for (const { start, end } of held.missing(event.start, event.end)) {
      if (event.observed < expiredBefore) {
        expired.start = Math.min(expired.start, start);
        expired.end = end;
      } else findings.push({ ...base, kind: 'gap', start, end, detail: 'no document of the index holds it' });
    }
  }
  if (expired.end > 0)
    findings.push({ ...base, kind: 'expired', ...expired, detail: 'older than the index keeps events' });
  return findings;
}
