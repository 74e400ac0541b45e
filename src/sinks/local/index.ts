/**
 * The embedded store: an EventIndex in one SQLite file, for `caboose up` and for tests without servers.
 *
 * States: unopened → writing (after `prepare` or the first `write`), or unopened → reading (a process that only
 * asks, also while another writes) → closed. Failure rule: a write is one transaction, or several when it is long, in order, so
 * that a stream document is stored with the events that it speaks of, or after them; a full disk, a lock or a failing disk is waited
 * out; a damaged file is an error for the operator. docs/adr/0001-embedded-store.md says why SQLite, and what was measured.
 */
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../../core/clock.ts';
import { CabooseError, errorText } from '../../core/errors.ts';
import type {
  AuditScope,
  EventIndex,
  IndexItem,
  ItemResult,
  PointsQuery,
  RunSummary,
  SearchHit,
  StoredPoint,
  StoredRange,
  StreamFilter,
} from '../../core/event-index.ts';
import type { PointFact } from '../../core/fact.ts';
import type { IncidentDocument } from '../../core/incident.ts';
import type { Logger } from '../../core/logger.ts';
import { isResource, resourcesKind } from '../../core/resources.ts';
import { retry } from '../../core/retry.ts';
import type { SearchQuery } from '../../core/search-query.ts';
import type { StreamDocument, StreamSummary } from '../../core/stream-document.ts';
import { streamVersion } from '../../core/stream-document.ts';
import type { ConnectionState } from '../../core/transport.ts';
import type { PointEntry } from '../documents.ts';
import {
  isExpired,
  monthOf,
  newestPoints,
  pointEntries,
  pointsDocuments,
  startOfDay,
  storedPoints,
  streamFromJson,
  streamToJson,
  summarizeRuns,
  validTime,
} from '../documents.ts';
import { databaseFileName, openForReading, openForWriting, told } from './database.ts';
import { DayTables, dayNames, idFromBlob } from './days.ts';
import { Origins } from './origins.ts';
import { searchEvents } from './search.ts';

export interface LocalIndexOptions {
  /** The directory of the store; made if it is not there. */
  dir: string;
  clock: Clock;
  logger: Logger;
  /** When the file is larger after `applyRetention`, the oldest days go too. Default: no bound. */
  bytesMax?: number;
}

const retryBackoff = { initialMs: 100, maxMs: 5_000 };
const pageRows = 500;
/** About ten milliseconds' worth. */
const transactionItemsMax = 500;
/** Rows that are small: so many are in memory at once. */
const rangePageRows = 5_000;
const summaryPageRows = 2_000;
/** Of each origin: what a stream states often is among them. */
const latestRows = 100;

export function createLocalIndex(options: LocalIndexOptions): EventIndex {
  return new LocalIndex(options);
}

interface Writer {
  db: DatabaseSync;
  days: DayTables;
  origins: Origins;
}

class LocalIndex implements EventIndex {
  readonly refreshIntervalMs = 0;
  readonly #options: LocalIndexOptions;
  readonly #file: string;
  #writer: Writer | undefined;
  #reader: DatabaseSync | undefined;
  #closed = false;
  #failure: string | undefined;

  constructor(options: LocalIndexOptions) {
    this.#options = options;
    this.#file = path.join(options.dir, databaseFileName);
  }

  async prepare(signal?: AbortSignal): Promise<void> {
    await this.#retried(() => this.#openWriter(), signal);
  }

