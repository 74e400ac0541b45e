/**
 * The contract of a transport: it carries segments from agents to consumers, at least once, in the order of publication
 * within (lane, partition). Two implementations, transport/kafka and transport/local, pass one suite
 * (test/contract/transport.suite.ts).
 */
import type { GroupMember, Sharing, Slot } from './assignment-plan.ts';
import type { CarriedSegment, Lane, LogName, Segment, SegmentHeader } from './segment.ts';
import type { LogEvent } from './event.ts';
import type { Fact } from './fact.ts';
import type { IncidentDocument } from './incident.ts';

export interface Publisher {
  /**
   * Which partition the streams of this source belong to. Asked once per stream and kept in the agent's state, so that a
   * grown topic splits no stream. Waits for the transport to be there, until the signal aborts (then it rejects).
   * `topicPrefix`: of the stream's topic, where the transport has several; absent, the transport's own.
   */
  partitionFor(lane: Lane, source: string, signal?: AbortSignal, topicPrefix?: string): Promise<number>;
  /**
   * Resolves when the segment is stored for good (acks = all replicas, or fsync). Calls are sent in the order in which
   * they were made; many may be outstanding, the caller bounds their bytes. An outage is waited out. Rejects only with a
   * CabooseError that is not retriable, or when the publisher is stopped before the ack.
   */
  publish(lane: Lane, partition: number, segment: Segment, topicPrefix?: string): Promise<void>;
  /**
   * Waits for what is outstanding until the signal aborts, then drops the rest (it is in the cut log) and disconnects. What was dropped
   * is rejected, questions and what was to be appended to the logs as well.
   */
  stop(signal?: AbortSignal): Promise<void>;
}

/** Segments of one (log, lane, partition), in order. */
export interface SegmentBatch extends LogName {
  lane: Lane;
  partition: number;
  segments: readonly CarriedSegment[];
  /** Records that are no segments (bad header, checksum, codec): each with what is wrong. They are never retried. */
  rejected: readonly RejectedRecord[];
  /**
   * Another value whenever the partition was (re)assigned: what a consumer remembers about the partition's streams
   * under another value is stale and must be loaded again.
   */
  assignment: number;
  /**
   * Where a stream may be in two places: whether what comes before these segments may be in the other one and not taken in yet. False
   * when all that was there when this was first asked is committed, or was waited for too long. Absent where a stream is in one place.
   */
  mayBePreceded?(signal: AbortSignal): Promise<boolean>;
  /** Aborts when the partition was taken away: stop writing, do not commit. */
  revoked: AbortSignal;
  /** Everything up to and with this batch is done. Ignored when the partition was revoked meanwhile. */
  commit(): Promise<void>;
  /**
   * The batch was not done: it comes again, after a pause if the transport sees fit, or after that of a caller who knows better. Call
   * commit or release, once.
   */
  release(pauseMs?: number): void;
}

export interface RejectedRecord extends LogName {
  lane: Lane;
  partition: number;
  position: number;
  /** The record's key and headers as far as they could be read, as text. */
  key: string;
  headers: Readonly<Record<string, string>>;
  value: Buffer;
  error: string;
}

export interface LagReport extends LogName {
  lane: Lane;
  partition: number;
  /** Records published but not committed. */
  records: number;
}

/** All members that share the partitions, and all partitions, as the transport knows them. */
export interface GroupView {
  members: readonly (GroupMember & { slots: readonly Slot[] })[];
  /** `end` counts all records that were ever published to the partition; `records` as in LagReport. */
  partitions: readonly (LagReport & { end: number })[];
}

export interface Subscriber {
  /**
   * The batches of all partitions that this member is assigned, until the signal aborts. Batches of different partitions
   * may be outstanding together; the next batch of a partition comes only after commit or release of the one before.
   */
  batches(signal: AbortSignal): AsyncIterable<SegmentBatch>;
  /** Lag of the partitions assigned to this member. */
  lag(): Promise<LagReport[]>;
  /** Null while the group is not settled. Absent where one member takes all. */
  group?(): Promise<GroupView | null>;
}

export interface ScanOptions {
  /** Only records for which this holds are decoded and returned. Sees the header alone. */
  match?: (header: SegmentHeader) => boolean;
  /** Leaves out records that were published before this time (ms since epoch), where the transport can tell. */
  since?: number;
  /** Go on when the end is reached, waiting for more, until the signal aborts. Default: end at today's end. */
  follow?: boolean;
  signal?: AbortSignal;
  /** Told of records that are no segments. */
  onRejected?: (record: RejectedRecord) => void;
}

