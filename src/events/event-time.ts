/** Times as they are written, to ms since epoch. A zone-less one is taken in the zone that `zoneOffset` was made for. */
export type ZoneOffset = (utcLikeMs: number) => number;

/**
 * The offset in ms of a zone's local time from UTC, as a function of local time. UTC costs nothing; another zone asks
 * Intl once per hour of log and remembers a bounded number of answers.
 */
export function zoneOffset(timeZone: string): ZoneOffset {
  if (timeZone === 'UTC') return () => 0;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const offsetAt = (utcMs: number) => {
    const part: Record<string, number> = {};
    for (const { type, value } of format.formatToParts(utcMs)) part[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(utcMs / 1000) * 1000;
  };
  const remembered = new Map<number, number>();
  return (localMs) => {
    const hour = Math.floor(localMs / 3_600_000);
    let offset = remembered.get(hour);
    if (offset === undefined) {
      // Twice, because the first guess may lie on the other side of a change of the clocks.
      offset = offsetAt(localMs - offsetAt(localMs - offsetAt(localMs)));
      if (remembered.size >= 4096) remembered.clear();
      remembered.set(hour, offset);
    }
    return offset;
  };
}

const isoTime =
  /(\d{4})[-/](\d{2})[-/](\d{2})[T ](\d{2}):(\d{2}):(\d{2})(?:[.,:](\d{1,9})(?!\d))? ?(Z\b|UTC\b|[+-]\d{2}:?\d{2}(?!\d))?/y;

/** Reads `2026-11-23 10:26:25.084`, with `T`, `,` or a zone, at `index` of the text. `end` is the index behind it. */
export function readIsoTime(
  text: string,
  index: number,
  offset: ZoneOffset,
): { ms: number; end: number } | null {
  if (text.charCodeAt(index + 4) !== 45 && text.charCodeAt(index + 4) !== 47) return null;
  isoTime.lastIndex = index;
  const found = isoTime.exec(text);
  if (found === null) return null;
  const [, year, month, day, hour, minute, second, fraction, zone] = found;
  const whole = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > 31 || Number(hour) > 23)
    return null;
  const shift = zone === undefined ? offset(whole) : zoneShift(zone);
  return { ms: whole - shift + fractionMs(fraction), end: index + found[0].length };
}

function zoneShift(zone: string): number {
  if (zone === 'Z' || zone === 'UTC') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

export function fractionMs(digits: string | undefined): number {
  return digits === undefined ? 0 : Number(digits.padEnd(9, '0')) / 1e6;
}

/** Month and day without a year (glog, syslog): the year that brings it nearest to `near`. */
export function yearlessTime(
  near: number,
  month: number,
  day: number,
  dayMs: number,
  offset: ZoneOffset,
): number {
  const year = new Date(near).getUTCFullYear();
  let best = Number.NaN;
  for (const candidate of [year - 1, year, year + 1]) {
    const local = Date.UTC(candidate, month - 1, day) + dayMs;
    const ms = local - offset(local);
    if (Number.isNaN(best) || Math.abs(ms - near) < Math.abs(best - near)) best = ms;
  }
  return best;
}

/** A number of seconds, ms, µs or ns since epoch, told apart by its size; null if it is none of these (2001 to 2100). */
export function epochTime(value: number): number | null {
  for (const perMs of [0.001, 1, 1e3, 1e6]) {
    const ms = value / perMs;
    if (ms > 978_307_200_000 && ms < 4_102_444_800_000) return ms;
  }
  return null;
}
