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
import type { IncidentDocument } from '../../core/incident.ts';
import type { Logger } from '../../core/logger.ts';
import { resourcesKind } from '../../core/resources.ts';
import { retry } from '../../core/retry.ts';
import type { SearchQuery } from '../../core/search-query.ts';
import type { StreamDocument, StreamSummary } from '../../core/stream-document.ts';
import type { ConnectionState } from '../../core/transport.ts';
import type { PointEntry } from '../documents.ts';
import {
  isExpired,
  newestPoints,
  startOfDay,
  storedPoints,
  streamFromJson,
  summarizeRuns,
} from '../documents.ts';
import { eventCounts, eventTotals, ranges, storedRanges, streamSummaries } from './audit-questions.ts';
import { databaseFileName, openForReading, openForWriting, told } from './database.ts';
import { DayTables, dayNames } from './days.ts';
import { Origins } from './origins.ts';
import { searchEvents } from './search.ts';
import { dropMonths, put } from './writing.ts';
import type { Writer } from './writing.ts';

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
/** Of each origin: what a stream states often is among them. */
const latestRows = 100;

export function createLocalIndex(options: LocalIndexOptions): EventIndex {
  return new LocalIndex(options);
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
    const db = this.#read();
    if (db) yield* streamSummaries(db, scope);
  }

  async *eventTotals(scope: AuditScope): AsyncIterable<{ stream: string; events: number }> {
    const db = this.#read();
    if (db) yield* eventTotals(db, scope);
  }

  async eventCounts(streams: readonly string[] | ReadonlyMap<string, number>): Promise<Map<string, number>> {
    return eventCounts(this.#read(), streams);
  }

  async *storedRanges(scope: AuditScope): AsyncIterable<StoredRange & { stream: string }> {
    const db = this.#read();
    if (db) yield* storedRanges(db, scope);
  }

  async *ranges(stream: string, within?: { start: number; end: number }): AsyncIterable<StoredRange> {
    const db = this.#read();
    if (db) yield* ranges(db, stream, within);
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
