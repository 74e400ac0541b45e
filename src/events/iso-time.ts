/**
 * `2026-11-23 10:26:25.084`, with `T`, `/`, `,` or a zone: the time of most logs. Read digit by digit, because it is asked of
 * every line, and the captures of a regular expression cost several times as much.
 */
import type { ZoneOffset } from './event-time.ts';

const digit0 = 48;
const digit9 = 57;
const dash = 45;
const slash = 47;
const space = 32;
const colon = 58;
const dot = 46;
const comma = 44;
const letterT = 84;
const letterU = 85;
const letterZ = 90;
const plus = 43;

const timeLength = '0000-00-00 00:00:00'.length;
const fractionDigitsMax = 9;
const zone = /UTC\b|[+-]\d{2}:?\d{2}(?!\d)/y;

/** The time at `index` of the text in ms since epoch, and the index behind it; null if there is none. */
export function readIsoTime(
  text: string,
  index: number,
  offset: ZoneOffset,
): { ms: number; end: number } | null {
  if (!hasSeparators(text, index)) return null;
  const year = readDigits(text, index, 4);
  const month = readDigits(text, index + 5, 2);
  const day = readDigits(text, index + 8, 2);
  const hour = readDigits(text, index + 11, 2);
  const minute = readDigits(text, index + 14, 2);
  const second = readDigits(text, index + 17, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31) return null;
  if (hour < 0 || hour > 23 || minute < 0 || second < 0) return null;
  const local = dayMs(year, month, day) + ((hour * 60 + minute) * 60 + second) * 1000;
  const fractionStart = index + timeLength;
  const fractionEnd = endOfFraction(text, fractionStart);
  const named = zoneAt(text, fractionEnd);
  const shift = named === null ? offset(local) : named.shiftMs;
  return {
    ms: local - shift + fractionMsAt(text, fractionStart + 1, fractionEnd),
    end: named === null ? fractionEnd : named.end,
  };
}

/** The day that was asked for last, for it is asked for again and again. */
const lastDay = { year: 0, month: 0, day: 0, ms: 0 };

function dayMs(year: number, month: number, day: number): number {
  if (day !== lastDay.day || month !== lastDay.month || year !== lastDay.year)
    Object.assign(lastDay, { year, month, day, ms: Date.UTC(year, month - 1, day) });
  return lastDay.ms;
}

/** A quick look at the few characters that tell a time from most other text. */
function hasSeparators(text: string, index: number): boolean {
  const first = text.charCodeAt(index + 4);
  if (first !== dash && first !== slash) return false;
  const second = text.charCodeAt(index + 7);
  const gap = text.charCodeAt(index + 10);
  return (
    (second === dash || second === slash) &&
    (gap === space || gap === letterT) &&
    text.charCodeAt(index + 13) === colon &&
    text.charCodeAt(index + 16) === colon
  );
}

/** The number that so many digits make, or -1 if there are not so many. */
function readDigits(text: string, from: number, count: number): number {
  let value = 0;
  for (let i = from; i < from + count; i += 1) {
    if (!isDigit(text.charCodeAt(i))) return -1;
    value = value * 10 + text.charCodeAt(i) - digit0;
  }
  return value;
}

export function isDigit(code: number): boolean {
  return code >= digit0 && code <= digit9;
}

/** Behind `.084`, `,084` or `:084`; `index` if there is none. More digits than a fraction has are something else. */
function endOfFraction(text: string, index: number): number {
  const mark = text.charCodeAt(index);
  if (mark !== dot && mark !== comma && mark !== colon) return index;
  let end = index + 1;
  while (end - index <= fractionDigitsMax + 1 && isDigit(text.charCodeAt(end))) end += 1;
  const digits = end - index - 1;
  return digits === 0 || digits > fractionDigitsMax ? index : end;
}

/** The digits [from, end) are a fraction of a second. */
function fractionMsAt(text: string, from: number, end: number): number {
  if (end <= from) return 0;
  let ns = readDigits(text, from, end - from);
  for (let digits = end - from; digits < fractionDigitsMax; digits += 1) ns *= 10;
  return ns / 1e6;
}

/** At `index`, or behind a space there. */
function zoneAt(text: string, index: number): { shiftMs: number; end: number } | null {
  const start = text.charCodeAt(index) === space ? index + 1 : index;
  const first = text.charCodeAt(start);
  if (first === letterZ) return wordCode.test(text.charAt(start + 1)) ? null : { shiftMs: 0, end: start + 1 };
  if (first !== letterU && first !== plus && first !== dash) return null;
  zone.lastIndex = start;
  const name = zone.exec(text)?.[0];
  return name === undefined ? null : { shiftMs: zoneShift(name), end: start + name.length };
}

const wordCode = /^\w/;

function zoneShift(name: string): number {
  if (name === 'UTC') return 0;
  const minutes = Number(name.slice(1, 3)) * 60 + Number(name.slice(-2));
  return (name.startsWith('-') ? -minutes : minutes) * 60_000;
}
