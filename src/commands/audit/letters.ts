import { LetterBook } from '../../core/dead-letters.ts';
import type { LetterSummary } from '../../core/dead-letters.ts';
import type { DeadLetterLog } from '../../core/transport.ts';
import { isFault } from './findings.ts';
import type { Finding } from './findings.ts';

/** A hole that a dead letter speaks of is still a hole, but it is known why it is there, and perhaps how to fill it. */
export async function explain(
  findings: readonly Finding[],
  log: DeadLetterLog,
  signal: AbortSignal,
): Promise<Finding[]> {
  if (!findings.some(isFault)) return [...findings];
  const book = new LetterBook();
  for await (const entry of log.read(signal)) book.take(entry);
  const byStream = Map.groupBy(book.open, ({ stream }) => stream ?? '');
  return findings.map((finding) => {
    const letters = byStream.get(finding.stream)?.filter((letter) => touches(letter, finding)) ?? [];
    const [first] = letters;
    if (!isFault(finding) || !first) return finding;
    const others = letters.length > 1 ? ` and ${letters.length - 1} more` : '';
    const detail = `${finding.detail}; dead letter ${first.id.slice(0, 12)}${others}: ${first.reason}`;
    return { ...finding, detail, letter: first.id };
  });
}

const kindsOf: Record<Finding['where'], readonly LetterSummary['kind'][]> = {
  index: ['document', 'record', 'late'],
  transport: ['record', 'late', 'conflict'],
  file: ['conflict'],
};

/** A refused record may not tell its range. */
function touches({ kind, start, end }: LetterSummary, finding: Finding): boolean {
  if (!kindsOf[finding.where].includes(kind)) return false;
  return start === null || end === null || (start < finding.end && finding.start < end);
}
