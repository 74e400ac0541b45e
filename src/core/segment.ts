/**
 * A segment: a contiguous byte range of one stream, the one currency between agent and consumers. Its encoding is
 * in segment/; docs/WIRE-FORMAT.md describes it for others.
 */

/** Most raw bytes of one segment. */
export const segmentBytesMax = 880 * 1024;

export const lanes = ['fast', 'bulk'] as const;
export type Lane = (typeof lanes)[number];

/** Why a range of bytes cannot be had: truncated before it was read, a hole, gone, or the spool was full. */
export const gapReasons = ['truncated', 'hole', 'gone', 'spool-full'] as const;
export type GapReason = (typeof gapReasons)[number];

/** Where a stream comes from. */
export interface Origin {
  /** `source.id`: one sidecar, the same after a restart. */
  source: string;
  run: string;
  attempt: number;
  rank: number | null;
  host: string;
  /** Absolute path at first sight. A rename does not change it. */
  path: string;
  labels: Readonly<Record<string, string>>;
}

export interface SegmentHeader extends Origin {
  /** 32 hex digits. */
  stream: string;
  /** Byte offsets in the stream; `end` is exclusive. Equal in a marker without bytes. */
  start: number;
  end: number;
  /** ms since epoch: the file's birth time, or first sight; later than that of `previous`. Orders streams. */
  created: number;
  /** ms since epoch, from the cut; never runs backwards within a stream. */
  observed: number;
  /** The stream that this one continues (rotation, truncation); on the first segment only. */
  previous: string | null;
  /** The agent believes that no bytes will follow. Bytes that follow all the same are taken in. */
  final: boolean;
  /** Set: the range cannot be had, and the value is empty. */
  gap: GapReason | null;
  /** The stream is one whole state of a rewritten file. */
  snapshot: boolean;
  /** Where its secrets are masked, and by which rules: core/redaction/rule-book.ts. Absent: nowhere. */
  redact?: string;
}

export interface Segment extends SegmentHeader {
  /** The bytes as they are carried, `end - start` of them; empty in a marker or a gap. */
  bytes: Buffer;
}

/** The stream of a rewritten file's state before this one, whose rows are known already. */
export function stateBefore({ snapshot, previous }: SegmentHeader): string | null {
  return snapshot ? previous : null;
}

/** Which log of a transport, where it has several of a lane: they count their partitions and positions apart. */
export interface LogName {
  /** Absent: it has one. */
  topicPrefix?: string;
  /** Absent: the first, or the only one. */
  cluster?: 'second';
}

/** A segment with its place in a transport. `position` grows within (log, lane, partition); it need not be dense. */
export interface CarriedSegment extends LogName {
  lane: Lane;
  partition: number;
  position: number;
  segment: Segment;
}
