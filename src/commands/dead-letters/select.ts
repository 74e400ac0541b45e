import { LetterBook } from '../../core/dead-letters.ts';
import type { LetterSummary } from '../../core/dead-letters.ts';
import type { DeadLetter, DeadLetterLog } from '../../core/transport.ts';
import { usageError } from '../command.ts';

export interface Selection {
  run?: string | undefined;
  kind?: string | undefined;
  /** ms since epoch */
  since?: number | undefined;
  /** Ids or their beginnings; empty: all. */
  ids: readonly string[];
}

export const letterKinds = ['record', 'document', 'conflict', 'late'] as const;

export async function readBook(log: DeadLetterLog, signal: AbortSignal): Promise<LetterBook> {
  const book = new LetterBook();
  for await (const entry of log.read(signal)) book.take(entry);
  // A reading that was stopped looks like one that found less.
  signal.throwIfAborted();
  return book;
}

/** Throws USAGE for an id that fits no letter, or several. */
export function select(letters: Iterable<LetterSummary>, selection: Selection): LetterSummary[] {
  const all = [...letters];
  const { run, kind, since = -Infinity, ids } = selection;
  const wanted = new Set(ids.map((id) => byPrefix(all, id)));
  return all.filter(
    (letter) =>
      (wanted.size === 0 || wanted.has(letter.id)) &&
      (run === undefined || letter.run === run) &&
      (kind === undefined || letter.kind === kind) &&
      letter.last >= since,
  );
}

function byPrefix(letters: readonly LetterSummary[], prefix: string): string {
  const fits = letters.filter(({ id }) => id.startsWith(prefix.toLowerCase()));
  const [first, second] = fits;
  if (!first)
    throw usageError(`there is no dead letter ${prefix}`, '`caboose dead-letters list --all` lists them');
  if (second)
    throw usageError(`${prefix} is the beginning of ${fits.length} letters`, 'write more of the id');
  return first.id;
}

/** The letters themselves, each once and as it was written last. */
export async function* lettersOf(
  log: DeadLetterLog,
  chosen: readonly LetterSummary[],
  signal: AbortSignal,
): AsyncGenerator<{ summary: LetterSummary; letter: DeadLetter }> {
  const left = new Map(chosen.map((summary) => [summary.id, { summary, times: summary.times }]));
  const book = new LetterBook();
  for await (const entry of log.read(signal)) {
    if (left.size === 0) return;
    const id = book.take(entry);
    const waiting = id === null ? undefined : left.get(id);
    if (!waiting || entry.kind === 'mark') continue;
    waiting.times -= 1;
    if (waiting.times > 0) continue;
    left.delete(waiting.summary.id);
    yield { summary: waiting.summary, letter: entry };
  }
  signal.throwIfAborted();
}
