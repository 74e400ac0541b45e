/**
 * Which rank the others wait for, when all that is known is that they wait: the one that a text names, the one that says nothing, or the
 * one whose last collective operation is the oldest.
 */
import type { AttemptRecord, Kept } from './attempt-record.ts';
import { causeOf, isExitStatus, sortedRanks } from './cause.ts';
import type { Cause } from './cause.ts';
import { durationText } from './words.ts';

/** The more telling first. */
const classes = ['collective-timeout', 'nccl-generic', 'nccl-abort', 'worker-death'];

/** `live`: all that was observed and not survived. */
export function waitedFor(cascades: readonly Kept[], live: readonly Kept[], record: AttemptRecord): Cause[] {
  const own = cascades.filter(({ first }) => !isExitStatus(first));
  const failed = silentFailure(own, cascades);
  if (failed !== null) return [failed];
  const name = classes.find((name) => own.some(({ first }) => first.class === name));
  const waiting = own.filter(({ first }) => first.class === name);
  if (waiting.length === 0) return [];
  const reporters = sortedRanks(own.map(({ rank }) => rank));
  const rank =
    namedRank(waiting) ??
    silentRank(reporters, record) ??
    endedRank(reporters, live) ??
    laggingRank(live, reporters);
  const cause = causeOf(waiting, rank);
  return [{ ...cause, role: 'root', message: describe(cause, rank, reporters) }];
}

/** A process that ended with an error and says nothing, while the others say that they have lost a peer. */
function silentFailure(own: readonly Kept[], cascades: readonly Kept[]): Cause | null {
  const speaking = new Set(own.map(({ rank }) => rank));
  const silent = cascades.find(({ first, rank }) => {
    if (!isExitStatus(first)) return false;
    const ranks = first.details?.ranks ?? [rank];
    return speaking.size === 0 || ranks.every((about) => about !== null && !speaking.has(about));
  });
  if (silent === undefined) return null;
  return { ...causeOf([silent], silent.first.details?.ranks?.[0] ?? silent.rank), role: 'root' };
}

function namedRank(waiting: readonly Kept[]): number | null {
  for (const { first } of waiting) {
    const [rank] = first.details?.ranks ?? [];
    if (rank !== undefined) return rank;
  }
  return null;
}

/** Of several silent ranks, the one that was heard of the longest ago. */
function silentRank(reporters: readonly number[], { ranks }: AttemptRecord): number | null {
  if (reporters.length === 0) return null;
  let silent: { rank: number; heard: number; step: number } | null = null;
  for (const [rank, { streams }] of ranks) {
    if (rank === null || reporters.includes(rank)) continue;
    const heard = Math.max(...[...streams.values()].map(({ lastTime }) => lastTime), 0);
    const step = Math.max(...[...streams.values()].map(({ steps }) => steps.at(-1)?.step ?? -1), -1);
    const isEarlier =
      silent === null ||
      step < silent.step ||
      (step === silent.step && (heard < silent.heard || (heard === silent.heard && rank < silent.rank)));
    if (isEarlier) silent = { rank, heard, step };
  }
  return silent?.rank ?? null;
}

/** The only one that was still there for the launcher to end, where lines do not tell whose they are. */
function endedRank(reporters: readonly number[], live: readonly Kept[]): number | null {
  if (reporters.length === 0) return null;
  const ended = live.flatMap(({ first }) =>
    first.class === 'terminated' && isExitStatus(first) ? (first.details?.ranks ?? []) : [],
  );
  const [rank, ...others] = sortedRanks(ended.filter((each) => !reporters.includes(each)));
  return others.length > 0 ? null : (rank ?? null);
}

/** By the numbers of the collective operations that they speak of; null where all are as far as each other. */
function laggingRank(live: readonly Kept[], reporters: readonly number[]): number | null {
  if (reporters.length === 1) return reporters[0] ?? null;
  const positions = new Map<number, number>();
  for (const field of ['enqueued', 'sequence'] as const) {
    positions.clear();
    for (const { first, rank } of live) {
      const position = first.details?.[field];
      if (rank !== null && position !== undefined)
        positions.set(rank, Math.min(position, positions.get(rank) ?? Infinity));
    }
    const lowest = Math.min(...positions.values());
    const lagging = [...positions].filter(([, position]) => position === lowest).map(([rank]) => rank);
    if (positions.size > 1 && lagging.length < positions.size) return Math.min(...lagging);
  }
  return null;
}

function describe(cause: Cause, rank: number | null, reporters: readonly number[]): string {
  const { operation, sequence } = cause.details;
  const what =
    operation === undefined ? '' : ` in ${operation}${sequence === undefined ? '' : ` ${sequence}`}`;
  if (rank === null || (reporters.length === 1 && reporters[0] === rank)) return cause.message;
  const others = reporters.filter((reporter) => reporter !== rank);
  if (others.length === 0) return cause.message;
  const verb = cause.class === 'worker-death' ? 'lost' : 'waited for';
  const who = others.length === 1 ? `rank ${others[0]}` : `${others.length} ranks`;
  const ms = cause.details.ranMs ?? cause.details.timeoutMs;
  // The text says no more than that, in many words.
  if (what !== '' && ms !== undefined) return `${who} ${verb} rank ${rank}${what} for ${durationText(ms)}`;
  return `${who} ${verb} rank ${rank}${what}: ${cause.message}`;
}
