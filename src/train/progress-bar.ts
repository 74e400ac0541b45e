/**
 * Progress bars, one a row: tqdm's `label:  50%|███  | 30/60 [00:00<00:00, 139.44it/s, …]` (tqdm/std.py, format_meter) and enlighten's, which are
 * alike, and rich's with a count, `Epoch 0/2 ━━━━━ 20/60 0:00:01 • 0:00:02 34.20it/s …` (rich/progress.py; the columns of Lightning's). The numbers
 * behind the rate are running means, not points.
 */
import type { FactBody } from '../core/fact.ts';
import type { FactReader, TrainContext } from './reader.ts';

export interface Bar {
  label: string | null;
  done: number;
  total: number | null;
  /** Steps per second. */
  rate: number | null;
  etaMs: number | null;
}

const counter =
  /(\d{1,12})(?:\/(\d{1,12}|\?)|it) \[(?:\d{1,4}:)?\d{1,2}:\d{2}(?:<([^,\]]{0,24}))?(?:, {0,4}([\d.]{1,12}|\?) ?(it|s)\/(?:s|it))?/;
const labelled = /^\s*([^|\d%][^|]{0,120}?):\s*(?:\d{1,3}%\|)?/;

const richBar =
  /^(.{0,120}?) {0,4}[━╸╺]{2,400} {1,8}(\d{1,12})\/(\d{1,12})(?: {1,4}[\d:]{4,12} • ([\d:]{4,12}|[-:]{4,12}))?(?: {1,4}([\d.]{1,12})it\/s)?/;
const rowMax = 2048;

export function readBar(text: string): Bar | null {
  if (text.includes('━')) return readRichBar(text.slice(0, rowMax));
  if (!text.includes(' [')) return null;
  const found = counter.exec(text.slice(0, rowMax));
  if (found === null) return null;
  const [, done, total, left = '', rate, unit] = found;
  const speed = rate === undefined || rate === '?' ? null : Number(rate);
  return {
    label: labelled.exec(text.slice(0, found.index))?.[1]?.trim() ?? null,
    done: Number(done),
    total: total === undefined || total === '?' ? null : Number(total),
    rate:
      speed === null || Number.isNaN(speed) ? null : unit === 's' ? (speed === 0 ? null : 1 / speed) : speed,
    etaMs: durationMs(left),
  };
}

function readRichBar(text: string): Bar | null {
  const [, label = '', done, total, left = '', rate] = richBar.exec(text) ?? [];
  if (done === undefined) return null;
  const speed = Number(rate ?? NaN);
  return {
    label: label.trim() || null,
    done: Number(done),
    total: Number(total),
    rate: speed > 0 ? speed : null,
    etaMs: durationMs(left),
  };
}

/** `1:02:03`, `02:03`, `1 day, …`: the first two only. */
function durationMs(text: string): number | null {
  const found = /^(?:(\d{1,5}):)?(\d{1,2}):(\d{2})$/.exec(text.trim());
  if (found === null) return null;
  const [, hours = '0', minutes, seconds] = found;
  return ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
}

/** What a bar tells of the progress. */
export function progressOf({ done, total, rate, label, etaMs }: Bar): FactBody {
  return { kind: 'progress', step: done, total, rate, label, ...(etaMs !== null && { etaMs }) };
}

/** A display has a row for each bar. */
const rowsMax = 48;
const barsMax = 8;

export const progressBarReader: FactReader = {
  format: 'tqdm, enlighten, rich',
  kinds: ['progress'],
  matches: () => true,
  read({ event }, context) {
    const facts: FactBody[] = [];
    for (const row of event.message.split('\n', rowsMax)) {
      const bar = readBar(row);
      if (bar === null) continue;
      if (bar.total !== null) remember(context, bar.total, bar.done);
      facts.push(progressOf(bar));
    }
    return facts;
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
