/**
 * Progress bars, one a row: tqdm's `label:  50%|███  | 30/60 [00:00<00:00, 139.44it/s, …]` (tqdm/std.py, format_meter) and enlighten's, which are
 * alike, and rich's with a count, `Epoch 0/2 ━━━━━ 20/60 0:00:01 • 0:00:02 34.20it/s …` (rich/progress.py; the columns of Lightning's, of `tqdm.rich`). The numbers
 * behind the rate are running means, not points. Also progressbar2's ` 45% (450 of 1000) |####   | … ETA: 0:00:12` (widgets.py),
 * click's `train  [####----]  10/40  00:00:12` (_termui_impl.py), alive-progress' `train |███    | ▂▄▆ 23/40 [57%] in 1s (~8s, 31.1/s)`, bars of which only the
 * share is told, where their label names the training, and the lines of tqdm-loggable, which Levanter has: `Progress on:train 1.00kit/10.0kit rate:2.0it/s
 * remaining:01:00 …` (tqdm_logging.py), and Ignite's `Epoch [1/3]: [4/8]  50%|█████     , loss=0.86 [00:00<00:00]` (handlers/tqdm_logger.py),
 * and Ultralytics' `1/3  0G  4.19  2.712  2.572  8  64: 75% ━━━━━━━━━─── 3/4 5.6it/s 0.3s<0.2s` (utils/tqdm.py): the row's first column is the epoch.
 */
import type { FactBody } from '../core/fact.ts';
import { readLauncherPrefix } from '../core/launcher-prefix.ts';
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
  /(\d{1,12})(?:\/(\d{1,12}|\?)|it) \[(?:\d{1,4}:)?\d{1,2}:\d{2}(?:<([^,\]]{0,24}))?(?:, {0,4}([\d.]{1,12}|\?) ?(?!(?:[kMGT]i?)?B\/)([A-Za-z]{1,16})\/[A-Za-z])?/;
const labelled = /^\s*([^|\d%][^|]{0,120}?):\s*(?:\d{1,3}%\|)?/;

