/**
 * Search in the embedded store. Days are visited by their newest (or oldest) event time, and left out as soon as enough
 * better hits are known. In a day, rare words are looked up in the word index and each proposal is checked; common
 * ones are found fastest by walking the events in time order. Gives way to other work between pages.
 */
import { setImmediate as giveWay } from 'node:timers/promises';
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { SearchHit } from '../../core/event-index.ts';
import { eventKinds, levels } from '../../core/event.ts';
import type { SearchClause, SearchQuery } from '../../core/search-query.ts';
import { fieldMatches, messageMatches } from '../matching.ts';
import { candidateQuery, dayNames, idFromBlob } from './days.ts';

/** With more candidates than this, walking in time order finds enough hits sooner. */
const candidatesMax = 20_000;
const pageRows = 500;
const hitsMax = 10_000;

type Row = Record<string, SQLOutputValue>;

interface Plan {
  limit: number;
  newest: boolean;
  messageClauses: SearchClause[];
  rowClauses: SearchClause[];
  /** FTS5 query of the words that a hit must have. */
  words: string | null;
  /** SQL on the events' columns, with its parameters. */
  where: string;
  parameters: (string | number)[];
}

export async function searchEvents(db: DatabaseSync, query: SearchQuery): Promise<SearchHit[]> {
  const plan = makePlan(db, query);
  if (!plan || plan.limit === 0) return [];
  let hits: SearchHit[] = [];
  for (const { day, min, max } of daysInOrder(db, plan.newest)) {
    const worst = hits.length >= plan.limit ? hits.at(-1) : undefined;
    if (worst && (plan.newest ? max < worst.time : min > worst.time)) break;
    const found = await searchDay(db, day, plan);
    hits = [...hits, ...found].sort((a, b) => compareHits(a, b, plan.newest)).slice(0, plan.limit);
  }
  return hits;
}

/** null when no stream satisfies the query, so that nothing can be found. */
function makePlan(db: DatabaseSync, query: SearchQuery): Plan | null {
  const originFields = new Set(['run', 'host', 'path', 'stream']);
  const conditions: string[] = [];
  const parameters: (string | number)[] = [];
  const origins = matchingOrigins(
    db,
    query.run,
    query.clauses.filter(({ field }) => originFields.has(field)),
  );
  if (origins?.length === 0) return null;
  if (origins) add('origin IN (SELECT value FROM json_each(?))', JSON.stringify(origins));
  if (query.rank !== undefined) add('rank = ?', query.rank);
  if (query.level !== undefined) add('level >= ?', levels.indexOf(query.level as (typeof levels)[number]));
  if (query.since !== undefined) add('time >= ?', query.since);
  if (query.until !== undefined) add('time <= ?', query.until);
  const messageClauses = query.clauses.filter(({ field }) => field === 'message');
  return {
    limit: Math.max(0, Math.min(query.limit ?? 100, hitsMax)),
    newest: query.order !== 'oldest',
    messageClauses,
    rowClauses: query.clauses.filter(({ field }) => field !== 'message' && !originFields.has(field)),
    words: candidateQuery(messageClauses.flatMap(({ negated, words }) => (negated ? [] : words))),
    where: conditions.map((condition) => ` AND ${condition}`).join(''),
    parameters,
  };

  function add(condition: string, parameter: string | number): void {
    conditions.push(condition);
    parameters.push(parameter);
  }
}

/** Row numbers of the origins that can hold hits; null if all can. */
function matchingOrigins(
  db: DatabaseSync,
  run: string | undefined,
  clauses: readonly SearchClause[],
): number[] | null {
  if (run === undefined && clauses.length === 0) return null;
  const rows = db.prepare('SELECT no, run, host, path, stream FROM origins').all();
  return rows
    .filter((row) => run === undefined || row['run'] === run)
    .filter((row) => clauses.every((clause) => fieldMatches(String(row[clause.field]), clause)))
    .map((row) => Number(row['no']));
}

function daysInOrder(db: DatabaseSync, newest: boolean): { day: string; min: number; max: number }[] {
  return dayNames(db)
    .flatMap((day) => {
      const min = db.prepare(`SELECT min(time) AS t FROM "logs_${day}"`).get()?.['t'];
      const max = db.prepare(`SELECT max(time) AS t FROM "logs_${day}"`).get()?.['t'];
      return typeof min === 'number' && typeof max === 'number' ? [{ day, min, max }] : [];
    })
    .sort((a, b) => (newest ? b.max - a.max : a.min - b.min));
}

