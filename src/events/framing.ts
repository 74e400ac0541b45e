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
  | { kind: 'record'; length: number; next: 'record'; data: Buffer }
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
}
