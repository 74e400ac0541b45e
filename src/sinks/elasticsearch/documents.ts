/** Our items as documents of Elasticsearch, and back. The mapping of each is in templates.ts. */
import type { estypes } from '@elastic/elasticsearch';
import type { AuditScope, IndexItem, SearchHit, StoredPoint, StoredRange } from '../../core/event-index.ts';
import { versionOf } from '../../core/event.ts';
import type { LogEvent } from '../../core/event.ts';
import { numberToJson } from '../../core/fact.ts';
import type { PointFact } from '../../core/fact.ts';
import type { IncidentDocument } from '../../core/incident.ts';
import { digitsOf } from '../../core/series/precision.ts';
import { deviceOf, isResource, resourcesKind } from '../../core/resources.ts';
import type { StreamDocument, StreamSummary } from '../../core/stream-document.ts';
import { streamVersion } from '../../core/stream-document.ts';
import type { PointEntry, PointsDocument } from '../documents.ts';
import {
  dayOf,
  monthOf,
  pointEntries,
  pointsDocuments,
  storedPoints,
  streamFromJson,
  streamToJson,
  validTime,
} from '../documents.ts';
import type { BulkAction } from './bulk.ts';
import { flattenFields } from './flatten.ts';
import { mappedMetricsMax } from './templates.ts';

/** Which metric names this process maps to fields of their own: the first that it meets. */
export type MappedMetrics = Set<string>;

export function itemActions(item: IndexItem, prefix: string, mapped: MappedMetrics): BulkAction[] {
  switch (item.kind) {
    case 'event':
      return [eventAction(item.event, item.indexPrefix ?? prefix)];
    case 'points':
      return pointsDocuments(item.points).map((document) =>
        pointsAction(document, item.indexPrefix ?? prefix, mapped),
      );
    case 'stream':
      return [streamAction(item.document, prefix)];
  }
}

function eventAction(event: LogEvent, prefix: string): BulkAction {
  const { origin, time, observed, start, end, fields } = event;
  return indexAction(`${prefix}-logs-${dayOf(observed)}`, event.id, versionOf(event), {
    '@timestamp': timestamp(time),
    message: event.message.toWellFormed(),
    run: { id: origin.run, attempt: origin.attempt },
    ...(event.rank !== null && { rank: event.rank }),
    log: {
      ...(event.level && { level: event.level }),
      ...(event.logger !== undefined && { logger: event.logger }),
      ...(event.iostream !== undefined && { iostream: event.iostream }),
      offset: start,
      file: { path: origin.path },
    },
    host: { name: origin.host },
    agent: { id: origin.source },
    event: { created: Math.round(validTime(observed)), hash: event.sum },
    ...(Object.keys(origin.labels).length > 0 && { labels: flattenFields(origin.labels) }),
    ...(fields && { fields: flattenFields(fields) }),
    caboose: {
      stream: event.stream,
      kind: event.kind,
      end,
      ...(event.part > 0 && { part: event.part }),
      ...(event.open && { open: true }),
      time_source: event.timeSource,
    },
  });
}

function pointsAction(
  { id, version, end, points }: PointsDocument,
  prefix: string,
  mapped: MappedMetrics,
): BulkAction {
  const [first] = points;
  const metric: Record<string, number> = {};
  const text: [string, string][] = [];
  const overflow: [string, string][] = [];
  for (const { name, canonical, value } of points) {
    // The first that claims a canonical name has it, the others of this step keep their own.
    const field = canonical !== null && !(canonical in metric) ? canonical : name;
    if (!Number.isFinite(value)) text.push([field, String(numberToJson(value))]);
    else if (isMapped(field, mapped)) metric[field] = value;
    else overflow.push([field, String(value)]);
  }
  const device = deviceOf(first);
  const names = new Set(points.flatMap(({ name, canonical }) => [name, canonical ?? name]));
  return indexAction(`${prefix}-metrics-${monthOf(first.observed)}`, id, version, {
    '@timestamp': timestamp(first.time),
    run: { id: first.run, attempt: first.attempt },
    ...(first.rank !== null && { rank: first.rank }),
    ...(first.host !== undefined && { host: { name: first.host } }),
    ...(first.step !== null && Number.isFinite(first.step) && { step: first.step }),
    metric,
    ...(text.length > 0 && { metric_text: flattenFields(Object.fromEntries(text)) }),
    ...(overflow.length > 0 && { metric_overflow: flattenFields(Object.fromEntries(overflow)) }),
    metric_names: [...names],
    ...(device !== null && { device }),
    log: { offset: first.start, file: { path: first.path } },
    event: { created: Math.round(validTime(first.observed)) },
    caboose: {
      stream: first.stream,
      event: first.event,
      end,
      ...(isResource(first) && { kind: resourcesKind }),
    },
    ...(!isResource(first) && { point: standingFields(points) }),
    points: pointEntries(points),
  });
}

