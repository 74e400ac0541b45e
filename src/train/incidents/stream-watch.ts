/**
 * What is remembered of one stream of an attempt, to tell whether its run makes steps, how fast, and how its loss fares. A stream counts its
 * steps by what its points name, or, if none does, by its largest progress bar. Plain data, bounded; a fact that comes again changes nothing.
 */
import type { Fact, FactBase, PhaseBody, PhaseName, PointFact } from '../../core/fact.ts';
import { isEvaluationLabel } from '../phases.ts';
import { newLossWatch, watchLoss } from './loss-watch.ts';
import type { LossWatch } from './loss-watch.ts';
import { keep } from './robust.ts';
import { feed, newSlowdown } from './slowdown.ts';
import type { Slowdown } from './slowdown.ts';
import { newTimeline, tick } from './timeline.ts';
import type { Timeline } from './timeline.ts';

export type PhaseFact = FactBase & PhaseBody;

export interface StreamWatch {
  rank: number | null;
  host: string | null;
  points: Timeline | null;
  bar: Timeline | null;
  /** The last step, as the bar that counts tells, or else the points; 0 where neither does. And whether it was made. */
  barTotal: number;
  pointsTotal: number;
  isComplete: boolean;
  /** Of the last sign, by each clock: ms since epoch, -1 where there was none. */
  lastOwn: number;
  lastObserved: number;
  firstOwn: number;
  /** ms since epoch, by the text's own time: of the last failure that it tells. */
  failedOwn: number;
  /** The last thing begun that is no step; null once it has ended, or a step came. */
  phase: PhaseFact | null;
  checkpoint: Checkpoint | null;
  /** One that was begun: it is taken for completed when its end is told, or a step comes. */
  saving: Checkpoint | null;
  losses: Map<string, LossWatch>;
  /** Of what a step takes (under ``), and of stated rates by their name. */
  slowness: Map<string, Slowdown>;
  learningRates: number[];
  ratesStart: number;
}

/** The last one that was completed, as far as can be told. */
export interface Checkpoint {
  step: number;
  fact: FactBase;
}

/** The name of the time that a step takes, as the stream's times tell. */
export const stepTime = '';
const seriesMax = 8;
const ratesMax = 8;
const raisedFactor = 2;

export function newStreamWatch({ rank, host }: FactBase): StreamWatch {
  return {
    rank,
    host: host ?? null,
    points: null,
    bar: null,
    barTotal: 0,
    pointsTotal: 0,
    isComplete: false,
    lastOwn: -1,
    lastObserved: -1,
    firstOwn: -1,
    failedOwn: -1,
    phase: null,
    checkpoint: null,
    saving: null,
    losses: new Map(),
    slowness: new Map(),
    learningRates: [],
    ratesStart: -1,
  };
}

/** The steps that count. */
export function stepsOf({ points, bar }: StreamWatch): Timeline | null {
  return points ?? bar;
}

export function watch(stream: StreamWatch, fact: Fact): void {
  noteTime(stream, fact);
  if (fact.kind === 'point') takePoint(stream, fact);
  else if (fact.kind === 'phase') takePhase(stream, fact);
  else if (fact.kind === 'progress') {
    if (isEvaluationLabel(fact.label)) return told(stream, 'eval');
    if ((fact.total ?? 0) < stream.barTotal) return;
    stream.barTotal = fact.total ?? 0;
    if (fact.total !== null && fact.total > 1) stream.isComplete = fact.step >= fact.total;
    stream.bar = advance(stream, stream.bar, fact, fact.step);
  }
}

function noteTime(stream: StreamWatch, { time, observed, kind }: Fact): void {
  // What tells of an end is no sign of life.
  if (kind === 'observation') {
    if (time !== observed) stream.failedOwn = Math.max(stream.failedOwn, time);
    return;
  }
  stream.lastObserved = Math.max(stream.lastObserved, observed);
  if (time === observed) return;
  stream.lastOwn = Math.max(stream.lastOwn, time);
  stream.firstOwn = stream.firstOwn < 0 ? time : Math.min(stream.firstOwn, time);
}

