import { crc32 } from 'node:zlib';
import type { LogEvent } from '../../core/event.ts';
import type { CarriedSegment } from '../../core/segment.ts';
import type { StreamDocument } from '../../core/stream-document.ts';
import { takeIn } from '../../events/take-in.ts';
import type { Letter } from '../../events/take-in.ts';
import { ByteRanges } from './byte-ranges.ts';
import type { ByteRange } from './byte-ranges.ts';
import type { FileComparer } from './file-comparer.ts';
import type { Finding } from './findings.ts';
import { isState } from './states.ts';
import { about, reportsOf } from './subjects.ts';
import type { Gathered, Subject } from './subjects.ts';

/** An event as it is cut from the carried bytes. */
export interface ExpectedEvent {
  id: string;
  start: number;
  end: number;
  sum: string;
  /** Wall ms: of the segment in which it starts. */
  observed: number;
}

/** One stream as the transport carries it: its ranges, and its events in order, which are handed on rather than kept. */
export class CarriedStream {
  readonly subject: Subject;
  readonly ranges = new ByteRanges();
  /** Ranges in which the file differs. */
  readonly differences = new ByteRanges();
  readonly letters: Letter[] = [];
  /** Start of the first record that was met; null before. */
  firstStart: number | null = null;
  /** Where the last record stands. */
  last: Omit<CarriedSegment, 'segment'> | null = null;
  document: StreamDocument | null = null;
  /** Events that are not closed. */
  open: readonly LogEvent[] = [];

  constructor(subject: Subject) {
    this.subject = subject;
  }

  async take(
    record: CarriedSegment,
    options: { timeZone: string; files: FileComparer; onEvent: (event: ExpectedEvent) => void },
  ): Promise<void> {
    const { segment, ...place } = record;
    this.firstStart ??= segment.start;
    this.last = place;
    this.ranges.add(segment.start, segment.end);
    const taken = takeIn(this.document, record, segment, { timeZone: options.timeZone });
    this.document = taken.document;
    if (taken.outcome === 'taken') this.open = taken.open;
    for (const event of taken.closed) options.onEvent(event);
    if (this.letters.length < lettersMax) this.letters.push(...taken.letters);
    const { file } = this.subject;
    if (!file || segment.gap !== null || segment.snapshot) return;
    const difference = await options.files.difference(file, segment);
    if (difference) this.differences.add(difference.start, difference.end);
  }

  /** Up to this offset the transport is to hold everything. */
  get shippedEnd(): number {
    return this.subject.state?.acked ?? this.subject.document?.end ?? 0;
  }

  get missing(): ByteRange[] {
    return this.ranges.missing(0, this.shippedEnd);
  }

  /** Its documents are compared by their ids: those of rewritten files go from state to state, the outputs of a container interleave. */
  get isComparedById(): boolean {
    return isState(this.subject) || this.document?.context.events['wrapped'] !== undefined;
  }

  get isFaultless(): boolean {
    return this.letters.length === 0 && this.differences.bytes === 0;
  }
}

const lettersMax = 1_000;

/**
 * The beginning of a stream that a retention has dropped from the transport: records of a stream are in one partition, in order, so
 * that nothing else can be dropped by it. Null where the partition still holds its first record.
 */
export function expiredRange(
  { subject, firstStart, shippedEnd }: CarriedStream,
  partitions: Gathered['partitions'],
): Finding | null {
  const place = subject.state?.record ?? subject.document;
  if (!place || subject.document === null) return null;
  const end = Math.min(firstStart ?? shippedEnd, subject.document.end, shippedEnd);
  if (end === 0 || reportsOf(partitions ?? [], place).every(({ first }) => first === 0)) return null;
  const detail = 'dropped by its retention after it was indexed: counted, not compared';
  return { ...about(subject), kind: 'expired', where: 'transport', start: 0, end, detail };
}

/** Whether the consumers have yet to come to that record; null if that is not known. */
export function isBehind(partitions: Gathered['partitions'], last: CarriedStream['last']): boolean | null {
  const report =
    last && partitions && reportsOf(partitions, last).find(({ cluster }) => cluster === last.cluster);
  if (!report) return null;
  return report.committed === null || report.committed <= last.position;
}

/** Stands for any number of events, in any order, in a few bytes: two sets that differ have the same one once in 2^64. */
export class EventDigest {
  count = 0;
  #sum = 0;
  #product = 0;

  add({ start, end, sum }: { start: number; end: number; sum: string }): void {
    const hash = crc32(`${start}-${end}-${sum}`);
    this.count += 1;
    this.#sum = (this.#sum + hash) >>> 0;
    this.#product = (this.#product + Math.imul(hash, hash | 1)) >>> 0;
  }

  equals(other: EventDigest): boolean {
    return this.count === other.count && this.#sum === other.#sum && this.#product === other.#product;
  }
}