  async write(items: readonly IndexItem[], signal: AbortSignal): Promise<ItemResult[]> {
    signal.throwIfAborted();
    const results: ItemResult[] = [];
    // A transaction holds the event loop up; between two of them whoever waits has a turn.
    for (let from = 0; from < items.length; from += transactionItemsMax) {
      if (from > 0) await nextTurn();
      const some = items.slice(from, from + transactionItemsMax);
      const work = (writer: Writer): ItemResult[] => some.map((item) => put(writer, item));
      results.push(...(await this.#retried(() => this.#transaction(work), signal)));
    }
    return results;
  }

  async loadStreams(ids: readonly string[]): Promise<Map<string, StreamDocument>> {
    const streams = new Map<string, StreamDocument>();
    const find = this.#read()?.prepare('SELECT document FROM streams WHERE stream = ?');
    for (const id of ids) {
      const row = find?.get(id);
      if (row) streams.set(id, parseStream(row['document']));
    }
    return streams;
  }

  async search(query: SearchQuery): Promise<SearchHit[]> {
    const db = this.#read();
    return db ? await this.#told(() => searchEvents(db, query)) : [];
  }

  async points(run: string, { name, limit = 10_000, resources = false }: PointsQuery = {}) {
    const found: StoredPoint[] = [];
    const order = resources ? 'p.time DESC, p.no DESC' : 'p.step IS NULL, p.step, p.time, p.no';
    const rows =
      this.#read()
        ?.prepare(
          `SELECT p.step, p.time, p.entries, o.attempt, o.rank, o.host, o.path
           FROM points AS p JOIN origins AS o ON o.no = p.origin
           WHERE o.run = ? AND o.kind = ? AND (? IS NULL OR instr(p.entries, ?)) ORDER BY ${order}`,
        )
        .iterate(
          run,
          resources ? resourcesKind : '',
          name ?? null,
          name === undefined ? '' : JSON.stringify(name),
        ) ?? [];
    for (const row of rows) {
      found.push(...pointsOfRow(run, row, name));
      if (found.length >= limit) break;
    }
    const most = found.slice(0, limit);
    return resources ? most.reverse() : most;
  }

  async latestPoints(run: string, canonicalNames: readonly string[]): Promise<StoredPoint[]> {
    const database = this.#read();
    const origins = database
      ?.prepare('SELECT no, attempt, rank, host, path FROM origins WHERE run = ?')
      .all(run);
    // Each origin's newest rows by its own index: of a long run nobody waits for a sort of all points.
    const rows = database?.prepare(
      `SELECT step, time, entries FROM points WHERE origin = ? ORDER BY no DESC LIMIT ${latestRows}`,
    );
    const found: StoredPoint[] = [];
    for (const origin of origins ?? []) {
      for (const row of rows?.iterate(origin['no'] ?? null) ?? [])
        found.push(...pointsOfRow(run, { ...origin, ...row }));
    }
    return newestPoints(found, canonicalNames);
  }

  async runs(): Promise<RunSummary[]> {
    return await summarizeRuns(this.streams());
  }

  async *streams(filter: StreamFilter = {}): AsyncIterable<StreamDocument> {
    const { run = null, openSince = null } = filter;
    const page = this.#read()?.prepare(
      `SELECT stream, document FROM streams
       WHERE stream > ? AND (? IS NULL OR run = ?) AND (? IS NULL OR open_observed >= ?)
       ORDER BY stream LIMIT ${pageRows}`,
    );
    if (!page) return;
    for (let last = ''; ;) {
      const rows = page.all(last, run, run, openSince, openSince);
      for (const row of rows) yield parseStream(row['document']);
      if (rows.length < pageRows) return;
      last = String(rows.at(-1)?.['stream']);
    }
  }

  async refresh(): Promise<void> {
    // What is committed is visible.
  }

  async *streamSummaries(scope: AuditScope): AsyncIterable<StreamSummary> {
    const run = scope.run ?? null;
    const source = run === null ? (scope.source ?? null) : null;
    const page = this.#read()?.prepare(
      `SELECT stream, json_remove(document, '$.open', '$.recent', '$.context') AS summary,
         open_observed IS NOT NULL AS open
       FROM streams WHERE stream > ? AND (? IS NULL OR run = ?)
         AND (? IS NULL OR json_extract(document, '$.origin.source') = ?)
       ORDER BY stream LIMIT ${summaryPageRows}`,
    );
    if (!page) return;
    for (let last = ''; ;) {
      const rows = page.all(last, run, run, source, source);
      for (const { summary, open } of rows) {
        yield { ...(JSON.parse(String(summary)) as Omit<StreamSummary, 'hasOpen'>), hasOpen: open === 1 };
      }
      if (rows.length < summaryPageRows) return;
      last = String(rows.at(-1)?.['stream']);
    }
  }