async function searchDay(db: DatabaseSync, day: string, plan: Plan): Promise<SearchHit[]> {
  const candidates =
    plan.words === null
      ? null
      : db
          .prepare(`SELECT rowid FROM "words_${day}" WHERE "words_${day}" MATCH ? LIMIT ${candidatesMax + 1}`)
          .all(plan.words);
  if (candidates && candidates.length <= candidatesMax) {
    const only = candidates.map((row) => Number(row['rowid']));
    return only.length === 0
      ? []
      : await walk(db, day, plan, ' AND e.no IN (SELECT value FROM json_each(?))', [JSON.stringify(only)]);
  }
  return await walk(db, day, plan, '', []);
}

/** The day's hits in order; a few more than the limit if they share the last one's place. */
async function walk(
  db: DatabaseSync,
  day: string,
  plan: Plan,
  candidates: string,
  candidateParameters: string[],
): Promise<SearchHit[]> {
  const [order, beyond] = plan.newest ? ['DESC', '<'] : ['ASC', '>'];
  // No more columns than a decision needs: most rows are no hits.
  const places = db.prepare(
    `SELECT e.no, e.time, e.start, e.message, e.level, e.kind, e.rank, e.logger, e.iostream FROM "logs_${day}" AS e
     WHERE (e.time, e.start, e.no) ${beyond} (?, ?, ?)${candidates}${plan.where}
     ORDER BY e.time ${order}, e.start ${order}, e.no ${order} LIMIT ${pageRows}`,
  );
  const fetch = db.prepare(
    `SELECT e.*, o.run, o.attempt, o.host, o.path, o.stream FROM "logs_${day}" AS e
     JOIN origins AS o ON o.no = e.origin WHERE e.no = ?`,
  );
  const edge = plan.newest ? Number.MAX_SAFE_INTEGER : -1;
  const hits: SearchHit[] = [];
  for (let last: [number, number, number] = [edge, edge, edge]; ;) {
    let rows = 0;
    for (const place of places.iterate(...last, ...candidateParameters, ...plan.parameters)) {
      rows += 1;
      last = [Number(place['time']), Number(place['start']), Number(place['no'])];
      const worst = hits.length >= plan.limit ? hits.at(-1) : undefined;
      if (worst && (worst.time !== last[0] || worst.start !== last[1])) return hits;
      if (!rowMatches(place, plan)) continue;
      const row = fetch.get(last[2]);
      if (row) hits.push(toHit(row));
    }
    if (rows < pageRows) return hits;
    await giveWay();
  }
}

function rowMatches(row: Row, { rowClauses, messageClauses }: Plan): boolean {
  return (
    rowClauses.every((clause) => fieldMatches(fieldOf(row, clause.field), clause)) &&
    messageMatches(String(row['message']), messageClauses)
  );
}

function fieldOf(row: Row, field: string): string | number | null {
  if (field === 'level') return levelOf(row);
  if (field === 'kind') return eventKinds[Number(row['kind'])] ?? null;
  const value = row[field];
  return typeof value === 'string' || typeof value === 'number' ? value : null;
}

function levelOf(row: Row): string | null {
  return row['level'] === null ? null : (levels[Number(row['level'])] ?? null);
}

function toHit(row: Row): SearchHit {
  return {
    id: idFromBlob(row['id']),
    time: Number(row['time']),
    run: String(row['run']),
    attempt: Number(row['attempt']),
    rank: row['rank'] === null ? null : Number(row['rank']),
    host: String(row['host']),
    path: String(row['path']),
    stream: String(row['stream']),
    start: Number(row['start']),
    end: Number(row['end']),
    level: levelOf(row),
    kind: String(fieldOf(row, 'kind')),
    message: String(row['message']),
  };
}

function compareHits(a: SearchHit, b: SearchHit, newest: boolean): number {
  const ascending = a.time - b.time || a.start - b.start || compareText(a.stream, b.stream);
  return newest ? -ascending : ascending;
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
