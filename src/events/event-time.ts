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
