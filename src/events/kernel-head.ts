/**
 * Heads of a machine's own log: `[Mon Nov 23 10:35:00 2026]` (dmesg -T), `[Feb 25 2025 13:59:45]` (NVIDIA's fabric manager),
 * `kern  :warn  : 2025-01-21T04:41:44,283302+00:00` (dmesg --decode --time-format iso), `Nov 23 10:35:00 host kernel:` (syslog).
 */
import type { Level } from '../core/event.ts';
import { yearlessTime } from './event-time.ts';
import type { ZoneOffset } from './event-time.ts';
import { readIsoTime } from './iso-time.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const levels: Readonly<Record<string, Level>> = {
  emerg: 'fatal',
  alert: 'fatal',
  crit: 'fatal',
  err: 'error',
  warn: 'warn',
  notice: 'info',
  info: 'info',
  debug: 'debug',
};

const bracketed =
  /^\[(?:[A-Z][a-z]{2} )?([A-Z][a-z]{2}) {1,2}(\d{1,2}) (?:(\d{4}) )?(\d{2}):(\d{2}):(\d{2})(?: (\d{4}))?\]/;
const decoded = /^(?:kern|user|daemon|syslog) {0,6}:([a-z]{3,6}) {0,6}: (?=\d{4}-)/;
const syslog =
  /^([A-Z][a-z]{2}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) \S{1,255} [\w./-]{1,64}(?:\[\d{1,10}\])?: /;

/** `near` (ms) gives the year to times that have none. */
export function readKernelHead(
  head: string,
  near: number,
  offset: ZoneOffset,
): { time: number; level: Level | null } | null {
  const inBrackets = head.charCodeAt(0) === 91 ? bracketed.exec(head) : null;
  if (inBrackets !== null) {
    const [, month = '', day, yearBefore, hour, minute, second, yearBehind] = inBrackets;
    const time = timeOf(month, day, [hour, minute, second], yearBefore ?? yearBehind, near, offset);
    return time === null ? null : { time, level: null };
  }
  const lead = decoded.exec(head);
  if (lead !== null) {
    const found = readIsoTime(head, lead[0].length, offset);
    return found === null ? null : { time: found.ms, level: levels[lead[1] ?? ''] ?? null };
  }
  const line = head.charCodeAt(3) === 32 ? syslog.exec(head) : null;
  if (line === null) return null;
  const [, month = '', day, hour, minute, second] = line;
  const time = timeOf(month, day, [hour, minute, second], undefined, near, offset);
  return time === null ? null : { time, level: null };
}

function timeOf(
  monthName: string,
  day: string | undefined,
  clock: readonly (string | undefined)[],
  year: string | undefined,
  near: number,
  offset: ZoneOffset,
): number | null {
  const month = months.indexOf(monthName);
  if (month < 0) return null;
  const [hour, minute, second] = clock.map(Number);
  const dayMs = (((hour ?? 0) * 60 + (minute ?? 0)) * 60 + (second ?? 0)) * 1000;
  if (year === undefined) return yearlessTime(near, month + 1, Number(day), dayMs, offset);
  const local = Date.UTC(Number(year), month, Number(day)) + dayMs;
  return local - offset(local);
}
