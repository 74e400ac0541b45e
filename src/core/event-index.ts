/**
 * The contract of an index: it stores events, points and stream documents so that writing the same again changes
 * nothing, and answers questions. Two implementations, sinks/elasticsearch and sinks/local, pass one suite
 * (test/contract/event-index.suite.ts).
 */
import type { LogEvent } from './event.ts';
import type { PointFact } from './fact.ts';
import type { IncidentDocument } from './incident.ts';
import type { SearchQuery } from './search-query.ts';
import type { StreamDocument, StreamProgress, StreamSummary } from './stream-document.ts';
import type { ConnectionState } from './transport.ts';

/** Stored under `id` with a version; an older version never replaces a newer one. */
export type IndexItem =
  | ({ kind: 'event'; event: LogEvent } & Routed)
  /** The points of one event; stored as one document per (event, step). */
  | ({ kind: 'points'; points: readonly PointFact[] } & Routed)
  | { kind: 'stream'; document: StreamDocument };

interface Routed {
  /** In indices of this prefix, where the index has such; absent: its own. Of a stream always the same. */
  indexPrefix?: string;
}

export type ItemResult =
  /** It, or something as new, is there. */
  | { status: 'stored' }
  /** The index will never take this one; the reason is its own. It goes to the dead letters. */
  | { status: 'rejected'; reason: string };

/** A hit, in the shape that `search --json` prints. */
export interface SearchHit {
  id: string;
  /** ms since epoch */
  time: number;
  run: string;
  attempt: number;
  rank: number | null;
  host: string;
  path: string;
  stream: string;
  start: number;
  end: number;
  level: string | null;
  kind: string;
  message: string;
}

export interface StoredPoint {
  run: string;
  attempt: number;
  rank: number | null;
  /** Empty if it was stored before points had one. */
  host: string;
  path: string;
  step: number | null;
  name: string;
  canonical: string | null;
  value: number;
  /** ms since epoch */
  time: number;
  /** As in core/fact.ts. */
  decimals?: number;
  restart?: number;
}

export interface RunSummary {
  run: string;
  /** The highest attempt seen. */
  attempt: number;
  ranks: number[];
  hosts: string[];
  streams: number;
  bytes: number;
  events: number;
  /** ms since epoch: first `created` and last `observed` over its streams. */
  first: number;
  last: number;
  /** Bytes that could not be had. */
  gapBytes: number;
  /** How far the last attempt says that it is; absent where none of its streams does. */
  progress?: RunProgress;
}

export type RunProgress = Omit<StreamProgress, 'from'>;

/** A stored event as the audit sees it. */
export interface StoredRange {
  id: string;
  start: number;
  end: number;
  sum: string;
}

/** Which streams an audit is about: of a run, else of a source; of all if it names neither. */
export interface AuditScope {
  run?: string | undefined;
  source?: string | undefined;
}

export interface StreamFilter {
  run?: string | undefined;
  /** Only those with an open event that were last observed at or after this time (ms since epoch). */
  openSince?: number;
}

export interface PointsQuery {
  /** Raw or canonical; absent: all. */
  name?: string;
  /** Default 10,000. */
  limit?: number;
  /** The measures of the run's resources, the newest ones, by time; else the points of its training, by step, then time. */
  resources?: boolean;
}

export interface WriteOptions {
  /** Somebody waits to find these: shown sooner than the rest, where that costs something at all. */
  soon?: boolean;
}

export interface EventIndex {
  /** Makes the index ready to be written (templates, tables). Waits out an outage until the signal aborts. */
  prepare(signal?: AbortSignal): Promise<void>;
  /**
   * One result per item, in order. Retries what can be retried until it is stored, rejected for good, or the signal
   * aborts (then it rejects with the signal's reason).
   */
  write(items: readonly IndexItem[], signal: AbortSignal, options?: WriteOptions): Promise<ItemResult[]>;
  loadStreams(ids: readonly string[], signal: AbortSignal): Promise<Map<string, StreamDocument>>;
  /** Hits by time, then log offset; newest first unless `order` says so. */
  search(query: SearchQuery): Promise<SearchHit[]>;
  /** At most `limit` points of a run, of its training or its resources. */
  points(run: string, options?: PointsQuery): Promise<StoredPoint[]>;
  /**
   * The newest point of each rank and raw name, of its training and its resources, among those that have one of these canonical names, in any
   * order. What a stream has not stated lately may be left out: it is asked every other second.
   */
  latestPoints(run: string, canonicalNames: readonly string[]): Promise<StoredPoint[]>;
  runs(): Promise<RunSummary[]>;
  /** All stream documents, or those of the filter. */
  streams(filter?: StreamFilter): AsyncIterable<StreamDocument>;
  /** Makes all that is stored by now visible to what follows; searching is behind writing, in an index that refreshes. */
  refresh(): Promise<void>;
  /** Stream documents without what is unbounded in them, many a request: a hundred thousand must take seconds. */
  streamSummaries(scope: AuditScope): AsyncIterable<StreamSummary>;
  /** How many events are stored, by stream: at least of the streams in the scope that have any, many a request. */
  eventTotals(scope: AuditScope): AsyncIterable<{ stream: string; events: number }>;
  /** How many events are stored of these streams; of a map, only those that start before the stream's offset. */
  eventCounts(streams: readonly string[] | ReadonlyMap<string, number>): Promise<Map<string, number>>;
  /** All stored events of the scope, at least, in any order: what `audit --deep` compares first. */
  storedRanges(scope: AuditScope): AsyncIterable<StoredRange & { stream: string }>;
  /** Stored events of one stream by start: all, or those that touch [start, end). */
  ranges(stream: string, within?: { start: number; end: number }): AsyncIterable<StoredRange>;
  /** ms since epoch: the beginning of the oldest day of which events are held; null when there is none. */
  heldSince(): Promise<number | null>;
  /**
   * Stores an incident with version = token: the answer is 'stale' when a newer leader has written it already, and then
   * nothing changed.
   */
  writeIncident(incident: IncidentDocument): Promise<'stored' | 'stale'>;
  incidents(run?: string): Promise<IncidentDocument[]>;
  /** Deletes events, points and stream documents of a run so that they can be written again at once. Returns how many. */
  deleteRun(run: string): Promise<number>;
  /** Deletes dated indices (or rows) older than that many days. Idempotent. Returns what was deleted, by name. */
  applyRetention(policy: { logsDays: number; metricsDays: number }, now: number): Promise<string[]>;
  /** Longest time from a stored write to its being searchable, ms. */
  readonly refreshIntervalMs: number;
  state(): ConnectionState;
  close(): Promise<void>;
}
