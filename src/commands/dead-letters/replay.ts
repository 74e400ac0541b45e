import type { Clock } from '../../core/clock.ts';
import type { LetterSummary } from '../../core/dead-letters.ts';
import type { DeadLetter, DeadLetterLog, LetterMark } from '../../core/transport.ts';
import { lettersOf } from './select.ts';
import { takeAgain } from './take-again.ts';
import type { Outcome, TakeAgainOptions } from './take-again.ts';

/** Letters hold what was refused, up to a segment each: so many are in memory at once. */
const lettersAtOnce = 50;

export interface Replayed {
  id: string;
  summary: LetterSummary;
  outcome: Outcome;
}

/**
 * Takes the chosen letters in again, and tells the log: what was taken in is marked, what was refused for another reason than before
 * is written again with that. Between an act and its mark nothing is lost: what was not marked is tried once more, which
 * changes nothing.
 */
export async function* replayLetters(
  log: DeadLetterLog,
  chosen: readonly LetterSummary[],
  options: TakeAgainOptions & { clock: Clock },
): AsyncGenerator<Replayed> {
  // Lets it fail before anything is done, where the log cannot be written.
  await log.mark([]);
  let batch: { summary: LetterSummary; letter: DeadLetter }[] = [];
  for await (const each of lettersOf(log, chosen, options.signal)) {
    batch.push(each);
    if (batch.length < lettersAtOnce) continue;
    yield* await replayBatch(log, batch, options);
    batch = [];
  }
  yield* await replayBatch(log, batch, options);
}

async function replayBatch(
  log: DeadLetterLog,
  batch: readonly { summary: LetterSummary; letter: DeadLetter }[],
  options: TakeAgainOptions & { clock: Clock },
): Promise<Replayed[]> {
  const outcomes = await takeAgain(
    batch.map(({ letter }) => letter),
    options,
  );
  const time = options.clock.now();
  const marks: LetterMark[] = [];
  const again: DeadLetter[] = [];
  const replayed: Replayed[] = [];
  for (const [i, { summary, letter }] of batch.entries()) {
    const outcome = outcomes[i];
    if (!outcome) continue;
    const { id } = summary;
    if (outcome.status === 'replayed' || outcome.status === 'held')
      marks.push({ kind: 'mark', letter: id, stream: letter.stream, outcome: outcome.status, time });
    else if (outcome.status === 'refused' && outcome.reason !== letter.reason)
      again.push({ ...letter, reason: outcome.reason, time });
    replayed.push({ id, summary, outcome });
  }
  await log.mark(marks);
  if (again.length > 0) await log.append(again);
  return replayed;
}
