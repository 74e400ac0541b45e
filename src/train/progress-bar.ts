/**
 * tqdm's progress bars: `label:  50%|███  | 30/60 [00:00<00:00, 139.44it/s, …]` (tqdm/std.py, format_meter). The numbers
 * behind the rate are running means, not points.
 */
import type { FactReader, TrainContext } from './reader.ts';

export interface Bar {
  label: string | null;
  done: number;
  total: number | null;
  /** Steps per second. */
  rate: number | null;
}

const counter =
  /(\d{1,12})(?:\/(\d{1,12}|\?)|it) \[(?:\d{1,4}:)?\d{1,2}:\d{2}(?:<[^,\]]{0,24})?(?:, {0,4}([\d.]{1,12}|\?)(it|s)\/(?:s|it))?/;
const labelled = /^\s*([^|\d%][^|]{0,120}?):\s*(?:\d{1,3}%\|)?/;

export function readBar(text: string): Bar | null {
  if (!text.includes(' [')) return null;
  const found = counter.exec(text.slice(0, 2048));
  if (found === null) return null;
  const [, done, total, rate, unit] = found;
  const speed = rate === undefined || rate === '?' ? null : Number(rate);
  return {
    label: labelled.exec(text.slice(0, found.index))?.[1]?.trim() ?? null,
    done: Number(done),
    total: total === undefined || total === '?' ? null : Number(total),
    rate:
      speed === null || Number.isNaN(speed) ? null : unit === 's' ? (speed === 0 ? null : 1 / speed) : speed,
  };
}

const barsMax = 8;

export const progressBarReader: FactReader = {
  format: 'tqdm',
  kinds: ['progress'],
  matches: () => true,
  read({ line }, context) {
    const bar = readBar(line);
    if (bar === null) return [];
    if (bar.total !== null) remember(context, bar.total, bar.done);
    return [{ kind: 'progress', step: bar.done, total: bar.total, rate: bar.rate, label: bar.label }];
  },
};

function remember(context: TrainContext, total: number, done: number): void {
  const bars: Record<string, number> = { ...context.bars, [total]: done };
  const totals = Object.keys(bars).map(Number);
  // Keys that are whole numbers are ordered by value: the first one is the smallest bar, the least likely to count steps.
  if (totals.length > barsMax) delete bars[String(Math.min(...totals))];
  context.bars = bars;
}

/**
 * The step that a bar tells which was redrawn behind a print: trainers redraw it at once, so its count is that of the
 * print. Only the bar with the most steps counts them; others are of an evaluation, a download, a data set.
 */
export function stepBeside(barAfter: string | undefined, context: TrainContext): number | null {
  const bar = barAfter === undefined ? null : readBar(barAfter);
  if (bar === null || bar.total === null || context.bars === undefined) return null;
  const before = context.bars[bar.total];
  if (before === undefined || bar.done < before || bar.done === 0) return null;
  return Object.keys(context.bars).every((total) => Number(total) <= (bar.total ?? 0)) ? bar.done : null;
}
