/**
 * The events of the store: one pair of tables per UTC day of `observed`, so that retention drops whole tables.
 *
 * - `logs_<day>`: the events, unique by id.
 * - `words_<day>`: an FTS5 index without content, positions or sizes. It only proposes candidates: it cuts words finer
 *   than tokens.ts does, keeps entries of replaced events, and search.ts checks each proposal against the message. This
 *   keeps it small and leaves one definition of what matches.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LogEvent } from '../../core/event.ts';
import { eventKinds, levels, versionOf } from '../../core/event.ts';
import { dayOf, validTime } from '../documents.ts';
import { tokenize } from '../tokens.ts';

/** Bytes that FTS5 gathers before it writes a segment; larger is faster to write, and bounds its memory. */
const ftsHashBytes = 4 * 1024 * 1024;
const openDaysMax = 16;

interface Day {
  day: string;
  /** The number of the next row. Never one that was used: the word index may still hold words under it. */
  next: number;
  insert: StatementSync;
  find: StatementSync;
  update: StatementSync;
  remove: StatementSync;
  index: StatementSync;
}

export class DayTables {
  readonly #db: DatabaseSync;
  readonly #open = new Map<string, Day>();
  /** Days that the transaction has written. */
  readonly #touched = new Set<Day>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Stores the event unless a longer state of it is there. Runs in the caller's transaction. */
  put(event: LogEvent, origin: number): void {
    const day = this.#day(dayOf(event.observed));
    const id = idToBlob(event.id);
    const values = rowOf(event, origin);
    if (day.insert.run(day.next, id, ...values).changes === 0) this.#replace(day, event, id, values);
    else this.#index(day, event);
  }

  /** Before the commit of a transaction with `put`: keeps the row numbers for the next. */
  finish(): void {
    const keep = this.#db.prepare('UPDATE days SET next = ? WHERE day = ?');
    for (const day of this.#touched) keep.run(day.next, day.day);
    this.#touched.clear();
  }

  /** After a rollback: tables and row numbers that were made in the transaction are gone. */
  forget(): void {
    this.#touched.clear();
    this.#open.clear();
  }

  days(): string[] {
    return dayNames(this.#db);
  }

  drop(day: string): void {
    this.#open.delete(day);
    this.#db.exec(`DROP TABLE "logs_${day}"; DROP TABLE "words_${day}"`);
    this.#db.prepare('DELETE FROM days WHERE day = ?').run(day);
  }

  #index(day: Day, event: LogEvent): void {
    day.index.run(day.next, indexedText(event.message));
    day.next += 1;
  }

  #replace(day: Day, event: LogEvent, id: Uint8Array | string, values: ReturnType<typeof rowOf>): void {
    const held = day.find.get(id);
    if (!held || Number(held['version']) > versionOf(event)) return;
    if (held['message'] === event.message) {
      day.update.run(...values, Number(held['no']));
      return;
    }
    // A new row number, for the words of the old message stay in the index under the old one.
    day.remove.run(Number(held['no']));
    day.insert.run(day.next, id, ...values);
    this.#index(day, event);
  }

  #day(name: string): Day {
    let day = this.#open.get(name);
    day ??= this.#openDay(name);
    if (!this.#touched.has(day)) {
      // Another process may have written since our last transaction.
      day.next = Number(this.#db.prepare('SELECT next FROM days WHERE day = ?').get(name)?.['next']);
      this.#touched.add(day);
    }
    return day;
  }

  #openDay(name: string): Day {
    this.#create(name);
    const db = this.#db;
    const logs = `"logs_${name}"`;
    const day: Day = {
      day: name,
      next: 0,
      insert: db.prepare(
        `INSERT INTO ${logs} (no, id, origin, start, end, version, time, level, kind, rank, logger,
         iostream, sum, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
      ),
      find: db.prepare(`SELECT no, version, message FROM ${logs} WHERE id = ?`),
      update: db.prepare(
        `UPDATE ${logs} SET origin = ?, start = ?, end = ?, version = ?, time = ?, level = ?, kind = ?, rank = ?,
         logger = ?, iostream = ?, sum = ?, message = ? WHERE no = ?`,
      ),
      remove: db.prepare(`DELETE FROM ${logs} WHERE no = ?`),
      index: db.prepare(`INSERT INTO "words_${name}" (rowid, text) VALUES (?, ?)`),
    };
    const oldest = this.#open.keys().next();
    if (this.#open.size >= openDaysMax && !oldest.done) this.#open.delete(oldest.value);
    this.#open.set(name, day);
    return day;
  }

  #create(day: string): void {
    if (this.#db.prepare('SELECT 1 FROM days WHERE day = ?').get(day)) return;
    const logs = `"logs_${day}"`;
    this.#db.exec(`
      CREATE TABLE ${logs} (
        no INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, origin INTEGER NOT NULL,
        start INTEGER NOT NULL, end INTEGER NOT NULL, version INTEGER NOT NULL, time REAL NOT NULL, level INTEGER,
        kind INTEGER NOT NULL, rank INTEGER, logger TEXT, iostream TEXT, sum INTEGER NOT NULL, message TEXT NOT NULL);
      CREATE INDEX "logs_${day}_by_time" ON ${logs} (time, start);
      CREATE INDEX "logs_${day}_by_origin" ON ${logs} (origin, start);
      CREATE VIRTUAL TABLE "words_${day}" USING fts5 (
        text, content = '', detail = none, columnsize = 0, tokenize = 'ascii');
      INSERT INTO "words_${day}" ("words_${day}", rank) VALUES ('hashsize', ${ftsHashBytes});`);
    this.#db.prepare('INSERT INTO days (day, next) VALUES (?, 1)').run(day);
  }
}

/** Days that have events, oldest first. */
export function dayNames(db: DatabaseSync): string[] {
  return db
    .prepare('SELECT day FROM days ORDER BY day')
    .all()
    .map((row) => String(row['day']));
}

/** 32 hex digits take 16 bytes; any other id stays text. */
function idToBlob(id: string): Uint8Array | string {
  return /^[0-9a-f]{32}$/.test(id) ? Buffer.from(id, 'hex') : id;
}

export function idFromBlob(id: unknown): string {
  return id instanceof Uint8Array ? Buffer.from(id).toString('hex') : String(id);
}

function rowOf(event: LogEvent, origin: number) {
  return [
    origin,
    event.start,
    event.end,
    versionOf(event),
    validTime(event.time),
    event.level && levels.indexOf(event.level),
    eventKinds.indexOf(event.kind),
    event.rank,
    event.logger ?? null,
    event.iostream ?? null,
    Number.parseInt(event.sum, 16),
    event.message,
  ] as const;
}

/**
 * What FTS5 is given to cut at everything but ASCII letters and digits. A word of tokens.ts starts and ends where
 * FTS5 cuts too, but for two cases, in which the words are cut here: text beyond ASCII, and words over 255 characters.
 */
function indexedText(message: string): string {
  const plain = !/[^\0-\x7f]/.test(message) && (message.length <= 255 || !longWord.test(message));
  return plain ? message : tokenize(message).join(' ');
}

/** Tried where a word begins, and there alone: of words just below the bound each letter would be tried else. */
const longWord = /(?<![\w.:',;])[\w.:',;]{256}/;

/** The FTS5 query that every message with these words satisfies; null if the words give FTS5 nothing to look for. */
export function candidateQuery(words: readonly string[]): string | null {
  const pieces = words.flatMap((word) => word.split(/[\0-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+/)).filter(Boolean);
  return pieces.length === 0 ? null : [...new Set(pieces)].map((piece) => `"${piece}"`).join(' AND ');
}