  async *eventTotals(scope: AuditScope): AsyncIterable<{ stream: string; events: number }> {
    const run = scope.run ?? null;
    const db = this.#read();
    const totals = new Map<string, number>();
    // The store knows no source of an event: all count, which is more than is asked for.
    for (const day of db ? dayNames(db) : []) {
      const rows = db?.prepare(
        `SELECT o.stream, e.n FROM (SELECT origin, count(*) AS n FROM "logs_${day}" GROUP BY origin) AS e
         JOIN origins AS o ON o.no = e.origin WHERE ? IS NULL OR o.run = ?`,
      );
      for (const { stream, n } of rows?.iterate(run, run) ?? []) {
        totals.set(String(stream), (totals.get(String(stream)) ?? 0) + Number(n));
      }
    }
    for (const [stream, events] of totals) yield { stream, events };
  }

  async eventCounts(streams: readonly string[] | ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const bounds = boundsOf(streams);
    const counts = new Map<string, number>(bounds.map(([stream]) => [stream, 0]));
    const db = this.#read();
    for (const day of db ? dayNames(db) : []) {
      const rows = db?.prepare(
        `SELECT o.stream, count(*) AS n FROM json_each(?) AS b
         JOIN origins AS o ON o.stream = b.value ->> 0
         JOIN "logs_${day}" AS e ON e.origin = o.no AND (b.value ->> 1 IS NULL OR e.start < b.value ->> 1)
         GROUP BY o.stream`,
      );
      for (const { stream, n } of rows?.iterate(JSON.stringify(bounds)) ?? []) {
        counts.set(String(stream), (counts.get(String(stream)) ?? 0) + Number(n));
      }
    }
    return counts;
  }

  async *storedRanges({ run }: AuditScope): AsyncIterable<StoredRange & { stream: string }> {
    const db = this.#read();
    for (const day of db ? dayNames(db) : []) {
      const page = db?.prepare(
        `SELECT e.no, e.id, e.start, e.end, e.sum, o.stream, o.run FROM "logs_${day}" AS e
         JOIN origins AS o ON o.no = e.origin WHERE e.no > ? ORDER BY e.no LIMIT ${rangePageRows}`,
      );
      for (let last = -1; ;) {
        const rows = page?.all(last) ?? [];
        for (const row of rows) {
          if (run === undefined || row['run'] === run)
            yield { ...rangeOf(row), stream: String(row['stream']) };
        }
        if (rows.length < rangePageRows) break;
        last = Number(rows.at(-1)?.['no']);
      }
    }
  }

  async *ranges(stream: string, within?: { start: number; end: number }): AsyncIterable<StoredRange> {
    const db = this.#read();
    if (!db) return;
    const { start: from = -1, end: to = Number.MAX_SAFE_INTEGER } = within ?? {};
    // `observed` never runs backwards in a stream, so its events are in order from day to day.
    for (const day of dayNames(db)) {
      const page = db.prepare(
        `SELECT e.no, e.id, e.start, e.end, e.sum FROM "logs_${day}" AS e
         WHERE e.origin IN (SELECT no FROM origins WHERE stream = ?) AND (e.start, e.no) > (?, ?)
           AND e.start < ? AND e.end > ?
         ORDER BY e.start, e.no LIMIT ${pageRows}`,
      );
      for (let last = [-1, -1]; ;) {
        const rows = page.all(stream, ...last, to, from);
        for (const row of rows) yield rangeOf(row);
        if (rows.length < pageRows) break;
        last = [Number(rows.at(-1)?.['start']), Number(rows.at(-1)?.['no'])];
      }
    }
  }

  async heldSince(): Promise<number | null> {
    const db = this.#read();
    const [oldest] = db ? dayNames(db) : [];
    return oldest === undefined ? null : startOfDay(oldest);
  }