const digitsMax = 40;
const restartsMax = 9_999;

/**
 * A document knows nothing of the others that tell its step, so who asks decides: of a rank, a metric and a step the document with the greatest
 * weight counts. The weight grows with the attempt, then the restart, then the digits; of equal ones a file's is greater.
 */
function standingFields(points: readonly [PointFact, ...PointFact[]]): Record<string, unknown> {
  const [{ attempt, restart = 0 }] = points;
  const digits = Math.min(digitsMax, Math.max(...points.map(digitsOf)));
  const isPrinted = points.some(({ decimals }) => decimals !== undefined);
  const precision = digits * 2 + Number(!isPrinted);
  return {
    source: isPrinted ? 'console' : 'file',
    digits,
    ...(restart > 0 && { restart }),
    weight: (attempt * (restartsMax + 1) + Math.min(restartsMax, restart)) * 100 + precision,
  };
}

/** Elasticsearch refuses some names, and ever more fields; such metrics are stored and searchable, but not fields. */
function isMapped(name: string, mapped: MappedMetrics): boolean {
  if (mapped.has(name)) return true;
  const isPlain = /^[A-Za-z0-9_][\w ./@-]{0,127}$/.test(name) && !/\.\.|\.$|\. | \.| $/.test(name);
  if (!isPlain || name === '__proto__' || mapped.size >= mappedMetricsMax) return false;
  mapped.add(name);
  return true;
}

function streamAction(document: StreamDocument, prefix: string): BulkAction {
  const { stream, origin, end, events, observed, final, gaps } = document;
  return indexAction(`${prefix}-streams`, stream, streamVersion(document), {
    '@timestamp': timestamp(observed),
    run: { id: origin.run, attempt: origin.attempt },
    ...(origin.rank !== null && { rank: origin.rank }),
    host: { name: origin.host },
    agent: { id: origin.source },
    log: { file: { path: origin.path } },
    caboose: { stream, end, events, final, open: document.open !== null, gaps: gaps.length },
    document: streamToJson(document),
  });
}

export function incidentSource(incident: IncidentDocument): Record<string, unknown> {
  return {
    '@timestamp': timestamp(incident.opened),
    run: { id: incident.run, attempt: incident.attempt },
    ...(incident.rank !== null && { rank: incident.rank }),
    message: incident.message.toWellFormed(),
    incident: {
      class: incident.class,
      role: incident.role,
      opened: Math.round(validTime(incident.opened)),
      ...(incident.resolved !== null && { resolved: Math.round(validTime(incident.resolved)) }),
      token: incident.token,
    },
    document: incident,
  };
}

function indexAction(
  index: string,
  id: string,
  version: number,
  source: Record<string, unknown>,
): BulkAction {
  const header = JSON.stringify({ index: { _index: index, _id: id, version, version_type: 'external_gte' } });
  const body = JSON.stringify(source);
  return { index, lines: [header, body], bytes: Buffer.byteLength(header) + Buffer.byteLength(body) + 2 };
}

export function deleteAction(index: string, id: string, version: number): BulkAction {
  const header = JSON.stringify({
    delete: { _index: index, _id: id, version, version_type: 'external_gte' },
  });
  return { index, lines: [header], bytes: Buffer.byteLength(header) + 1 };
}