/** Reads what is there without being a consumer: for cat, audit and replay. */
export interface SegmentScanner {
  scan(options?: ScanOptions): AsyncIterable<CarriedSegment>;
}

/** `caboose.facts`: keyed by run, each fact with an id. */
export interface FactLog {
  /** Resolves when stored. Delivered at least once: readers drop the ids that they have. */
  append(facts: readonly Fact[]): Promise<void>;
  /** All facts from the beginning (or `since`, ms since epoch), then new ones as they come if `follow`. */
  read(options: FactReadOptions): AsyncIterable<readonly Fact[]>;
}

export interface FactReadOptions {
  since?: number;
  follow?: boolean;
  signal?: AbortSignal;
  /** Told once, when what was there at the start has been read. */
  onCaughtUp?: () => void;
}

/**
 * `caboose.events`, for whoever reads the transport rather than the index: closed events, keyed by stream, those of a stream in their order.
 * Caboose does not read it.
 */
export interface EventLog {
  /** Resolves when stored. Delivered at least once: readers drop the ids that they have. */
  append(events: readonly LogEvent[]): Promise<void>;
}

/** `caboose.incidents`: keyed by incident id; every state of an incident carries the leader's token. */
export interface IncidentLog {
  append(incidents: readonly IncidentDocument[]): Promise<void>;
}

/** What could not be taken in: kept with the reason, so that it can be looked at and replayed. */
export interface DeadLetter {
  /** What was refused: a record of the transport, a document of the index, a range that contradicts what is held. */
  kind: 'record' | 'document' | 'conflict' | 'late';
  reason: string;
  /** ms since epoch */
  time: number;
  run: string | null;
  stream: string | null;
  start: number | null;
  end: number | null;
  /** Of the followed file, where it is known. */
  path?: string;
  /** A refused record's key. */
  key?: string;
  /** The refused thing itself: headers of a record, body of a document. NaN and the infinities are kept. */
  headers?: Readonly<Record<string, string>>;
  document?: unknown;
  /** Base64 of a refused record's value. */
  value?: string;
}

/** Says that the letter with this id (core/dead-letters.ts) needs no more care. Kept in the same log, behind the letter. */
export interface LetterMark {
  kind: 'mark';
  letter: string;
  /** The letter's stream: by it both are in one partition, and so in order. */
  stream: string | null;
  /** - `replayed`: it was taken in. - `held`: what it speaks of was there already. */
  outcome: 'replayed' | 'held';
  /** ms since epoch */
  time: number;
}

export interface DeadLetterLog {
  append(letters: readonly DeadLetter[]): Promise<void>;
  /** Without any marks, only checks that some could be written: rejects as appending would. */
  mark(marks: readonly LetterMark[]): Promise<void>;
  /** All letters and marks up to today's end; those of one stream in the order in which they were written. */
  read(signal?: AbortSignal): AsyncIterable<DeadLetter | LetterMark>;
}

/** The state of a connection, for /readyz and metrics. */
export interface ConnectionState {
  name: 'kafka' | 'elasticsearch' | 'zookeeper' | 'local-transport' | 'local-index';
  connected: boolean;
  /** Why not, in words. */
  reason?: string;
}

/** What one partition holds, and how far the group of the indexers has come in it. Positions as in CarriedSegment. */
export interface PartitionReport extends LogName {
  lane: Lane;
  partition: number;
  /** Of the oldest record that is held: above 0 when retention has dropped some. Equal to `end` when none is held. */
  first: number;
  /** Behind the newest record. */
  end: number;
  /** Null where nothing is committed. */
  committed: number | null;
}

/** Everything that a transport offers; a command uses the parts that it needs. Connects on first use. */
export interface Transport {
  readonly publisher: Publisher;
  /** `sharing`: what this member brings to the sharing of partitions, where several share them. */
  subscriber(sharing?: Sharing): Subscriber;
  readonly scanner: SegmentScanner;
  /** Asked without being a member of the group: for audit. Rejects when the signal aborts first. */
  partitions(signal: AbortSignal): Promise<PartitionReport[]>;
  readonly facts: FactLog;
  /** Absent where it is switched off, or the transport has none. */
  readonly events?: EventLog | undefined;
  readonly incidents: IncidentLog;
  readonly deadLetters: DeadLetterLog;
  state(): ConnectionState;
  /** Tolerates a second call. */
  close(): Promise<void>;
}
