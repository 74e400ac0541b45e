/** Where events come from, stored once and referred to by number. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';

export interface StoredOrigin {
  stream: string;
  run: string;
  attempt: number;
  rank: number | null;
  host: string;
  path: string;
  /** Empty, or `resources`: its points are measures of resources, of which there are many more than of the training. */
  kind: string;
}

const numbersMax = 10_000;

export class Origins {
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  /** By stream and rank, which a line may name. */
  readonly #numbers = new Map<string, { no: number; origin: StoredOrigin }>();

  constructor(db: DatabaseSync) {
    // Without the plus SQLite takes the index by run, and looks at every stream of it.
    this.#find = db.prepare(
      `SELECT no FROM origins WHERE stream = ? AND +run = ? AND attempt = ? AND rank IS ? AND host = ? AND path = ?
       AND kind = ?`,
    );
    this.#insert = db.prepare(
      'INSERT INTO origins (stream, run, attempt, rank, host, path, kind) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
  }

  /** Runs in the caller's transaction; call `forget` if it is rolled back. */
  numberOf(origin: StoredOrigin): number {
    const { stream, run, attempt, rank, host, path, kind } = origin;
    const known = this.#numbers.get(`${stream} ${rank}`);
    const held = known?.origin;
    const isHeld =
      held?.run === run &&
      held.attempt === attempt &&
      held.rank === rank &&
      held.host === host &&
      held.path === path &&
      held.kind === kind;
    if (known && isHeld) return known.no;
    const values = [stream, run, attempt, rank, host, path, kind] as const;
    const no = Number(this.#find.get(...values)?.['no'] ?? this.#insert.run(...values).lastInsertRowid);
    if (this.#numbers.size >= numbersMax) this.#numbers.clear();
    this.#numbers.set(`${stream} ${rank}`, { no, origin: { stream, run, attempt, rank, host, path, kind } });
    return no;
  }

  forget(): void {
    this.#numbers.clear();
  }
}
