/** What went wrong, as a verdict states it. */
import type { ObservationDetails } from '../../core/fact.ts';
import type { Kept, Observation } from './attempt-record.ts';
import { isStreak } from './survival.ts';

export interface Echo {
  class: string;
  /** Of those that are known. */
  ranks: number[];
  message: string;
  evidence: Observation;
}

export interface Cause {
  class: string;
  role: 'root' | 'warning';
  /** The rank on which it happened first, or that the others wait for. */
  rank: number | null;
  /** All ranks that say the same. */
  ranks: number[];
  attempt: number;
  message: string;
  /** ms since epoch; of a text without a time of its own, the time that its file told before. */
  time: number;
  details: ObservationDetails;
  evidence: Observation[];
  echo: Echo[];
  /** Behind its end the same file tells of steps that begin anew, or go back. */
  startedAgain: boolean;
}

export const evidenceMax = 8;

/** `parts[0]` is the cause itself. */
export function causeOf(parts: readonly Kept[], rank: number | null): Cause {
  const [kept] = parts;
  if (kept === undefined) throw new Error('a cause is made of something that was observed');
  const { first } = kept;
  return {
    class: first.class,
    role: first.role === 'warning' && !isStreak(kept) ? 'warning' : 'root',
    rank,
    ranks: rank === null ? [] : [rank],
    attempt: first.attempt,
    message: first.message,
    time: first.time,
    details: first.details ?? {},
    evidence: parts.slice(0, evidenceMax).map((part) => part.first),
    echo: [],
    startedAgain: false,
  };
}

export function isExitStatus({ details, role }: Observation): boolean {
  return (
    role !== 'evidence' &&
    details?.end === 'sure' &&
    (details.exitCode !== undefined || details.signal !== undefined)
  );
}

export function sortedRanks(ranks: readonly (number | null)[]): number[] {
  return [...new Set(ranks.filter((rank) => rank !== null))].sort((a, b) => a - b);
}
