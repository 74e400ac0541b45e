/**
 * What a terminal would show of a line: ANSI codes taken off, `\r` and `\b` collapsed, and the progress bars that are
 * drawn with them recognised. All structure is ASCII, so these functions work on latin1 text, in which an index is a
 * byte offset, as well as on decoded text.
 */
import { drawnBarEnd } from './drawn-bars.ts';
import { isDigit } from './iso-time.ts';

const escape = String.fromCharCode(27);
const bell = String.fromCharCode(7);
/**
 * ECMA-48: control sequences (CSI), operating system commands (OSC), device control and other strings (DCS, SOS, PM, APC), character sets
 * and other short escapes. No two repeats overlap.
 */
const ansiCodes = new RegExp(
  `${escape}(?:\\[[0-?]*[ -/]*[@-~]|\\][^${bell}${escape}]*(?:${bell}|${escape}\\\\)?|[PX^_][^${escape}]{0,1024}${escape}\\\\|[ -/]{1,4}[0-~]|[0-Z\\\\^-~])`,
  'g',
);

export function stripAnsi(text: string): string {
  return text.includes(escape) ? text.replace(ansiCodes, '') : text;
}

const unfinishedCode = new RegExp(
  `${escape}(?:\\[[0-?]*[ -/]*|\\][^${bell}${escape}]*|[PX^_][^${escape}]{0,1024}${escape}?|[ -/]{1,4})?$`,
);

/** The text without an ANSI code at its end that more bytes may finish. */
export function withoutUnfinishedCode(text: string): string {
  return text.includes(escape, text.length - 256) ? text.replace(unfinishedCode, '') : text;
}

/** Where the character at `index` of the text without its ANSI codes stands in the text with them. */
export function indexWithAnsi(text: string, index: number): number {
  let at = index;
  for (const { index: start, 0: code } of text.matchAll(ansiCodes)) {
    if (start > at) break;
    at += code.length;
  }
  return at;
}

/** Nothing to be seen: white space, NUL and backspaces only. ANSI codes must be off. */
export function isBlank(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 32 || !(code === 32 || code === 0 || (code >= 8 && code <= 13))) return false;
  }
  return true;
}

/** `\b` takes back the character before it; a run of them at the end only moves the cursor. */
export function collapseBackspaces(text: string): string {
  if (!text.includes('\b')) return text;
  let end = text.length;
  while (end > 0 && text[end - 1] === '\b') end -= 1;
  const shown: string[] = [];
  for (let i = 0; i < end; i += 1) {
    const character = text[i] ?? '';
    if (character === '\b') shown.pop();
    else shown.push(character);
  }
  return shown.join('');
}

/** The raw text of an event as it is to be read: of each line the last frame that shows anything. */
export function renderText(raw: string): string {
  const text = stripAnsi(raw);
  if (!text.includes('\r') && !text.includes('\b')) return trimNul(text);
  return trimNul(text.split('\n').map(renderLine).join('\n'));
}

function renderLine(line: string): string {
  if (!line.includes('\r')) return collapseBackspaces(line);
  for (let end = line.length; end > 0;) {
    // A start of -1 would be taken as 0.
    const start = end === 1 ? 0 : line.lastIndexOf('\r', end - 1) + 1;
    const frame = collapseBackspaces(line.slice(start, end));
    if (!isBlank(frame)) return frame;
    end = start - 1;
  }
  return '';
}

function trimNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '') : text;
}

/**
 * Where the progress bar of a frame ends (exclusive), or -1 if it holds none. Text may be glued behind it. `width`: of the row, in characters, if
 * known: tqdm cuts a bar off there, and with it the bracket that closes it. The text must be latin1 then.
 * tqdm: `label:  50%|███  | 30/60 [00:00<00:00, 139.44it/s, loss=4.1]`, `12it [00:01, 9.50it/s]` (tqdm/std.py format_meter);
 * Keras 2: `10/32 [====>....] - ETA: 0s - loss: 4.1583`; Keras 3: `10/32 ━━━━ 0s 5ms/step - loss: 4.1583` (utils/progbar.py).
 * Others: drawn-bars.ts.
 */
export function progressBarEnd(text: string, width: number | null = null): number {
  const end = bracketedBarEnd(text, width);
  if (end >= 0) return end;
  return isKerasBar(text) ? kerasBarEnd(text) : drawnBarEnd(text);
}

