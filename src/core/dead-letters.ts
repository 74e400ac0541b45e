import { hash } from 'node:crypto';
import type { DeadLetter, LetterMark } from './transport.ts';

/**
 * The dead letters as a log of letters and marks. A letter's id is a hash of what was refused, without when and why: the same thing
 * refused again is the same letter. A mark closes the letters before it; one that comes after it is open again. All entries of
 * one id are in one partition of the log, in their order.
 */

/** 32 hex digits. */
export function letterId({ kind, run, stream, start, end, headers, document, value }: DeadLetter): string {
  const content = JSON.stringify([
    kind,
    run,
    stream,
    start,
    end,
    headers ?? null,
    document ?? null,
    value ?? null,
  ]);
  return hash('sha256', content, 'hex').slice(0, 32);
}

/** What is remembered of a letter: everything but the refused thing itself, which may be large. */
export interface LetterSummary extends Pick<
  DeadLetter,
  'kind' | 'reason' | 'run' | 'stream' | 'start' | 'end'
> {
  id: string;
  path: string | null;
  /** How often it was written: each redelivery of a refused record writes it again. */
  times: number;
  /** ms since epoch: of the first and the last letter. */
  first: number;
  last: number;
  /** What closed it; null while it is open. */
  mark: LetterMark | null;
}

/** Most letters that are remembered; of more, the oldest are left out and counted. */
export const letterSummariesMax = 100_000;

export class LetterBook {
  readonly #letters = new Map<string, LetterSummary>();
  /** Letters that were left out. */
  dropped = 0;

  /** In the order of the log. Returns the letter's id; null for a mark. */
  take(entry: DeadLetter | LetterMark): string | null {
    if (entry.kind === 'mark') {
      const letter = this.#letters.get(entry.letter);
      if (letter) letter.mark = entry;
      return null;
    }
    const id = letterId(entry);
    const { kind, reason, run, stream, start, end, time } = entry;
    const known = this.#letters.get(id);
    if (known) {
      Object.assign(known, { reason, times: known.times + 1, last: Math.max(known.last, time), mark: null });
      return id;
    }
    this.#letters.set(id, {
      id,
      kind,
      reason,
      run,
      path: letterPath(entry),
      stream,
      start,
      end,
      times: 1,
      first: time,
      last: time,
      mark: null,
    });
    const [oldest] = this.#letters.keys();
    if (this.#letters.size > letterSummariesMax && oldest !== undefined) {
      this.#letters.delete(oldest);
      this.dropped += 1;
    }
    return id;
  }

  /** All that are remembered, the oldest first. */
  get letters(): Iterable<LetterSummary> {
    return this.#letters.values();
  }

  get open(): LetterSummary[] {
    return [...this.#letters.values()].filter(({ mark }) => mark === null);
  }
}

function letterPath({ path, headers, document }: DeadLetter): string | null {
  if (path !== undefined) return path;
  if (headers?.['path'] !== undefined) return headers['path'];
  // Letters of the first version named no path of their own.
  const item = document as { event?: { origin?: { path?: unknown } } } | undefined;
  const found = item?.event?.origin?.path;
  return typeof found === 'string' ? found : null;
}
