/**
 * The file of the embedded store: opening, its version, its tables, and what SQLite's errors mean for the operator.
 *
 * One SQLite database in WAL mode, so that other processes read while one writes. `synchronous = FULL`: what `write` has
 * answered survives a power cut, for the transport's position moves on that answer.
 */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CabooseError, errorCode } from '../../core/errors.ts';

export const databaseFileName = 'caboose-index.db';

/** "CBSE": tells our files from other SQLite databases. */
const applicationId = 0x43_42_53_45;
const schemaVersion = 3;
const busyTimeoutMs = 5_000;

/** SQLite's primary result codes: https://sqlite.org/rescode.html */
const resultCode = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
};

/** Opens for writing; creates the directory and the tables if there are none. */
export function openForWriting(dir: string): DatabaseSync {
  const file = path.join(dir, databaseFileName);
  return withErrorsTold(file, () => {
    mkdirSync(dir, { recursive: true });
    const db = new DatabaseSync(file, { timeout: busyTimeoutMs });
    return closedOnError(db, () => {
      const version = checkVersion(db, file);
      // Both only take effect in a file that is still empty.
      db.exec('PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL');
      db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
      db.exec('PRAGMA cache_size = -32000; PRAGMA journal_size_limit = 67108864');
      if (version === 0) createTables(db, file);
      if (version > 0 && version < schemaVersion) bringUpToDate(db, file);
      return db;
    });
  });
}

/** Opens what another process may be writing; null if there is no store yet. */
export function openForReading(dir: string): DatabaseSync | null {
  const file = path.join(dir, databaseFileName);
  if (!existsSync(file)) return null;
  return withErrorsTold(file, () => {
    const db = new DatabaseSync(file, { timeout: busyTimeoutMs, readOnly: true });
    return closedOnError(db, () => {
      const version = checkVersion(db, file);
      if (version === schemaVersion) return db;
      db.close();
      if (version === 0) return null;
      openForWriting(dir).close();
      return openForReading(dir);
    });
  });
}

function closedOnError<T>(db: DatabaseSync, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (db.isOpen) db.close();
    throw error;
  }
}