  async writeIncident(incident: IncidentDocument): Promise<'stored' | 'stale'> {
    const { id, run, token, opened } = incident;
    return await this.#retried(() =>
      this.#transaction(({ db }) => {
        const { changes } = db
          .prepare(
            `INSERT INTO incidents (id, run, token, opened, document) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET run = excluded.run, token = excluded.token, opened = excluded.opened,
             document = excluded.document WHERE excluded.token >= token`,
          )
          .run(id, run, token, opened, JSON.stringify(incident));
        return Number(changes) === 1 ? 'stored' : 'stale';
      }),
    );
  }

  async incidents(run?: string): Promise<IncidentDocument[]> {
    const rows = this.#read()
      ?.prepare('SELECT document FROM incidents WHERE ? IS NULL OR run = ? ORDER BY opened, id')
      .all(run ?? null, run ?? null);
    return (rows ?? []).map((row) => JSON.parse(String(row['document'])) as IncidentDocument);
  }

  async deleteRun(run: string): Promise<number> {
    return await this.#retried(() =>
      this.#transaction(({ db, days, origins }) => {
        const ofRun = 'origin IN (SELECT no FROM origins WHERE run = ?)';
        let deleted = 0;
        for (const day of days.days()) {
          deleted += Number(db.prepare(`DELETE FROM "logs_${day}" WHERE ${ofRun}`).run(run).changes);
        }
        deleted += Number(db.prepare(`DELETE FROM points WHERE ${ofRun}`).run(run).changes);
        deleted += Number(db.prepare('DELETE FROM streams WHERE run = ?').run(run).changes);
        db.prepare('DELETE FROM origins WHERE run = ?').run(run);
        origins.forget();
        return deleted;
      }),
    );
  }

  async applyRetention({ logsDays, metricsDays }: { logsDays: number; metricsDays: number }, now: number) {
    return await this.#retried(() => {
      const writer = this.#openWriter();
      const { days } = writer;
      const deleted = this.#transaction(() => {
        const expired = days.days().filter((day) => isExpired(day, logsDays, now));
        for (const day of expired) days.drop(day);
        return [...expired.map((day) => `logs-${day}`), ...dropMonths(writer.db, metricsDays, now)];
      });
      while (this.#isTooLarge(writer.db)) {
        const [oldest, ...newer] = days.days();
        // The day that is being written stays.
        if (oldest === undefined || newer.length === 0) break;
        this.#transaction(() => days.drop(oldest));
        deleted.push(`logs-${oldest}`);
      }
      if (deleted.length > 0) writer.db.exec('PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(PASSIVE)');
      return deleted;
    });
  }

  state(): ConnectionState {
    const connected = this.#writer !== undefined && this.#failure === undefined;
    const reason = this.#failure ?? (this.#closed ? 'closed' : 'not opened');
    return connected ? { name: 'local-index', connected } : { name: 'local-index', connected, reason };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#writer?.db.close();
    this.#reader?.close();
    this.#writer = undefined;
    this.#reader = undefined;
  }

  #openWriter(): Writer {
    if (this.#closed) throw new CabooseError('INDEX_CLOSED', `the index ${this.#file} is closed`);
    if (!this.#writer) {
      const db = openForWriting(this.#options.dir);
      this.#writer = { db, days: new DayTables(db), origins: new Origins(db) };
    }
    return this.#writer;
  }

  /** null: nothing has been stored yet. */
  #read(): DatabaseSync | null {
    if (this.#closed) throw new CabooseError('INDEX_CLOSED', `the index ${this.#file} is closed`);
    if (this.#writer) return this.#writer.db;
    this.#reader ??= openForReading(this.#options.dir) ?? undefined;
    return this.#reader ?? null;
  }

  #transaction<T>(work: (writer: Writer) => T): T {
    const writer = this.#openWriter();
    writer.db.exec('BEGIN IMMEDIATE');
    try {
      const result = work(writer);
      writer.days.finish();
      writer.db.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite has rolled back by itself after some errors (disk full, I/O).
      if (writer.db.isTransaction) writer.db.exec('ROLLBACK');
      writer.days.forget();
      writer.origins.forget();
      throw error;
    }
  }

  async #retried<T>(work: () => T, signal?: AbortSignal): Promise<T> {
    try {
      const result = await retry(async () => await this.#told(async () => work()), {
        ...retryBackoff,
        clock: this.#options.clock,
        ...(signal && { signal }),
        retriable: (error) => error instanceof CabooseError && error.retriable,
        onFailure: (error) => this.#tellFailure(error),
      });
      this.#failure = undefined;
      return result;
    } catch (error) {
      if (!signal?.aborted) this.#failure = errorText(error);
      signal?.throwIfAborted();
      throw error;
    }
  }

  #tellFailure(error: unknown): void {
    const text = errorText(error);
    if (this.#failure === undefined) {
      const hint = error instanceof CabooseError ? error.hint : undefined;
      this.#options.logger.error(
        { file: this.#file, error: text, hint },
        'The index cannot be written; trying again.',
      );
    }
    this.#failure = text;
  }

  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw told(error, this.#file);
    }
  }

  #isTooLarge(db: DatabaseSync): boolean {
    if (this.#options.bytesMax === undefined) return false;
    const value = (name: string) => Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
    return (value('page_count') - value('freelist_count')) * value('page_size') > this.#options.bytesMax;
  }
}

