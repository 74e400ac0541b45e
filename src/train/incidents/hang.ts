/**
 * A run that makes no steps any more: silence against what it has shown of itself, told before the ten minutes after which NCCL gives up.
 *
 * - How long a run may be silent is learned from its own signs (`patienceOf`): at least five minutes, far over its usual interval, and longer
 *   than anything that it has done between steps before. In a checkpoint, an evaluation, a compilation it is longer; before `beatsMin`
 *   intervals are known nothing is told.
 * - One rank that is silent while others go on is none: ranks that wait for each other stop together, so its log is what is missing.
 * - Of a run that is under way (`now`) silence lasts until now, and counts only where steps are known to be missing: a bar is not full, lines
 *   say `step 120/2000`, a rank is behind the others, or it stands amid an epoch whose steps are counted anew. Many a trainer ends without a word; what is silent altogether is told as that. From files it is told only where somebody ended the run from outside, in the
 *   same file, long after its last step: a log that just ends says nothing.
 */
import type { PhaseName } from '../../core/fact.ts';
import type { AttemptRecord, Kept } from './attempt-record.ts';
import type { Cause } from './cause.ts';
import { median, spread } from './robust.ts';
import { stepsOf } from './stream-watch.ts';
import type { StreamWatch } from './stream-watch.ts';

import type { Timeline } from './timeline.ts';
import { causeOfFact } from './warning.ts';
import { durationText } from './words.ts';

const beatsMin = 12;
const patienceMinMs = 300_000;
const phaseMinMs = 600_000;
const phaseUnknownMs = 1_800_000;
const beatFactor = 5;
const spreadFactor = 20;
const longestFactor = 2;
const phaseFactor = 3;
/** Who is silent for longer has ended, and did not say so. */
const silenceMaxMs = 86_400_000;
const epochsMin = 3;
/** So many signs of a rank may the others be ahead of it. */
const strides = 8;

/** Whoever ends a run from outside may do so because it hangs. */
const fromOutside: ReadonlySet<string> = new Set(['terminated', 'interrupted', 'scheduler', 'killed']);

/** The run says that it is through. */
const ends: ReadonlySet<string> = new Set(['finished', 'done']);

interface Silence {
  stream: StreamWatch;
  line: Timeline;
  ms: number;
}

/** `now`: ms since epoch, up to when everything that was written is known; null: what is there is all there is. `live`: as in verdict.ts. */
export function hangOf(record: AttemptRecord, live: readonly Kept[], now: number | null): Cause | null {
  const silences = now === null ? endedSilences(record, live) : silencesAt(record, live, now);
  if (silences.length === 0) return null;
  const patience = Math.max(...silences.map(({ stream, line }) => patienceOf(stream, line)));
  // The one that was heard of last has been silent the shortest.
  const shortest = silences.reduce((a, b) => (b.ms < a.ms ? b : a));
  if (!(shortest.ms > patience) || shortest.ms > silenceMaxMs) return null;
  const laggard = laggardOf(silences);
  if (now !== null && !isMidway(silences, laggard)) return null;
  const { line, stream } = laggard ?? shortest;
  const cause = causeOfFact(line.last, 'hang', message(shortest, laggard, silences));
  return { ...cause, rank: stream.rank, ranks: stream.rank === null ? [] : [stream.rank] };
}

/** ms of silence that are no reason to worry; infinite while too little is known. */
export function patienceOf(stream: StreamWatch, { beatMs, longest }: Timeline): number {
  if (beatMs.length < beatsMin) return Infinity;
  const usual = median(beatMs);
  const base = Math.max(
    patienceMinMs,
    beatFactor * usual,
    usual + spreadFactor * spread(beatMs),
    // What it has done unannounced, it may do again.
    longestFactor * (longest.train ?? 0),
  );
  return stream.phase === null ? base : Math.max(base, phasePatience(longest[stream.phase.phase]));
}

function phasePatience(longestMs: number | undefined): number {
  return longestMs === undefined ? phaseUnknownMs : Math.max(phaseMinMs, phaseFactor * longestMs);
}

/** Up to now. None if any rank came to its end. */
function silencesAt(record: AttemptRecord, live: readonly Kept[], now: number): Silence[] {
  if (live.some(({ first }) => first.role === 'root' || first.role === 'cascade')) return [];
  return linesOf(record).map(({ stream, line }) => ({
    stream,
    line,
    ms: now - heardOf(record.watched, stream.rank),
  }));
}

