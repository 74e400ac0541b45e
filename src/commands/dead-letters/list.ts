import type { LetterBook, LetterSummary } from '../../core/dead-letters.ts';
import type { DeadLetterLog } from '../../core/transport.ts';
import type { Output } from '../command.ts';
import { lettersOf } from './select.ts';

/** Shown of an id: enough to tell letters apart, short enough to be typed. */
export const idDigits = 12;

/** Everything of each letter, one object a line, the refused thing included. */
export async function printJson(
  stdout: Output,
  log: DeadLetterLog,
  shown: readonly LetterSummary[],
  signal: AbortSignal,
): Promise<void> {
  for await (const { summary, letter } of lettersOf(log, shown, signal)) {
    const { time: _, ...rest } = letter;
    const { id, path, times, first, last, mark } = summary;
    await stdout.write(`${JSON.stringify({ id, ...rest, path, times, first, last, mark })}\n`);
  }
}

/** A table, the newest first, and what can be done. */
export async function printTable(
  stdout: Output,
  shown: readonly LetterSummary[],
  { found, book, all }: { found: number; book: LetterBook; all: boolean },
): Promise<void> {
  if (shown.length === 0) {
    await stdout.write(all ? 'no dead letters\n' : 'no open dead letters\n');
    return;
  }
  const head = ['ID', 'LAST (UTC)', 'TIMES', 'KIND', 'RUN', 'WHERE', ...(all ? ['NOW'] : []), 'WHY'];
  const rows = shown.map((letter) => [
    letter.id.slice(0, idDigits),
    new Date(letter.last).toISOString().slice(0, 19).replace('T', ' '),
    String(letter.times),
    letter.kind,
    letter.run ?? '-',
    whereText(letter),
    ...(all ? [letter.mark?.outcome ?? 'open'] : []),
    letter.reason.replaceAll(/\s+/g, ' ').slice(0, reasonChars),
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  for (const row of [head, ...rows]) {
    const cells = row.map((cell, i) => cell.padEnd(widths[i] ?? 0));
    await stdout.write(`${cells.join('  ').trimEnd()}\n`);
  }
  await stdout.write(`\n${adviceOf(book.open)}`);
  if (found > shown.length) await stdout.write(`${found - shown.length} more: --limit ${found}\n`);
  if (book.dropped > 0) await stdout.write(`the oldest ${book.dropped} are not shown\n`);
}

const reasonChars = 160;

/** `train.log [120, 240)` */
function whereText({ path, stream, start, end }: LetterSummary): string {
  const name = path === null ? (stream?.slice(0, idDigits) ?? '-') : path.slice(path.lastIndexOf('/') + 1);
  return start === null || end === null ? name : `${name} [${start}, ${end})`;
}

/** By kind, what they are and what can be done with them. */
const advice = {
  document: 'refused by the index: mend its mapping, then caboose dead-letters replay --kind document',
  record: 'no segments: after an update, caboose dead-letters replay --kind record',
  late: 'came after their range was given up: see "Bytes again" in docs/OPERATIONS.md',
  conflict: 'other bytes than those held: look at who writes the file, or uses the same source.id',
} as const;

function adviceOf(open: readonly LetterSummary[]): string {
  const lines = Object.entries(advice).flatMap(([kind, text]) => {
    const count = open.filter((letter) => letter.kind === kind).length;
    return count === 0 ? [] : [`${count} ${kind}: ${text}\n`];
  });
  return `${open.length} open\n${lines.join('')}`;
}
