/**
 * Times with slashes that do not begin with the year: `24/06/01 12:00:00` (Spark, Hadoop: yy/MM/dd), `06/01/2025 12:00:00` (the `datefmt` of Hugging
 * Face's examples: %m/%d/%Y; day first where that is no month), `06/01 12:00:00` (MMEngine, Detectron2: %m/%d), in a bracket or not;
 * `[06/01/25 12:00:00]` (rich's RichHandler: `%x` of most locales, %m/%d/%y; nobody else writes a bracket before two digits of a year).
 */
import { yearlessTime } from './event-time.ts';
import type { ZoneOffset } from './event-time.ts';

const slashTime = /^\[?(\d{2})\/(\d{2})(?:\/(\d{4}|\d{2}))? (\d{2}):(\d{2}):(\d{2})(?:[.,](\d{3}))?(?!\d)/;

/** The time in ms since epoch, and the index behind it. `near` gives the year to times that have none. */
export function readSlashTime(
  text: string,
  near: number,
  offset: ZoneOffset,
): { ms: number; end: number } | null {
  const found = slashTime.exec(text);
  if (found === null) return null;
  const [whole, first, second, third, hour, minute, seconds, fraction = '0'] = found;
  const dayMs = ((Number(hour) * 60 + Number(minute)) * 60 + Number(seconds)) * 1000 + Number(fraction);
  const [year, month, day] = dateOf(Number(first), Number(second), third, text.startsWith('['));
  if (month < 1 || month > 12 || day < 1 || day > 31 || dayMs >= 86_401_000) return null;
  if (year === null) return { ms: yearlessTime(near, month, day, dayMs, offset), end: whole.length };
  const local = Date.UTC(year, month - 1, day) + dayMs;
  return { ms: local - offset(local), end: whole.length };
}

function dateOf(
  first: number,
  second: number,
  third: string | undefined,
  isBracketed: boolean,
): [year: number | null, month: number, day: number] {
  if (third === undefined) return [null, first, second];
  if (third.length === 2 && isBracketed) return [2000 + Number(third), first, second];
  if (third.length === 2) return [2000 + first, second, Number(third)];
  return first > 12 ? [Number(third), second, first] : [Number(third), first, second];
}