/** Steps are missing, as far as is known: ranks that print alike end at the same one. */
function isMidway(silences: readonly Silence[], laggard: Silence | null): boolean {
  if (silences.some(({ stream, line }) => isToGoOn(stream) || isAmidEpoch(line))) return true;
  return laggard !== null && silences.every(({ line }) => line.stride === laggard.line.stride);
}

function isToGoOn({ barTotal, pointsTotal, isComplete }: StreamWatch): boolean {
  return !isComplete && (barTotal > 0 || pointsTotal > 0);
}

/** Where each epoch counts its steps anew, and the last ones had all the same number of them. */
function isAmidEpoch({ epochs, lastStep, stride }: Timeline): boolean {
  if (epochs.length < epochsMin) return false;
  const least = Math.min(...epochs);
  return Math.max(...epochs) - least <= stride && lastStep + stride < least - stride;
}

/** By whatever file of the rank. */
function heardOf(watched: AttemptRecord['watched'], rank: number | null): number {
  let heard = -1;
  for (const stream of watched.values())
    if (stream.rank === rank) heard = Math.max(heard, stream.lastObserved);
  return heard;
}

/** Up to where somebody ended the run. */
function endedSilences(record: AttemptRecord, live: readonly Kept[]): Silence[] {
  const roots = live.filter(({ first }) => first.role === 'root');
  if (roots.length === 0 || roots.some(({ first }) => !fromOutside.has(first.class))) return [];
  const silences = linesOf(record)
    .filter(({ line }) => line.clock === 'own')
    .map(({ stream, line }) => {
      const end = roots.find(({ first }) => first.stream === line.last.stream && isTimed(first));
      const ms = end === undefined ? Infinity : end.first.time - Math.max(stream.lastOwn, line.last.time);
      return { stream, line, ms };
    });
  return silences.some(({ ms }) => ms < Infinity) ? silences : [];
}

/** Of each rank the stream that says most of its steps; none of a run that came to its end. */
function linesOf({ watched, kept }: AttemptRecord): Omit<Silence, 'ms'>[] {
  const lines = new Map<number | null, Omit<Silence, 'ms'>>();
  for (const stream of watched.values()) {
    const line = stepsOf(stream);
    if (line === null) continue;
    if (stream.isComplete) return [];
    for (const { last } of kept.values())
      if (ends.has(last.class) && (last.stream !== line.last.stream || last.start >= line.last.start))
        return [];
    const known = lines.get(stream.rank);
    if (line.beatMs.length >= beatsMin && line.ticks > (known?.line.ticks ?? 0))
      lines.set(stream.rank, { stream, line });
  }
  return [...lines.values()];
}

function isTimed({ time, observed, details }: Kept['first']): boolean {
  return time !== observed && details?.since === undefined;
}

/** The rank that stands a little behind the others, if there is one. One that is far behind only has no more log. */
function laggardOf(silences: readonly Silence[]): Silence | null {
  // What is told without a name may be of any of them.
  const named = silences.filter(({ stream }) => stream.rank !== null);
  const steps = named.map(({ line }) => line.lastStep);
  const lowest = Math.min(...steps);
  const lagging = named.filter(({ line }) => line.lastStep === lowest);
  const [laggard] = lagging;
  if (laggard === undefined || lagging.length === named.length || lagging.length * 2 > named.length)
    return null;
  return Math.max(...steps) - lowest <= strides * laggard.line.stride ? laggard : null;
}

const doing: Readonly<Record<PhaseName, string>> = {
  checkpoint: 'while it saves a checkpoint',
  eval: 'while it evaluates',
  compile: 'while it compiles',
  init: 'while it loads',
};

function message(shortest: Silence, laggard: Silence | null, silences: readonly Silence[]): string {
  const { line, stream, ms } = shortest;
  const usual = durationText(median(line.beatMs));
  const phase = stream.phase === null ? '' : ` ${doing[stream.phase.phase]}`;
  const who =
    laggard === null || laggard.stream.rank === null
      ? ''
      : `: rank ${laggard.stream.rank} stands at step ${laggard.line.lastStep}, the others are at ${Math.max(...silences.map((each) => each.line.lastStep))}`;
  const until = ` for ${durationText(ms)} after step ${line.lastStep}${phase}, where one sign every ${usual} was usual`;
  return `no step${until}${who}`;
}
