import type { GapReason, Lane, Origin } from './segment.ts';

/**
 * What an index holds of one stream: the memory that makes delivery exactly once. Written after the events that it
 * speaks of are stored and before the transport's commit; loaded when a partition is assigned.
 */
export interface StreamDocument {
  stream: string;
  origin: Origin;
  lane: Lane;
  partition: number;
  /** Of the topic that its first segment came from, where the transport has several. */
  topicPrefix?: string;
  /** Of the indices that its events and points are in; absent: the index's own. Decided at its first segment, and kept. */
  indexPrefix?: string;
  created: number;
  /** `observed` of the first segment that was taken in; documents of the first version do not have it. */
  begun?: number;
  previous: string | null;
  snapshot: boolean;
  /** End of what was taken in: a segment below it is a redelivery. */
  end: number;
  /** End of the last closed event. */
  closedEnd: number;
  /** Closed events so far. */
  events: number;
  /** `observed` of the last segment taken in; 0 before the first. */
  observed: number;
  final: boolean;
  /** Ranges that could not be had, oldest first. `missing`: never delivered (the transport had dropped it). */
  gaps: readonly { start: number; end: number; reason: GapReason | 'missing' }[];
  /** The event that is not closed yet. */
  open: OpenEvent | null;
  /** The last segments taken in, with the crc32 of their raw bytes: other bytes under a held range are told, not skipped. */
  recent: readonly { start: number; end: number; sum: string }[];
  /** How far it says that its training is; absent: it does not, or the document is of a version before. */
  progress?: StreamProgress;
  /** What the readers remember from earlier bytes of this stream (a CSV header, the last step …). Plain JSON, bounded. */
  context: StreamContext;
}

/** What a bar, or a point whose text tells the last step, says of how far the training is (train/stream-progress.ts). */
export interface StreamProgress {
  step: number;
  total: number;
  /** What the bar says in front, an epoch perhaps; null: nothing, or no bar has told it. */
  label: string | null;
  /** Steps per second: the bar's, or the mean since `from`. */
  rate: number | null;
  /** How long it still took when it was told; null: not known, or it is at its end. */
  etaMs: number | null;
  /** ms since epoch: when it was told last, as far as that is known. */
  time: number;
  /** Of points: the first one since they began to count, or began anew. */
  from?: { step: number; time: number };
}

/** What an audit needs of a stream document: small, however long its open event and its memory are. */
export interface StreamSummary extends Pick<
  StreamDocument,
  | 'stream'
  | 'origin'
  | 'lane'
  | 'partition'
  | 'topicPrefix'
  | 'created'
  | 'begun'
  | 'observed'
  | 'end'
  | 'closedEnd'
  | 'events'
  | 'final'
  | 'snapshot'
  | 'gaps'
> {
  /** Whether an event is open behind `closedEnd`. */
  hasOpen: boolean;
}

export interface StreamContext {
  events: Record<string, unknown>;
  train: Record<string, unknown>;
}

export interface OpenEvent {
  /** Start of the whole event (its id hangs on it) and of the current part. */
  eventStart: number;
  part: number;
  partStart: number;
  /** `observed` of the segment in which the event starts. */
  observed: number;
  /**
   * Its bytes so far, from `bytesStart` (≥ partStart: frames of a progress bar that a later frame has replaced need not
   * be kept) to the document's `end`.
   */
  bytesStart: number;
  bytes: Buffer;
  /** crc32 of [partStart, bytesStart), so that the event's sum can go on. */
  sumBefore: number;
}

/** The most bytes of recent segments' sums that are kept. */
export const recentSegmentsMax = 16;

/**
 * The version under which a stream document is stored: grows with every byte and with the final marker, so that an older
 * state never replaces a newer one.
 */
export function streamVersion(document: Pick<StreamDocument, 'end' | 'final'>): number {
  return document.end * 2 + (document.final ? 1 : 0);
}
