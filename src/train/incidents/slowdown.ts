/**
 * Whether something takes much longer than it did, for long: against its own past, which is kept as it was while the slow time lasts. What
 * varies widely, or has two modes, is not slow. Plain data, bounded; fed in the order of a stream.
 */
import type { FactBase } from '../../core/fact.ts';
import { keep, median, quantile } from './robust.ts';

export interface Slowdown {
  /** The latest values, each with the fact that told it. */
  values: number[];
  facts: FactBase[];
  fed: number;
  /** What was usual, and what nine of ten do not reach, as it was last worked out. */
  past: { usual: number; high: number } | null;
  slow: { since: FactBase; usual: number; now: number } | null;
}

const recentCount = 24;
const pastMin = 48;
const valuesMax = 256;
const lookEvery = 12;
const pastEvery = 60;
const slowFactor = 1.6;
const recoveredFactor = 1.25;

export function newSlowdown(): Slowdown {
  return { values: [], facts: [], fed: 0, past: null, slow: null };
}

/** `value`: larger is slower, above 0. */
export function feed(slowdown: Slowdown, value: number, fact: FactBase): void {
  keep(slowdown.values, value, valuesMax);
  keep(slowdown.facts, fact, recentCount);
  slowdown.fed += 1;
  if (slowdown.fed % lookEvery !== 0 || slowdown.values.length < recentCount + pastMin) return;
  const recent = slowdown.values.slice(-recentCount);
  const now = median(recent);
  if (slowdown.slow !== null) {
    if (now < recoveredFactor * slowdown.slow.usual) slowdown.slow = null;
    else slowdown.slow.now = now;
    return;
  }
  const past = pastOf(slowdown);
  if (now <= slowFactor * past.usual) return;
  const [since] = slowdown.facts;
  if (since !== undefined && quantile(recent, 0.2) > Math.max(1.3 * past.usual, past.high))
    slowdown.slow = { since, usual: past.usual, now };
}

/** Without the latest ones, which may be slow already. */
function pastOf(slowdown: Slowdown): { usual: number; high: number } {
  if (slowdown.past !== null && slowdown.fed % pastEvery !== 0) return slowdown.past;
  const values = slowdown.values.slice(0, -recentCount);
  slowdown.past = { usual: median(values), high: quantile(values, 0.9) };
  return slowdown.past;
}