/** Is it a bar of which more bytes may tell that it has ended before the text does? */
export function isBarOfOpenEnd(text: string): boolean {
  const end = bracketedBarEnd(text, null);
  if (end >= 0) return false;
  return isKerasBar(text) ? kerasFieldsEnd(text) < text.length : drawnBarEnd(text) >= 0;
}

function bracketedBarEnd(text: string, width: number | null): number {
  for (let at = text.indexOf('['), tries = 0; at >= 0 && tries < 16; at = text.indexOf('[', at + 1)) {
    if (text.charCodeAt(at - 1) !== 32) continue;
    tries += 1;
    if (!isClockStart(text, at + 1)) continue;
    const before = text.slice(Math.max(0, at - 640), at);
    if (counterBefore.test(before.slice(-33, -1)) || shareBefore.test(before))
      return closingBracket(text, at) ?? endOfRow(text, width);
  }
  return -1;
}

function isKerasBar(text: string): boolean {
  return mayStartCount(text.charCodeAt(0)) && kerasBar.test(text);
}

/** A digit or white space, in latin1 also that of other code pages: most lines begin with something else. */
function mayStartCount(code: number): boolean {
  return code <= 57 || code > 127;
}

const counterBefore =
  /(?:^|[\s|:])\d[\d.,]{0,12}(?:[kMGTP]?(?:\/(?:\d[\d.,]{0,12}[kMGTP]?|\?))?|[A-Za-z]{1,12})$/;
/** Ignite's bars: `Epoch [1/3]: [4/8]  50%|█████     , loss=0.86 [00:00<00:00]` (handlers/tqdm_logger.py). */
const shareBefore = /\[\d{1,12}\/\d{1,12}\] {1,4}\d{1,3}%\|[^[\]]{0,512}$/;
const clock = /(?:\d{1,4}:)?\d{1,2}:\d{2}(?:<|, |\])/y;
/** The bar's characters are `=`, `>`, `.` in version 2 and U+2501 in version 3, three bytes in latin1. */
const kerasBar = /^\s{0,8}\d{1,9}\/(?:(?:\d{1,9}|Unknown) (?:\[[=>.]{5}|[\u2501\u00e2]| ?- ?\d)|Unknown \d)/;
const kerasTimes =
  /^\s{0,8}\d{1,9}\/(?:\d{1,9}|Unknown)(?: \[[=>.]{5,100}\]| [\u2501\u00e2\u0094\u0081]{1,300})?(?: -)? (?:ETA: )?[\d:]{1,12}s?(?: \d{1,9}(?:us|ms|s)\/\w{1,12})?/;
/** Keras' numbers have four decimals: what a callback prints behind them begins there. */
const kerasFields = /(?: - [^:]{1,128}: (?:-?\d{1,40}\.\d{4}(?:e[+-]\d{2,3})?|-?inf|nan)){0,256}/y;
const otherFields = /^\d{0,16}(?: - |$)/;

/** Behind the last field that is whole; without a time, all of the text. */
function kerasFieldsEnd(text: string): number {
  const times = kerasTimes.exec(text)?.[0].length ?? 0;
  if (times === 0) return text.length;
  kerasFields.lastIndex = times;
  return times + (kerasFields.exec(text)?.[0].length ?? 0);
}

function kerasBarEnd(text: string): number {
  const end = kerasFieldsEnd(text);
  const behind = text.slice(end);
  return isBlank(behind) || otherFields.test(behind) ? text.length : end;
}

function isClockStart(text: string, index: number): boolean {
  clock.lastIndex = index;
  return isDigit(text.charCodeAt(index)) && clock.test(text);
}

function closingBracket(text: string, open: number): number | null {
  let depth = 0;
  for (let i = open; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 91) depth += 1;
    else if (code === 93) {
      depth -= 1;
      if (depth === 0) return i + 1;
    }
  }
  return null;
}

function endOfRow(text: string, width: number | null): number {
  if (width === null) return text.length;
  let count = 0;
  for (let i = 0; i < text.length; i += 1) {
    if (isContinuation(text.charCodeAt(i))) continue;
    if (count === width) return i;
    count += 1;
  }
  return text.length;
}

/** How many characters are the bytes of this latin1 text? */
export function charactersIn(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i += 1) if (!isContinuation(text.charCodeAt(i))) count += 1;
  return count;
}

/** A byte of a character in UTF-8, not its first one. */
function isContinuation(code: number): boolean {
  return (code & 0xc0) === 0x80;
}
