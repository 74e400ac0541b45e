/** Where events come from, stored once and referred to by number. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

export interface StoredOrigin {
  stream: string;
  run: string;
  attempt: number;
  rank: number | null;
  host: string;
  path: string;
}

const numbersMax = 10_000;

export class Origins {
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  /** By stream and host: points know no host, so they have an origin of their own. */
  readonly #numbers = new Map<string, { no: number; origin: StoredOrigin }>();

  constructor(db: DatabaseSync) {
    // Without the plus SQLite takes the index by run, and looks at every stream of it.
    this.#find = db.prepare(
      `SELECT no FROM origins WHERE stream = ? AND +run = ? AND attempt = ? AND rank IS ? AND host = ? AND path = ?`,
    );
    this.#insert = db.prepare(
      'INSERT INTO origins (stream, run, attempt, rank, host, path) VALUES (?, ?, ?, ?, ?, ?)',
    );
  }

  /** Runs in the caller's transaction; call `forget` if it is rolled back. */
  numberOf({ stream, run, attempt, rank, host, path }: StoredOrigin): number {
    const known = this.#numbers.get(`${stream} ${host}`);
    const o = known?.origin;
    if (known && o?.run === run && o.attempt === attempt && o.rank === rank && o.path === path)
      return known.no;
    const values = [stream, run, attempt, rank, host, path] as const;
    const no = Number(this.#find.get(...values)?.['no'] ?? this.#insert.run(...values).lastInsertRowid);
    if (this.#numbers.size >= numbersMax) this.#numbers.clear();
    this.#numbers.set(`${stream} ${host}`, { no, origin: { stream, run, attempt, rank, host, path } });
    return no;
  }

  forget(): void {
    this.#numbers.clear();
  }
}
