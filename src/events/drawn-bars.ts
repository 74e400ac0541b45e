/**
 * Where bars end that are not drawn as tqdm and Keras draw theirs (frame.ts), in latin1 text:
 *
 * - rich (progress.py), and Lightning's and `tqdm.rich`'s of it: `train ━━━━━━╸━━━━ 40/60 0:00:01 • 0:00:02 33.1it/s`;
 * - click (_termui_impl.py, ProgressBar.bar_template): `train  [####----]  10/40  00:00:12`;
 * - progressbar2 (widgets.py): ` 45% (450 of 1000) |####   | Elapsed Time: 0:00:10 ETA: 0:00:12`;
 * - alive-progress (core/progress.py): `train |████    | ▂▄▆ 23/40 [57%] in 1s (~1s, 31.1/s)`;
 * - Ultralytics' (utils/tqdm.py): `1/3  0G  4.19  2.712: 75% ━━━━━━━━━─── 3/4 5.6it/s 0.3s<0.2s`;
 * - tqdm with a `bar_format` that tells no clock: `train:  33%|███       | 1/3 [ETA 00:04]`.
 *
 * What a logger writes while such a bar stands on the row is glued to it: the bar ends behind the last of its columns that is known. Columns
 * of a program's own may follow those, behind a space: then all is the bar's, up to a date.
 */
const share = String.raw`\d{1,3}(?:\.\d)?%`;
/** A date that is glued to a count tells where that ends. `tqdm.rich` groups digits: `1,536/1,500`. */
const count = String.raw`(?:\d{1,3}(?:,\d{3}){1,4}\/\d{1,3}(?:,\d{3}){1,4}|\d{1,3}\/\d{1,3}(?:,\d{3}){1,4}|\d{1,12}\/(?:\d{1,9}?(?=\d{4}-\d\d-\d\d[ T])|\d{1,12}))`;
const clock = String.raw`(?:\d{1,3} days?, )?(?:\d{1,4}:\d\d:\d\d|-{1,2}:--(?::--)?|\d\d:\d\d)`;
const speed = String.raw`[\d.?]{1,12} ?(?:[A-Za-z]{1,8}\/s|s\/[A-Za-z]{1,8})`;
const size = String.raw`[\d.]{1,12}(?:\/[\d.]{1,12})? (?:[kMGT]?B|bytes)(?:\/s)?`;
/** A bullet is three bytes. */
const sign = String.raw`\u00e2\u0080\u00a2|[<,\[\]]`;
const column = `(?:${share}|${size}|${count}|${clock}|${speed}|${sign})`;

const amount = String.raw`[\d.]{1,12}[KMGTP]?B?`;
const spent = String.raw`(?:\d{1,6}\.\ds|\d{1,4}:\d\d(?::\d\d)?)`;

const patterns = [
  {
    hint: '% \u00e2\u0094',
    bar: new RegExp(
      `\\d{1,3}% (?:\u00e2(?:\u0094[\u0080\u0081]|\u0095\u00b8)){4,400} {1,4}${amount}(?:\\/${amount})? {1,4}(?:[\\d.]{1,12}[KMGTP]?(?:it|B|s)\\/(?:it|B|s) {1,4})?${spent}(?:<${spent})?`,
    ),
  },
  {
    hint: '\u00e2\u0094\u0081\u00e2\u0094\u0081',
    bar: new RegExp(
      `(?:^| )(?:\u00e2(?:\u0094\u0081|\u0095[\u00b8\u00ba])){4,400} {1,8}${column}(?: {1,4}${column}){0,16}`,
    ),
  },
  {
    hint: ']  ',
    bar: new RegExp(
      `(?:^| {2})\\[[#-]{4,200}\\] {2,6}(?:${share}|${count})(?: {2}(?:\\d{1,4}d )?\\d\\d:\\d\\d:\\d\\d)?`,
    ),
  },
  {
    hint: '% (',
    bar: new RegExp(
      `(?:^|\\s)\\d{1,3}% \\(\\d{1,12} of \\d{1,12}\\) \\|[^|]{0,400}\\|(?: {1,4}(?:Elapsed Time|ETA|Time): {1,4}${clock}){0,3}`,
    ),
  },
  {
    hint: '%] in ',
    bar: /\|[^|]{2,1200}\| [^|]{0,40}?\d{1,12}\/\d{1,12} \[\d{1,3}%\] in [\d.:smhd]{1,16}(?: \([^()]{1,60}\))?/,
  },
  {
    hint: '%|',
    bar: /(?:^|\s)\d{1,3}%\|(?:\u00e2\u0096[\u0080-\u0090]|[ #\d]){1,400}\| {1,4}[\d.]{1,12}[kMGT]?\/(?:[\d.]{1,12}[kMGT]?|\?)(?: {1,4}\[[^[\]]{0,200}\])?/,
  },
] as const;

const lookedAtMax = 2048;
const date = /\d{4}-\d\d-\d\d[ T]\d\d:\d\d/;

/** Where the bar that this text begins with ends (exclusive), or -1. */
export function drawnBarEnd(text: string): number {
  const mayBe = text.includes('%') || text.includes('\u00e2\u0094\u0081') || text.includes(']  ');
  if (!mayBe) return -1;
  const head = text.length > lookedAtMax ? text.slice(0, lookedAtMax) : text;
  for (const { hint, bar } of patterns) {
    const found = head.includes(hint) ? bar.exec(head) : null;
    if (found === null || found.index > labelMax) continue;
    const end = found.index + found[0].length;
    const behind = head.slice(end);
    // A rule of the same character goes on behind its title.
    if (behind.includes('\u00e2\u0094\u0081\u00e2\u0094\u0081')) return -1;
    if (behind !== '' && !behind.startsWith(' ')) return end;
    const stamped = date.exec(behind);
    return stamped === null ? text.length : end + stamped.index;
  }
  return -1;
}

/** What stands before a bar is its label. */
const labelMax = 160;

const edge = String.raw`\u00e2(?:\u0094[\u0097\u0094]|\u0095[\u00b0\u009a])`;
const bottom = new RegExp(
  `^\\s{0,40}${edge}(?:\u00e2[\u0094\u0095][\u0080-\u00bf]){1,600}(?=[A-Za-z\\d[{(<])`,
);

/**
 * Where the last row of a table or panel that was drawn in a frame ends, if a line is glued to it; else -1. Without a terminal rich's Live ends
 * its last frame without a line end.
 */
export function frameBottomEnd(text: string): number {
  if (!text.includes('\u00e2')) return -1;
  return bottom.exec(text)?.[0].length ?? -1;
}
