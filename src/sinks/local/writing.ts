/** What is put into the embedded store, within a transaction. What is put again lands on itself. */
import type { DatabaseSync } from 'node:sqlite';
import type { IndexItem, ItemResult } from '../../core/event-index.ts';
import type { PointFact } from '../../core/fact.ts';
import { isResource, resourcesKind } from '../../core/resources.ts';
import type { StreamDocument } from '../../core/stream-document.ts';
import { streamVersion } from '../../core/stream-document.ts';
import { isExpired, monthOf, pointEntries, pointsDocuments, streamToJson, validTime } from '../documents.ts';
import type { DayTables } from './days.ts';
import type { Origins } from './origins.ts';

export interface Writer {
  db: DatabaseSync;
  days: DayTables;
  origins: Origins;
}

export function put({ db, days, origins }: Writer, item: IndexItem): ItemResult {
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

/** Points of the months that are over; the names of what was dropped. */
export function dropMonths(db: DatabaseSync, metricsDays: number, now: number): string[] {
  const months = db.prepare('SELECT DISTINCT month FROM points ORDER BY month').all();
  const expired = months
    .map((row) => String(row['month']))
    .filter((month) => isExpired(month, metricsDays, now));
  for (const month of expired) db.prepare('DELETE FROM points WHERE month = ?').run(month);
  return expired.map((month) => `metrics-${month}`);
}
