/** What an audit asks of the embedded store: which ranges of which streams are in it. */
import type { DatabaseSync } from 'node:sqlite';
import type { AuditScope, StoredRange } from '../../core/event-index.ts';
import type { StreamSummary } from '../../core/stream-document.ts';
import { dayNames, idFromBlob } from './days.ts';

const pageRows = 500;
/** Rows that are small: so many are in memory at once. */
const rangePageRows = 5_000;
const summaryPageRows = 2_000;

export function* streamSummaries(db: DatabaseSync, scope: AuditScope): Iterable<StreamSummary> {
  const run = scope.run ?? null;
  const source = run === null ? (scope.source ?? null) : null;
  const page = db.prepare(
    `SELECT stream, json_remove(document, '$.open', '$.recent', '$.context') AS summary,
       open_observed IS NOT NULL AS open
     FROM streams WHERE stream > ? AND (? IS NULL OR run = ?)
       AND (? IS NULL OR json_extract(document, '$.origin.source') = ?)
     ORDER BY stream LIMIT ${summaryPageRows}`,
  );
  for (let last = ''; ;) {
    const rows = page.all(last, run, run, source, source);
    for (const { summary, open } of rows) {
      yield { ...(JSON.parse(String(summary)) as Omit<StreamSummary, 'hasOpen'>), hasOpen: open === 1 };
    }
    if (rows.length < summaryPageRows) return;
    last = String(rows.at(-1)?.['stream']);
  }
}

export function* eventTotals(
  db: DatabaseSync,
  scope: AuditScope,
): Iterable<{ stream: string; events: number }> {
  const run = scope.run ?? null;
  const totals = new Map<string, number>();
  // The store knows no source of an event: all count, which is more than is asked for.
  for (const day of dayNames(db)) {
    const rows = db.prepare(
      `SELECT o.stream, e.n FROM (SELECT origin, count(*) AS n FROM "logs_${day}" GROUP BY origin) AS e
       JOIN origins AS o ON o.no = e.origin WHERE ? IS NULL OR o.run = ?`,
    );
    for (const { stream, n } of rows.iterate(run, run)) {
      totals.set(String(stream), (totals.get(String(stream)) ?? 0) + Number(n));
    }
  }
  for (const [stream, events] of totals) yield { stream, events };
}

/** `db`: null where nothing is stored. */
export function eventCounts(
  db: DatabaseSync | null,
  streams: readonly string[] | ReadonlyMap<string, number>,
): Map<string, number> {
  const bounds = boundsOf(streams);
  const counts = new Map<string, number>(bounds.map(([stream]) => [stream, 0]));
  if (db === null) return counts;
  for (const day of dayNames(db)) {
    const rows = db.prepare(
      `SELECT o.stream, count(*) AS n FROM json_each(?) AS b
       JOIN origins AS o ON o.stream = b.value ->> 0
       JOIN "logs_${day}" AS e ON e.origin = o.no AND (b.value ->> 1 IS NULL OR e.start < b.value ->> 1)
       GROUP BY o.stream`,
    );
    for (const { stream, n } of rows.iterate(JSON.stringify(bounds))) {
      counts.set(String(stream), (counts.get(String(stream)) ?? 0) + Number(n));
    }
  }
  return counts;
}

export function* storedRanges(
  db: DatabaseSync,
  { run }: AuditScope,
): Iterable<StoredRange & { stream: string }> {
  for (const day of dayNames(db)) {
    const page = db.prepare(
      `SELECT e.no, e.id, e.start, e.end, e.sum, o.stream, o.run FROM "logs_${day}" AS e
       JOIN origins AS o ON o.no = e.origin WHERE e.no > ? ORDER BY e.no LIMIT ${rangePageRows}`,
    );
    for (let last = -1; ;) {
      const rows = page.all(last);
      for (const row of rows) {
        if (run === undefined || row['run'] === run) yield { ...rangeOf(row), stream: String(row['stream']) };
      }
      if (rows.length < rangePageRows) break;
      last = Number(rows.at(-1)?.['no']);
    }
  }
}

export function* ranges(
  db: DatabaseSync,
  stream: string,
  within?: { start: number; end: number },
): Iterable<StoredRange> {
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
