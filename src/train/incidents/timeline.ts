/**
 * When a stream made its steps: how long one takes, how long is waited between two signs of it, and where the time went. Times are
 * compared only with times of the same clock, that of the texts (`own`) or that of who read them (`observed`).
 *
 * Steps that are told at the same moment count together, as a file does that is read in pieces. A gap between two moments is told apart into
 * what its steps usually take, and the rest: a checkpoint, an evaluation or whatever the stream said in between, else idle time.
 *
 * Plain data, bounded. A fact that is taken again changes nothing.
 */
import type { FactBase, PhaseName } from '../../core/fact.ts';
import { keep, median } from './robust.ts';

export type Clock = 'own' | 'observed';

export interface Moment {
  step: number;
  /** ms since epoch, by the timeline's clock */
  time: number;
}

/** ms */
export interface Spent {
  productive: number;
  checkpoint: number;
  eval: number;
  /** Compiling, or loading a checkpoint. */
  startup: number;
  /** Until the first step after the count had gone back, as it does behind a checkpoint that was loaded. */
  restart: number;
  idle: number;
}

export interface Timeline {
  clock: Clock;
  /** The first step by this clock. */
  since: Moment;
  /** The first sign of a step at the newest moment. */
  anchor: Moment;
  first: FactBase;
  last: FactBase;
  lastStep: number;
  ticks: number;
  /** ms a step, of the latest gaps in which nothing but steps was told. */
  stepMs: number[];
  /** ms, of the same gaps: from one sign to the next. */
  beatMs: number[];
  /** What a step takes, as it was last worked out; null before that is known. */
  usualMs: number | null;
  /** Steps from one sign to the next, the same. */
  stride: number;
  /** ms: the longest gap by what was announced in it; `train`: nothing was. */
  longest: Partial<Record<PhaseName | 'train', number>>;
  /** What was told since the last tick, and whether it was told before it was done. */
  phase: PhaseName | null;
  isAnnounced: boolean;
  recent: Moment[];
  spent: Spent;
  /** The highest step; below it, steps are made again. Those that were; ms that they took, which are part of the productive ones. */
  highest: number;
  redone: { steps: number; ms: number };
  /** How often the count began anew, as it does in each epoch: then it says nothing of how far the run is. */
  begun: number;
  /** The highest step of each of the last times, the newest last. */
  epochs: number[];
}

const gapsMax = 128;
const recentMax = 64;
const epochsMax = 3;
/** Steps are known after so many gaps, and worked out anew each so many. */
const gapsKnown = 8;
const gapsAgain = 64;
/** A gap of so many times the usual has held something else. */
const longFactor = 3;
const unorderedStrides = 4;

export function newTimeline(fact: FactBase, step: number): Timeline {
  const clock = clockOf(fact);
  return {
    clock,
    since: { step, time: timeBy(clock, fact) },
    anchor: { step, time: timeBy(clock, fact) },
    first: fact,
    last: fact,
    lastStep: step,
    ticks: 1,
    stepMs: [],
    beatMs: [],
    usualMs: null,
    stride: 1,
    longest: {},
    phase: null,
    isAnnounced: false,
    recent: [{ step, time: timeBy(clock, fact) }],
    spent: { productive: 0, checkpoint: 0, eval: 0, startup: 0, restart: 0, idle: 0 },
    highest: step,
    redone: { steps: 0, ms: 0 },
    begun: 0,
    epochs: [],
  };
}

/** `fact`: one that names the step. Returns ms a step, if a gap in which nothing but steps was told ends with it. */
export function tick(line: Timeline, fact: FactBase, step: number): number | null {
  if (fact.start <= line.last.start || step === line.lastStep) return null;
  const clock = clockOf(fact);
  const before = line.lastStep;
  // Several processes that write to one file, and do not name themselves, are not in order.
  if (step < before && before - step <= unorderedStrides * line.stride && step > line.stride) return null;
  line.last = fact;
  line.lastStep = step;
  line.ticks += 1;
  if (clock !== line.clock) {
    // The text's own time says more; once there is one, others say nothing.
    if (clock === 'own') restart(line, fact, step);
    return null;
  }
  const time = timeBy(clock, fact);
  keep(line.recent, { step, time }, recentMax);
  if (step < before) {
    wentBack(line, { step, time });
    return null;
  }
  return time > line.anchor.time ? gap(line, { step, time }) : null;
}

export function clockOf({ time, observed }: FactBase): Clock {
  return time === observed ? 'observed' : 'own';
}

export function timeBy(clock: Clock, { time, observed }: FactBase): number {
  return clock === 'own' ? time : observed;
}

function restart(line: Timeline, fact: FactBase, step: number): void {
  const { first, ticks } = line;
  Object.assign(line, newTimeline(fact, step), { first, ticks, clock: 'own' });
}

/** The run was started again into the same file, or counts from the beginning, as it does in each epoch. */
function wentBack(line: Timeline, now: Moment): void {
  const isBegin = now.step <= line.stride;
  if (isBegin) {
    line.begun += 1;
    keep(line.epochs, line.highest, epochsMax);
    line.highest = now.step;
  }
  const past = Math.max(0, now.time - line.anchor.time);
  const work = line.beatMs.length === 0 ? 0 : Math.min(past, longFactor * median(line.beatMs));
  line.spent.productive += work;
  line.spent[isBegin ? 'idle' : 'restart'] += past - work;
  line.anchor = now;
  line.phase = null;
  line.isAnnounced = false;
}

function gap(line: Timeline, now: Moment): number | null {
  const { anchor, usualMs, phase, isAnnounced } = line;
  const ms = now.time - anchor.time;
  const steps = now.step - anchor.step;
  line.anchor = now;
  line.phase = null;
  line.isAnnounced = false;
  if (steps <= 0) {
    spend(line.spent, phase, 0, ms);
    return null;
  }
  const work = usualMs === null || ms <= longFactor * usualMs * steps ? ms : usualMs * steps;
  spend(line.spent, phase, work, ms - work);
  if (now.step <= line.highest) line.redone = { steps: line.redone.steps + steps, ms: line.redone.ms + work };
  line.highest = Math.max(line.highest, now.step);
  const kind = phase !== null && isAnnounced ? phase : 'train';
  line.longest[kind] = Math.max(line.longest[kind] ?? 0, ms);
  if (phase !== null) return null;
  keep(line.stepMs, ms / steps, gapsMax);
  keep(line.beatMs, ms, gapsMax);
  const known = line.stepMs.length;
  if (known === gapsKnown || (known > gapsKnown && line.ticks % gapsAgain === 0)) {
    line.usualMs = median(line.stepMs);
    line.stride = Math.max(1, Math.round(median(line.beatMs) / Math.max(line.usualMs, 1e-9)));
  }
  return ms / steps;
}

function spend(spent: Spent, phase: PhaseName | null, work: number, rest: number): void {
  spent.productive += work;
  if (phase === 'checkpoint' || phase === 'eval') spent[phase] += rest;
  else if (phase !== null) spent.startup += rest;
  else spent.idle += rest;
}
