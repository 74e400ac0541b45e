/**
 * Which points a later life of the run has replaced. A run that fell at step 950 and resumes from a checkpoint at 800 tells 801–950 again:
 * what the later life has reached, from its first step on, supersedes what an earlier one told there. The rest of the earlier life stands until
 * then, and for ever if the later one never comes so far.
 *
 * Within a source a later life is known as such. Between sources only the attempt orders lives: a source that wrote on through the new
 * attempt's start, as one whose path names no attempt does, keeps what it told since.
 */
import type { Life, Source } from './sources.ts';

/** The steps that an attempt has told of something, over all ranks. */
interface Reached {
  first: number;
  last: number;
  begun: number;
}

/** The numbers (SourcePoint.no) of the points that are superseded. */
export function supersededPoints(sources: readonly Source[]): Set<number> {
  const superseded = new Set<number>();
  const reached = reachedByAttempts(sources);
  for (const source of sources) {
    const { lives } = source;
    lives.forEach((life, i) => {
      const within = lives.slice(i + 1).filter((later) => later.first <= later.last);
      const beyond = laterAttempts(reached, source, life);
      if (within.length === 0 && beyond.length === 0) return;
      const begun = Math.min(
        ...lives.filter(({ attempt }) => attempt === life.attempt).map((of) => of.begun),
      );
      for (const { no, point } of life.points) {
        const { step, time } = point;
        if (step === null) continue;
        const holds = ({ first, last }: { first: number; last: number }) => first <= step && step <= last;
        if (within.some(holds) || beyond.some((each) => holds(each) && !isSince(begun, time, each)))
          superseded.add(no);
      }
    });
  }
  return superseded;
}

/** Of a file without times of its own all points have one time, which says nothing: the source, which has `begun` then, must have begun before. */
function isSince(begun: number, time: number, later: Reached): boolean {
  return begun < later.begun && time >= later.begun;
}

/** By run and what is told, then by attempt. What is told goes by its raw name, and by its canonical one. */
type ReachedBy = Map<string, Map<number, Reached>>;

function reachedByAttempts(sources: readonly Source[]): ReachedBy {
  const reached: ReachedBy = new Map();
  for (const source of sources)
    for (const key of keysOf(source)) {
      const attempts = reached.get(key) ?? new Map<number, Reached>();
      reached.set(key, attempts);
      for (const { attempt, first, last, begun } of source.lives) {
        if (first > last) continue;
        const held = attempts.get(attempt) ?? { first, last, begun };
        attempts.set(attempt, {
          first: Math.min(held.first, first),
          last: Math.max(held.last, last),
          begun: Math.min(held.begun, begun),
        });
      }
    }
  return reached;
}

/** By the raw name where a later attempt told that, too: two names of one thing may count steps differently. */
function laterAttempts(reached: ReachedBy, source: Source, { attempt }: Life): Reached[] {
  for (const key of keysOf(source)) {
    const later = [...(reached.get(key) ?? [])].filter(([other]) => other > attempt);
    if (later.length > 0) return later.map(([, each]) => each);
  }
  return [];
}

function keysOf({ run, about, name }: Source): [raw: string, about: string] {
  return [JSON.stringify([run, about, name]), JSON.stringify([run, about])];
}
