import { letterId } from '../../core/dead-letters.ts';
import type { Fact } from '../../core/fact.ts';
import type { DeadLetter, FactReadOptions, LetterMark, Transport } from '../../core/transport.ts';
import { merge } from '../merge.ts';

/** Facts of both clusters: readers drop those that they have, in whatever order. */
export async function* readFacts(
  clusters: readonly Transport[],
  { onCaughtUp, ...options }: FactReadOptions,
): AsyncGenerator<readonly Fact[]> {
  let behind = clusters.length;
  const tell = () => {
    behind -= 1;
    if (behind === 0) onCaughtUp?.();
  };
  const logs = clusters.map(({ facts }) => facts.read({ ...options, onCaughtUp: tell }));
  if (options.follow === true) yield* merge(logs);
  else for (const log of logs) yield* log;
}

/** Of one id, in one cluster: what came last. */
interface Last {
  letterAt: number;
  mark: LetterMark | null;
}

/**
 * Letters of both clusters, then their marks: a letter and its mark may be in different ones. A mark that another letter of its id has followed is
 * left out: in its own cluster by their order, in the other one by their times.
 */
export async function* readLetters(
  clusters: readonly Transport[],
  signal?: AbortSignal,
): AsyncGenerator<DeadLetter | LetterMark> {
  const lasts = clusters.map(() => new Map<string, Last>());
  for (const [i, { deadLetters }] of clusters.entries()) {
    const last = lasts[i] ?? new Map<string, Last>();
    for await (const entry of deadLetters.read(signal)) {
      if (entry.kind === 'mark') {
        const letterAt = last.get(entry.letter)?.letterAt ?? -Infinity;
        last.set(entry.letter, { letterAt, mark: entry });
        continue;
      }
      last.set(letterId(entry), { letterAt: entry.time, mark: null });
      yield entry;
    }
  }
  for (const [i, own] of lasts.entries()) {
    for (const [id, { mark }] of own) {
      const elsewhere = lasts.filter((_, j) => j !== i).map((other) => other.get(id)?.letterAt ?? -Infinity);
      if (mark && elsewhere.every((letterAt) => letterAt <= mark.time)) yield mark;
    }
  }
}