/** The schema's version; 0 in an empty file. */
function checkVersion(db: DatabaseSync, file: string): number {
  const version = pragma(db, 'user_version');
  const owner = pragma(db, 'application_id');
  const tables = db.prepare('SELECT count(*) AS n FROM sqlite_master').get()?.['n'];
  if (owner === 0 && version === 0 && tables === 0) return 0;
  if (owner !== applicationId) {
    throw new CabooseError('INDEX_FOREIGN', `${file} is an SQLite database of another program`, {
      hint: 'Point index.local.dir at a directory of its own.',
    });
  }
  if (version > schemaVersion) {
    throw new CabooseError(
      'INDEX_NEWER',
      `${file} was written by a newer Caboose (its format is ${version}, this one knows ${schemaVersion})`,
      { hint: 'Run the newer Caboose, or move the file away and index again with `caboose replay`.' },
    );
  }
  return version;
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

function createTables(db: DatabaseSync, file: string): void {
  db.exec('BEGIN IMMEDIATE');
  // Another process may have been faster.
  if (checkVersion(db, file) === 0) {
    db.exec(`
      CREATE TABLE origins (
        no INTEGER PRIMARY KEY, stream TEXT NOT NULL, run TEXT NOT NULL, attempt INTEGER NOT NULL,
        rank INTEGER, host TEXT NOT NULL, path TEXT NOT NULL, kind TEXT NOT NULL DEFAULT '');
      CREATE INDEX origins_by_stream ON origins (stream);
      CREATE INDEX origins_by_run ON origins (run);
      CREATE TABLE days (day TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
      CREATE TABLE points (
        no INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, origin INTEGER NOT NULL, step REAL, time REAL NOT NULL,
        month TEXT NOT NULL, version INTEGER NOT NULL, entries TEXT NOT NULL);
      CREATE INDEX points_by_origin ON points (origin);
      CREATE TABLE streams (
        stream TEXT PRIMARY KEY, run TEXT NOT NULL, version INTEGER NOT NULL, open_observed REAL,
        document TEXT NOT NULL);
      CREATE INDEX streams_by_run ON streams (run);
      CREATE INDEX streams_open ON streams (open_observed) WHERE open_observed IS NOT NULL;
      CREATE TABLE incidents (
        id TEXT PRIMARY KEY, run TEXT NOT NULL, token INTEGER NOT NULL, opened REAL NOT NULL, document TEXT NOT NULL);
      PRAGMA application_id = ${applicationId};
      PRAGMA user_version = ${schemaVersion};`);
  }
  db.exec('COMMIT');
}

/**
 * From version 1, in which the end of an event was its version, and events had no `iostream`; from version 2, in which origins had no kind
 * and those of points no host.
 */
function bringUpToDate(db: DatabaseSync, file: string): void {
  db.exec('BEGIN IMMEDIATE');
  // Another process may have been faster.
  const version = checkVersion(db, file);
  if (version === 1) {
    for (const { day } of db.prepare('SELECT day FROM days').all()) {
      db.exec(`
        ALTER TABLE "logs_${String(day)}" ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE "logs_${String(day)}" ADD COLUMN iostream TEXT;
        UPDATE "logs_${String(day)}" SET version = end;`);
    }
    db.exec('ALTER TABLE points RENAME COLUMN end TO version');
  }
  if (version < schemaVersion) {
    db.exec(`
      ALTER TABLE origins ADD COLUMN kind TEXT NOT NULL DEFAULT '';
      PRAGMA user_version = ${schemaVersion};`);
  }
  db.exec('COMMIT');
}

/** Runs `work` and turns SQLite's and the file system's errors into ones that say what to do. */
export function withErrorsTold<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw told(error, file);
  }
}

/** `error`, with a code, a hint and whether trying again can help, if it is one of SQLite's. */
export function told(error: unknown, file: string): unknown {
  if (error instanceof CabooseError) return error;
  const primary = sqliteCode(error);
  if (primary === undefined) {
    // Neither of SQLite nor of the file system: a mistake of ours, left as it is.
    if (errorCode(error)?.startsWith('E') !== true) return error;
    return new CabooseError('INDEX_UNREACHABLE', `cannot open the index ${file}`, {
      cause: error,
      hint: 'index.local.dir must be a directory that this user may write.',
    });
  }
  switch (primary) {
    case resultCode.notADatabase:
    case resultCode.corrupt:
      return new CabooseError('INDEX_CORRUPT', `the index ${file} is damaged or is no SQLite database`, {
        cause: error,
        hint: 'Move it away together with its -wal and -shm files; `caboose replay RUN` fills a new one from the segments.',
      });
    case resultCode.full:
      return failure(
        'INDEX_DISK_FULL',
        `no space is left for the index ${file}`,
        error,
        'Free space on its disk.',
      );
    case resultCode.busy:
    case resultCode.locked:
      return failure(
        'INDEX_BUSY',
        `another process keeps the index ${file} locked`,
        error,
        'Find it with fuser.',
      );
    case resultCode.ioError:
      return failure(
        'INDEX_IO',
        `the disk of the index ${file} fails`,
        error,
        'Look at the disk and its mount.',
      );
    case resultCode.readOnly:
    case resultCode.cannotOpen:
      return new CabooseError('INDEX_UNREACHABLE', `the index ${file} cannot be opened for writing`, {
        cause: error,
        hint: 'index.local.dir must be a directory that this user may write.',
      });
    default:
      return new CabooseError('INDEX_FAILED', `the index ${file} failed`, { cause: error });
  }
}

function failure(code: string, message: string, cause: unknown, hint: string): CabooseError {
  return new CabooseError(code, message, { cause, hint, retriable: true });
}

function sqliteCode(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errcode' in error)) return undefined;
  return Number(error.errcode) & 0xff;
}
