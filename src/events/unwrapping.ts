import type { Run } from './places.ts';

/**
 * How a stream is wrapped: what its records are, and the text in each. One file per format. Pure functions of the bytes.
 *
 * Failure rule: a record that is not of the format is text as it stands; nothing is dropped.
 */
export interface Wrapping {
  /**
   * Where the record ends that begins at `from`, its line end included; 0 while its end is not there. `offset` is the stream's
   * offset of `from`.
   */
  recordEnd(bytes: Buffer, from: number, offset: number): number;
  /** Records over so many raw bytes are taken in pieces of that size. */
  recordBytesMax: number;
  /** Null: not of this format. `offset` is the stream's offset of the record. */
  unwrap(record: Buffer, offset: number): Unwrapped | null;
}

export interface Unwrapped {
  text: Buffer;
  /** Where the text stands in the record. */
  runs: readonly Run[];
  /** Length of the record without what ends it. */
  rawEnd: number;
  /** Which of the writer's outputs: lines of one are not joined with those of another. */
  iostream: 'stdout' | 'stderr' | null;
  /** The record's own time, ms since epoch. */
  time: number | null;
  /** The writer has ended without a line end: what follows is another line. */
  endsWriter: boolean;
}