/** Points of a training step; others, of an evaluation above all, are told between steps. */
const stepPoints: ReadonlySet<string> = new Set([
  'loss',
  'learning_rate',
  'grad_norm',
  'tokens_per_second',
  'samples_per_second',
  'loss_scale',
  'mfu',
]);

function takePoint(stream: StreamWatch, fact: PointFact): void {
  const { canonical, value, step } = fact;
  if (canonical === null) return;
  if (canonical.startsWith('validation_')) return told(stream, 'eval');
  if (!stepPoints.has(canonical)) return;
  // Hugging Face's Trainer prints no step where it shows no bar: its prints are counted.
  const at = step ?? (stream.points?.lastStep ?? 0) + (isNew(stream.points, fact) ? 1 : 0);
  stream.points = advance(stream, stream.points, fact, at);
  noteTotal(stream, stream.points, fact);
  if (canonical === 'learning_rate') takeRate(stream, fact);
  else if (canonical === 'loss') {
    const loss = entry(stream.losses, fact.name, newLossWatch);
    if (loss !== null) watchLoss(loss, { fact, step, value, isRaised: isRaised(stream) });
  } else if (canonical.endsWith('_per_second') && value > 0 && Number.isFinite(value)) {
    slower(stream, fact.name, 1 / value, fact);
  }
}

/** Of the last steps nothing may be printed, where not each is. */
function noteTotal(stream: StreamWatch, line: Timeline, { step, total, start }: PointFact): void {
  if (step === null || total === undefined || start < line.last.start) return;
  stream.pointsTotal = total;
  stream.isComplete = total - step <= line.stride;
}

function slower({ slowness }: StreamWatch, name: string, value: number, fact: FactBase): void {
  const slowdown = entry(slowness, name, newSlowdown);
  if (slowdown !== null && fact.start > (slowdown.facts.at(-1)?.start ?? -1)) feed(slowdown, value, fact);
}

/** Null where there is no room for another name. */
function entry<T>(map: Map<string, T>, name: string, create: () => T): T | null {
  const known = map.get(name);
  if (known !== undefined || map.size >= seriesMax) return known ?? null;
  const created = create();
  map.set(name, created);
  return created;
}

function isNew(line: Timeline | null, { start }: FactBase): boolean {
  return line === null || start > line.last.start;
}

function advance(stream: StreamWatch, line: Timeline | null, fact: FactBase, step: number): Timeline {
  if (line !== null && (!isNew(line, fact) || step === line.lastStep)) return line;
  stream.phase = null;
  saved(stream);
  if (line === null) return newTimeline(fact, step);
  const ms = tick(line, fact, step);
  if (ms !== null) slower(stream, stepTime, ms, fact);
  return line;
}

function takePhase(stream: StreamWatch, fact: PhaseFact): void {
  const line = stepsOf(stream);
  if (line !== null && fact.start <= line.last.start) return;
  if (fact.phase === 'checkpoint') {
    const step = fact.step ?? line?.lastStep ?? null;
    if (step !== null) stream.saving = { step, fact };
    if (fact.state === 'ends') saved(stream);
  }
  told(stream, fact.phase, fact.state === 'begins');
  stream.phase = fact.state === 'begins' ? fact : null;
}

function saved(stream: StreamWatch): void {
  stream.checkpoint = stream.saving ?? stream.checkpoint;
  stream.saving = null;
}

function told({ points, bar }: StreamWatch, phase: PhaseName, isAnnounced = false): void {
  for (const line of [points, bar]) {
    if (line === null) continue;
    line.phase ??= phase;
    line.isAnnounced ||= isAnnounced;
  }
}

function takeRate(stream: StreamWatch, { value, start }: PointFact): void {
  if (start <= stream.ratesStart) return;
  stream.ratesStart = start;
  keep(stream.learningRates, value, ratesMax);
}

/** Warm restarts raise the learning rate at once, and the loss with it. */
function isRaised({ learningRates }: StreamWatch): boolean {
  const last = learningRates.at(-1);
  return last !== undefined && last > raisedFactor * Math.min(...learningRates);
}