/** Of two times the second one is left; one alone may be either. A spinner may stand in front, a share before or behind the bar. */
const richBar =
  /^(?:[\u2800-\u28ff]? {1,4})?(.{0,120}?) {0,4}(?:\d{1,3}% )?[━╸╺]{2,400} {1,8}(?:\d{1,3}% {1,4})?(\d[\d,]{0,15})\/(\d[\d,]{0,15})(?: {1,4}(?:\[ )?[\d:]{4,12} (?:[•<] )?([\d:]{4,12}|[-:]{4,12}))?(?:(?: ,)? {1,4}([\d.]{1,12}) ?it\/s)?/;
const rowMax = 2048;
const drawnByUltralytics =
  /^(.{0,400}?): {1,4}\d{1,3}% [━─╸]{4,400} {1,4}(\d{1,12})\/(\d{1,12}) {1,4}(?:([\d.]{1,12})([KMG]?)it\/s {1,4}|([\d.]{1,12})s\/it {1,4})?(?:\d{1,6}\.\ds|\d{1,4}:\d\d(?::\d\d)?)(?:<(?:(\d{1,6}\.\d)s|([\d:]{4,12})))?$/;

const ignite =
  /^(?:(.{0,120}?): )?\[(\d{1,12})\/(\d{1,12})\] {1,4}\d{1,3}%\|[^[\]]{0,512} \[[\d:]{4,12}<([\d:?]{1,12})\]/;
const counted =
  /^(?:(.{0,80}?):? {1,4})?\s{0,4}\d{1,3}% \((\d{1,12}) of (\d{1,12})\) \|.{0,200}?\|(?:.{0,80}?ETA: {1,4}([\d:]{4,12}))?/;
const clicked = /^(?:(.{0,80}?):? {2})?\[[#-]{4,200}\] {2}(\d{1,12})\/(\d{1,12})(?: {2}(\d{2}:\d{2}:\d{2}))?/;
const alive =
  /^(?:(.{0,80}?):? )?\|[^|]{3,400}\| .{0,40}?(\d{1,12})\/(\d{1,12}) \[\d{1,3}%\] in [\d.:smhd]{1,16}(?: \(~([^,()]{1,16}), ([\d.]{1,12})\/s\))?/;
const shareOnly =
  /^\s{0,4}((?:\w{1,20} )?(?:train|training|epoch|fit|fitting)\b[^[\]|%]{0,40}?):? {1,4}(?:\[[=#>.\- ]{2,200}\] {1,4}(\d{1,3})%|(\d{1,3})% {1,4}\[[=#>.\- ]{2,200}\])/i;

/** fastai's (fastprogress): `Epoch 1/3 : |█████-----| 50.00% [2/4 00:00<00:00 0.5]`. */
const fastprogress =
  /^(.{0,80}?) ?:? \|[█-]{4,400}\| \d{1,3}\.\d\d% \[(\d{1,12})\/(\d{1,12}) (?:[\d:]{4,12}<([\d:?]{1,12}))?/;
/** tqdm with a `bar_format` that has no bar, and tells a count beside a rate or a share: `Train: 10/20 48.98it/s`, `Train 50.0% 10/20`. */
const countAlone =
  /^(?:([^\d%|/[\]]{0,80}?):? {1,4})?(?:\d{1,3}(?:\.\d{1,2})?% (\d{1,12})\/(\d{1,12})(?= |$)|(\d{1,12})\/(\d{1,12}) {1,4}([\d.]{1,12}|\?)it\/s(?=[ ,]|$))/;

export function readBar(text: string): Bar | null {
  if (text.includes('% ━') || text.includes('% ─')) {
    const bar = barOfUltralytics(text.slice(0, rowMax).trimEnd());
    if (bar !== null) return bar;
  }
  if (text.includes('━')) return barIn(text.slice(0, rowMax), richBar);
  if (text.includes('% (')) return barIn(text.slice(0, rowMax), counted);
  if (text.includes('%] in ')) return barIn(text.slice(0, rowMax), alive);
  const share = text.includes('%') ? shareOnly.exec(text.slice(0, rowMax)) : null;
  if (share !== null)
    return {
      label: share[1] ?? null,
      done: Number(share[2] ?? share[3]),
      total: 100,
      rate: null,
      etaMs: null,
    };
  if (text.includes('% [') && text.includes('| ')) {
    const bar = barIn(text.slice(0, rowMax), fastprogress);
    if (bar !== null) return bar;
  }
  const click = text.includes(']  ') ? barIn(text.slice(0, rowMax), clicked) : null;
  if (click !== null) return click;
  if (!text.includes(' [')) return text.includes('/') ? barOfCount(text.slice(0, rowMax)) : null;
  const found = counter.exec(text.slice(0, rowMax));
  if (found === null) return barIn(text.slice(0, rowMax), ignite);
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

function barOfCount(text: string): Bar | null {
  const [whole, label = '', shared, ofShared, counted, ofCounted, rate] = countAlone.exec(text) ?? [];
  if (whole === undefined) return null;
  const speed = Number(rate ?? NaN);
  return {
    label: label.trim() || null,
    done: Number(shared ?? counted),
    total: Number(ofShared ?? ofCounted),
    rate: speed > 0 ? speed : null,
    etaMs: null,
  };
}

function barOfUltralytics(text: string): Bar | null {
  const [, label = '', done, total, perSecond, size = '', each, seconds, clock = ''] =
    drawnByUltralytics.exec(text) ?? [];
  if (done === undefined) return null;
  const epoch = /^\s{0,24}(\d{1,9}\/\d{1,9}) {2}/.exec(label)?.[1];
  const speed =
    perSecond === undefined ? 1 / Number(each ?? NaN) : Number(perSecond) * (thousands[size] ?? 1);
  return {
    label:
      epoch !== undefined ? `Epoch ${epoch}` : validates.test(label) ? 'validation' : label.trim() || null,
    done: Number(done),
    total: Number(total),
    rate: speed > 0 && speed < Infinity ? speed : null,
    etaMs: seconds === undefined ? durationMs(clock) : Math.round(Number(seconds) * 1000),
  };
}

const thousands: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };
/** The header of a table of classes; on a narrow terminal it is cut. */
const validates = /^\s{0,40}(?:Class {2}|classes {2}|[Cc]l?a?s?s?(?:es)?…$)/;

/** What a pattern of label, steps done, steps in all, time left and steps per second finds; the last two may be absent. */
function barIn(text: string, pattern: RegExp): Bar | null {
  const [, label = '', done, total, left = '', rate] = pattern.exec(text) ?? [];
  if (done === undefined) return null;
  const speed = Number(rate ?? NaN);
  return {
    label: label.trim() || null,
    done: Number(done.replaceAll(',', '')),
    total: Number(total?.replaceAll(',', '')),
    rate: speed > 0 ? speed : null,
    etaMs: durationMs(left),
  };
}

/** `1:02:03`, `02:03`, `12s`, `1 day, …`: the first three only. */
function durationMs(text: string): number | null {
  const bare = /^(\d{1,6})s$/.exec(text);
  if (bare !== null) return Number(bare[1]) * 1000;
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

const logged =
  /Progress on:(\S{0,80}) {1,4}([\d.]{1,12})([kM]?)it\/([\d.]{1,12})([kM]?)it rate:([\d.]{1,12})it\/s remaining:([\d:]{4,12})/;
const sizes: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6 };

/** tqdm-loggable counts with SI prefixes, three digits of it. */
export const progressLineReader: FactReader = {
  format: 'tqdm-loggable',
  kinds: ['line'],
  mayMatchLine: ({ line }) => line.includes('Progress on:'),
  matches: ({ line }) => line.includes('Progress on:'),
  read({ line }) {
    const found = logged.exec(line.slice(0, rowMax));
    if (found === null) return null;
    const [, label = '', done, doneSize = '', total, totalSize = '', rate, left = ''] = found;
    return [
      progressOf({
        label: label === '' ? null : label,
        done: Math.round(Number(done) * (sizes[doneSize] ?? 1)),
        total: Math.round(Number(total) * (sizes[totalSize] ?? 1)),
        rate: Number(rate) > 0 ? Number(rate) : null,
        etaMs: durationMs(left),
      }),
    ];
  },
};

function remember(context: TrainContext, total: number, done: number): void {
  const known = context.bars ?? {};
  // Bars that came to their end before another one began are of what was done first: a data set, a model's parts.
  const isNext = !(total in known) && Object.entries(known).every(([all, now]) => now >= Number(all));
  const bars: Record<string, number> = isNext ? { [total]: done } : { ...known, [total]: done };
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
  // torchrun reads what a process prints and its bars from two files, one ahead of the other (elastic/multiprocessing/tail_log.py).
  const bar = barAfter === undefined || readLauncherPrefix(barAfter).length > 0 ? null : readBar(barAfter);
  if (bar === null || bar.total === null || context.bars === undefined) return null;
  const before = context.bars[bar.total];
  if (before === undefined || bar.done < before || bar.done === 0) return null;
  return Object.keys(context.bars).every((total) => Number(total) <= (bar.total ?? 0)) ? bar.done : null;
}
