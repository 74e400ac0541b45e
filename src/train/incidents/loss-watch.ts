/**
 * Jumps of a loss, told apart from its noise. A jump is at least `aboveMin` values in a row, each far above all that the window holds;
 * a single outlier is none, nor what follows a learning rate that was just raised (warm restarts). While it lasts, the window is kept as
 * it was. Plain data, bounded; fed in the order of a stream.
 */
import type { FactBase } from '../../core/fact.ts';
import { median, spread } from './robust.ts';

export interface Jump {
  since: FactBase;
  step: number | null;
  from: number;
  peak: number;
  /** Values since, and where it came down again. */
  lasted: number;
  recovered: FactBase | null;
}

export interface LossWatch {
  window: number[];
  /** Of the window. */
  highest: number;
  /** The latest values above, with the fact of the first. */
  above: { count: number; since: FactBase; step: number | null; peak: number; below: number } | null;
  jump: Jump | null;
  lastStep: number | null;
  lastStart: number;
}

const windowMax = 64;
const windowMin = 32;
const aboveMin = 3;
const belowMin = 3;
const spreads = 12;
const ranges = 3;
const riseShareMin = 0.5;

export function newLossWatch(): LossWatch {
  return { window: [], highest: -Infinity, above: null, jump: null, lastStep: null, lastStart: -1 };
}

export interface LossValue {
  fact: FactBase;
  step: number | null;
  value: number;
  /** The learning rate has just been raised. */
  isRaised: boolean;
}

export function watchLoss(watch: LossWatch, { fact, step, value, isRaised }: LossValue): void {
  if (fact.start <= watch.lastStart || !Number.isFinite(value)) return;
  watch.lastStart = fact.start;
  if (step !== null && watch.lastStep !== null && step < watch.lastStep) {
    // A checkpoint was loaded, or another count began.
    watch.window = [];
    watch.highest = -Infinity;
    watch.above = null;
    if (watch.jump !== null && watch.jump.recovered === null) watch.jump.recovered = fact;
  }
  watch.lastStep = step ?? watch.lastStep;
  const { above } = watch;
  const isOpen = watch.jump !== null && watch.jump.recovered === null;
  if (isRaised && !isOpen) {
    watch.above = null;
    return remember(watch, value);
  }
  if (watch.window.length < windowMin || !isFar(value, watch)) return settle(watch, value, fact);
  if (above === null) {
    watch.above = { count: 1, since: fact, step, peak: value, below: 0 };
    return;
  }
  above.count += 1;
  above.below = 0;
  above.peak = Math.max(above.peak, value);
  if (watch.jump !== null && watch.jump.recovered === null) {
    watch.jump.peak = Math.max(watch.jump.peak, value);
    watch.jump.lasted = above.count;
  } else if (above.count >= aboveMin) {
    const { since, peak, count } = above;
    const from = median(watch.window);
    watch.jump = { since, step: above.step, from, peak, lasted: count, recovered: null };
  }
}

/** From all that the window holds. */
function isFar(value: number, { window, highest }: LossWatch): boolean {
  if (value <= highest) return false;
  const middle = median(window);
  const isSigned = Math.min(...window) <= 0;
  const limit = Math.max(
    middle + spreads * spread(window),
    middle + (isSigned ? 2 * ranges : ranges) * (highest - middle),
    middle + riseShareMin * Math.abs(middle),
  );
  return value > limit;
}

function settle(watch: LossWatch, value: number, fact: FactBase): void {
  const { above, jump } = watch;
  const isOpen = jump !== null && jump.recovered === null;
  if (above !== null) {
    above.below += 1;
    if (above.below < (isOpen ? belowMin : 1)) return;
    // What turned out to be an outlier is part of the noise.
    if (!isOpen) remember(watch, above.peak);
    watch.above = null;
  }
  if (isOpen) jump.recovered = fact;
  remember(watch, value);
}

function remember(watch: LossWatch, value: number): void {
  watch.window.push(value);
  const forgotten = watch.window.length > windowMax ? watch.window.shift() : undefined;
  watch.highest = forgotten === watch.highest ? Math.max(...watch.window) : Math.max(watch.highest, value);
}
