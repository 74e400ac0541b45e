/**
 * How the bytes of a binary file are framed into records: one file per format. Pure functions of the bytes and of where they stand
 * in the stream.
 */

/** Longer records are not held and not read: one event says that they are there. */
export const recordBytesMax = 1024 * 1024;

/** `record`: one begins here. `large`: inside of one over recordBytesMax. `lost`: bytes before it are
 * missing, so that none may. */
export type Place = 'record' | 'large' | 'lost';

/** What stands at a place: `length` bytes, which may reach beyond those that are there but in a `record`; and what comes behind. */
export type Frame =
  /** A whole record, its checksum right. */
  | { kind: 'record'; length: number; next: 'record' }
  /** Bytes between records. */
  | { kind: 'padding'; length: number; next: 'record' }
  /** All or some of a record that is larger than is read. */
  | { kind: 'large'; length: number; next: 'record' | 'large' }
  /** No record that can be read. */
  | { kind: 'damaged'; length: number; next: 'record'; reason: string };

export interface Framing {
  /**
   * What stands at `from`, which is `offset` in the stream. Null: more bytes are needed; never with recordBytesMax or more of them.
   */
  next(bytes: Buffer, from: number, offset: number, place: Place): Frame | null;
  /** The data of a record may be in parts. */
  isSplit: boolean;
  /** Where the data of a whole record stands, in order. `offset`: of the first byte in the stream. */
  dataRanges(bytes: Buffer, record: Range, offset: number): Range[];
  /**
   * Makes the checksums of a record right again whose data was changed in place. Those that were wrong in `before`, the bytes as they were,
   * stay wrong.
   */
  seal(bytes: Buffer, before: Buffer, record: Range, offset: number): void;
}

/** Bytes [start, end). */
export interface Range {
  start: number;
  end: number;
}

/** The data at its ranges, as one. */
export function joined(bytes: Buffer, ranges: readonly Range[]): Buffer {
  const parts = ranges.map(({ start, end }) => bytes.subarray(start, end));
  const [only] = parts;
  return only && parts.length === 1 ? only : Buffer.concat(parts);
}

/**
 * How many of the bytes can be cut off so that no record is cut through: whole records, and what is behind, before or between them that is
 * none. 0: one begins here that is not whole. Null: no record is here, as in a file that only has the name of one; or the inside of one.
 * `offset`: of the first byte in the stream.
 */
export function wholeRecordsLength(framing: Framing, bytes: Buffer, offset: number): number | null {
  let hasRecords = false;
  for (let at = 0; at < bytes.length;) {
    const frame = framing.next(bytes, at, offset + at, 'record');
    if (frame === null) return hasRecords || at === 0 || bytes.length - at > beginningBytesMax ? at : null;
    if (frame.kind === 'large' && hasRecords) return at;
    // A large one is carried as it comes.
    hasRecords ||= frame.kind !== 'damaged';
    at += frame.length;
  }
  return hasRecords ? bytes.length : null;
}

/** Of so few bytes it is not known whether they begin a record. */
const beginningBytesMax = 12;