function put({ db, days, origins }: Writer, item: IndexItem): ItemResult {
  switch (item.kind) {
    case 'event':
      days.put(item.event, origins.numberOf({ ...item.event.origin, stream: item.event.stream, kind: '' }));
      break;
    case 'points':
      putPoints(db, origins, item.points);
      break;
    case 'stream':
      putStream(db, item.document);
      break;
  }
  return { status: 'stored' };
}

function putPoints(db: DatabaseSync, origins: Origins, points: readonly PointFact[]): void {
  for (const document of pointsDocuments(points)) {
    const [first] = document.points;
    const { stream, run, attempt, rank, host = '', path, step, time, observed } = first;
    const kind = isResource(first) ? resourcesKind : '';
    db.prepare(
      `INSERT INTO points (id, origin, step, time, month, version, entries) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET origin = excluded.origin, step = excluded.step, time = excluded.time,
       month = excluded.month, version = excluded.version, entries = excluded.entries
       WHERE excluded.version >= version`,
    ).run(
      document.id,
      origins.numberOf({ stream, run, attempt, rank, host, path, kind }),
      step !== null && Number.isFinite(step) ? step : null,
      validTime(time),
      monthOf(observed),
      document.version,
      JSON.stringify(pointEntries(document.points)),
    );
  }
}

function putStream(db: DatabaseSync, document: StreamDocument): void {
  db.prepare(
    `INSERT INTO streams (stream, run, version, open_observed, document) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (stream) DO UPDATE SET run = excluded.run, version = excluded.version,
       open_observed = excluded.open_observed, document = excluded.document
     WHERE excluded.version >= version`,
  ).run(
    document.stream,
    document.origin.run,
    streamVersion(document),
    document.open ? document.observed : null,
    JSON.stringify(streamToJson(document)),
  );
}

function dropMonths(db: DatabaseSync, metricsDays: number, now: number): string[] {
  const months = db.prepare('SELECT DISTINCT month FROM points ORDER BY month').all();
  const expired = months
    .map((row) => String(row['month']))
    .filter((month) => isExpired(month, metricsDays, now));
  for (const month of expired) db.prepare('DELETE FROM points WHERE month = ?').run(month);
  return expired.map((month) => `metrics-${month}`);
}

function pointsOfRow(run: string, row: Record<string, unknown>, name?: string): StoredPoint[] {
  const { step, time, entries, attempt, rank, host, path } = row;
  const common = {
    run,
    attempt: Number(attempt),
    rank: rank === null ? null : Number(rank),
    host: String(host),
    path: String(path),
    step: step === null ? null : Number(step),
    time: Number(time),
  };
  return storedPoints(common, JSON.parse(String(entries)) as PointEntry[], name);
}

function parseStream(document: unknown): StreamDocument {
  return streamFromJson(JSON.parse(String(document)) as Record<string, unknown>);
}

function boundsOf(streams: readonly string[] | ReadonlyMap<string, number>): [string, number | null][] {
  return Array.isArray(streams)
    ? streams.map((stream) => [stream, null])
    : [...(streams as ReadonlyMap<string, number>)];
}

function rangeOf({ id, start, end, sum }: Record<string, unknown>): StoredRange {
  return { id: idFromBlob(id), start: Number(start), end: Number(end), sum: sumText(sum) };
}

function sumText(sum: unknown): string {
  return Number(sum).toString(16).padStart(8, '0');
}