/** ISO 8601 with as many digits as the time has, to the microsecond. */
export function timestamp(time: number): string {
  const valid = validTime(time);
  const ms = Math.floor(valid);
  const micros = Math.min(999, Math.round((valid - ms) * 1000));
  const second = Math.floor(ms / 1000);
  if (second !== lastSecond) {
    lastSecond = second;
    lastIso = new Date(second * 1000).toISOString().slice(0, -'000Z'.length);
  }
  const fraction = String(ms - second * 1000).padStart(3, '0');
  return micros === 0 ? `${lastIso}${fraction}Z` : `${lastIso}${fraction}${String(micros).padStart(3, '0')}Z`;
}
/** Neighbouring documents are of the same second. */
let lastSecond = NaN;
let lastIso = '';

function timeOf(timestamp: string): number {
  const [seconds = '', fraction = ''] = timestamp.replace('Z', '').split('.');
  return validTime(
    Date.parse(`${seconds}.${fraction.slice(0, 3).padEnd(3, '0')}Z`) + Number(`0.${fraction.slice(3)}`),
  );
}

interface EventSource {
  '@timestamp': string;
  message: string;
  run: { id: string; attempt: number };
  rank?: number;
  log: { level?: string; offset: number; file: { path: string } };
  host: { name: string };
  event: { hash: string };
  caboose: { stream: string; kind: string; end: number };
}

export function toSearchHit(id: string, source: unknown): SearchHit {
  const { '@timestamp': time, message, run, rank, log, host, caboose } = source as EventSource;
  return {
    id,
    time: timeOf(time),
    run: run.id,
    attempt: run.attempt,
    rank: rank ?? null,
    host: host.name,
    path: log.file.path,
    stream: caboose.stream,
    start: log.offset,
    end: caboose.end,
    level: log.level ?? null,
    kind: caboose.kind,
    message,
  };
}

/** What toStoredRange needs of a document. */
export const rangeFields = ['log.offset', 'caboose.end', 'event.hash'];

export function toStoredRange(id: string, source: unknown): StoredRange {
  const { log, caboose, event } = source as EventSource;
  return { id, start: log.offset, end: caboose.end, sum: event.hash };
}

/** What toStoredPoints needs of a document. */
export const pointFields = ['@timestamp', 'run', 'rank', 'host.name', 'step', 'log.file.path', 'points'];

interface PointsSource {
  '@timestamp': string;
  run: { id: string; attempt: number };
  rank?: number;
  host?: { name: string };
  step?: number;
  log: { file: { path: string } };
  points: PointEntry[];
}

export function toStoredPoints(source: unknown, name: string | undefined): StoredPoint[] {
  const { '@timestamp': time, run, rank, host, step, log, points } = source as PointsSource;
  const common = {
    run: run.id,
    attempt: run.attempt,
    rank: rank ?? null,
    host: host?.name ?? '',
    path: log.file.path,
    step: step ?? null,
    time: timeOf(time),
  };
  return storedPoints(common, points, name);
}

/** The streams of an audit: a run's, else a source's. Events and stream documents carry both. */
export function scopeQuery({ run, source }: AuditScope): estypes.QueryDslQueryContainer {
  if (run !== undefined) return { term: { 'run.id': run } };
  return source === undefined ? { match_all: {} } : { term: { 'agent.id': source } };
}

/** What toStreamSummary needs of a document: all but what is unbounded. */
export const auditFields = [
  'caboose.open',
  ...[
    'stream',
    'origin',
    'lane',
    'partition',
    'topicPrefix',
    'created',
    'begun',
    'observed',
    'end',
    'closedEnd',
    'events',
    'final',
    'snapshot',
    'gaps',
  ].map((field) => `document.${field}`),
];

export function toStreamSummary(source: unknown): StreamSummary {
  const { document, caboose } = source as {
    document: Omit<StreamSummary, 'hasOpen'>;
    caboose: { open: boolean };
  };
  return { ...document, hasOpen: caboose.open };
}

export function toStreamDocument(source: unknown): StreamDocument {
  return streamFromJson((source as { document: Record<string, unknown> }).document);
}
