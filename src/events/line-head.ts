/**
 * The head of a text line: rank prefix, time, level and logger. Formats: Python logging in its usual layouts, loguru,
 * hydra, absl/glog (and torchrun, which uses it), log4j, TensorFlow, Optuna's and Jupyter's `[I 2026-…`, transformers' explicit one (`[INFO|trainer.py:2134] 2026-… >> …`),
 * `LEVEL:logger:message`, Python warnings; rich's RichHandler, which leaves the time's column blank where it is that of the record before.
 */
import type { Level } from '../core/event.ts';
import { epochTime, fractionMs, yearlessTime } from './event-time.ts';
import type { ZoneOffset } from './event-time.ts';
import { isDigit, readIsoTime } from './iso-time.ts';
import { readKernelHead } from './kernel-head.ts';
import { readSlashTime } from './slash-time.ts';

export interface LineHead {
  /** ms since epoch */
  time: number | null;
  level: Level | null;
  logger: string | null;
}

const levelWords: ReadonlyMap<string, Level> = new Map<string, Level>([
  ['TRACE', 'trace'],
  ['DEBUG', 'debug'],
  ['INFO', 'info'],
  ['NOTICE', 'info'],
  ['SUCCESS', 'info'],
  ['WARN', 'warn'],
  ['WARNING', 'warn'],
  ['ERROR', 'error'],
  ['SEVERE', 'error'],
  ['EXCEPTION', 'error'],
  ['CRITICAL', 'fatal'],
  ['FATAL', 'fatal'],
  ['PANIC', 'fatal'],
  ['ALERT', 'fatal'],
  ['EMERGENCY', 'fatal'],
]);
const levelLetters: Readonly<Record<string, Level>> = {
  V: 'trace',
  D: 'debug',
  I: 'info',
  W: 'warn',
  E: 'error',
  F: 'fatal',
  C: 'fatal',
};

/** A level by its name in any case, or by pino's, bunyan's or Python's number. */
export function levelOf(value: unknown): Level | null {
  if (typeof value === 'string') return levelWords.get(value) ?? levelWords.get(value.toUpperCase()) ?? null;
  if (typeof value !== 'number' || !Number.isFinite(value)) return null;
  if (value >= 60) return 'fatal';
  if (value >= 50) return 'error';
  if (value >= 40) return 'warn';
  if (value >= 30) return 'info';
  return value >= 20 ? 'debug' : 'trace';
}

const headMax = 200;
const timeLead =
  /^(?:[ \t[(<]{0,8}|\[[\w. -]{1,24}(?:\|[\w.-]{1,64}:\d{1,7})?\] {0,4}\[?|\[?[A-Z]{4,8}[|: \t-]{1,3}\[?|\[[DIWEC] )(?=\d{4}[-/]\d)/;
const glogHead = /^\[?([IWEFDV])(\d{2})(\d{2}) (\d{2}):(\d{2}):(\d{2})\.(\d{1,9})\b/;
const abslEarly = /^\[?([IWEF])0000 00:00:(\d{9,10}\.\d{1,9})\b/;
const lowLevelInHead = /[[|<] {0,2}(trace|debug|info|notice|warn(?:ing)?|error|critical|fatal) {0,8}[\]|>]/;
const tensorflowLevel = /^: ([IWEF]) /;
const levelAtStart =
  /^[ \t]{0,4}[[<(]?(TRACE|DEBUG|INFO|NOTICE|SUCCESS|WARN(?:ING)?|ERROR|SEVERE|CRITICAL|FATAL)(?:[\])>:|]|\s|$)/;
/** RichHandler's columns (rich/_log_render.py): a time of a dozen characters or more, the level in eight. */
const levelInColumn =
  /^ {10,32}(?:(DEBUG|ERROR|TRACE) {4}|(INFO) {5}|(WARNING) {2}|(SUCCESS|CRITICAL) {1,2})(?=\S)/;
const wordAtStart = /^(warning|error|fatal|critical|info|debug): /i;
const pythonWarning = /^[^\s:][^:]{0,400}:\d{1,7}: \w{0,64}Warning: /;

const blankTime = ' '.repeat(10);

/** A record whose time is that of the one before, and left blank. `level`: of its head. */
export function isUntimedRecord(text: string, level: Level | null): boolean {
  return level !== null && text.startsWith(blankTime);
}

/** `near` (ms) gives the year to times that have none. */
export function readHead(text: string, near: number, offset: ZoneOffset): LineHead {
  const first = text.charCodeAt(0);
  const head = text.length > headMax ? text.slice(0, headMax) : text;
  const lead = leadOf(head);
  const found = lead === null ? null : readIsoTime(head, lead.length, offset);
  if (lead !== null && found !== null) return readAfterTime(head, lead, found);
  if (head.charCodeAt(first === 91 ? 3 : 2) === 47) {
    const slash = readSlashTime(head, near, offset);
    if (slash !== null) return readAfterTime(head, '', slash);
  }
  if (mayBeKernel(head, first)) {
    const kernel = readKernelHead(head, near, offset);
    if (kernel !== null) return { ...kernel, logger: null };
  }
  if (first < 91 || first === 91) {
    const glog = readGlog(head, near, offset);
    if (glog !== null) return glog;
    const level = levelAtStart.exec(head);
    if (level !== null)
      return {
        time: null,
        level: levelOf(level[1]),
        logger: /^[A-Z]+:([\w.]{1,80}):/.exec(head)?.[1] ?? null,
      };
  }
  if (first === 32) {
    const [, ...column] = text.startsWith(blankTime) ? (levelInColumn.exec(head) ?? []) : [];
    const level = levelOf(column.find((word) => word !== undefined));
    if (level !== null) return { time: null, level, logger: null };
  }
  const word = wordAtStart.exec(head);
  if (word !== null) return { time: null, level: levelOf(word[1]), logger: null };
  if (text.includes('Warning: ') && pythonWarning.test(text.slice(0, 600)))
    return { time: null, level: 'warn', logger: 'py.warnings' };
  return noHead;
}
export const noHead: LineHead = { time: null, level: null, logger: null };

/** `[Mon …`, `kern  :…`, `Nov 23 …`: a cheap look. */
function mayBeKernel(head: string, first: number): boolean {
  if (first === 91) return head.charCodeAt(4) === 32;
  return (
    head.charCodeAt(3) === 32 || (first > 96 && head.includes(':', 4) && /^[a-z]{4,6} {0,6}:/.test(head))
  );
}

/** What a line that may have a time has before it; null if it can have none. */
function leadOf(head: string): string | null {
  const first = head.charCodeAt(0);
  if (isDigit(first)) return '';
  return first > 91 ? null : (timeLead.exec(head)?.[0] ?? null);
}

function readAfterTime(head: string, lead: string, found: { ms: number; end: number }): LineHead {
  const rest = head.slice(found.end, found.end + 120);
  const word = levelWordIn(lead) ?? levelWordIn(rest) ?? lowLevelInHead.exec(rest)?.[1];
  const letter = word === undefined ? (letterIn(lead) ?? tensorflowLevel.exec(rest)?.[1]) : undefined;
  const level = letter === undefined ? levelOf(word) : (levelLetters[letter] ?? null);
  return { time: found.ms, level, logger: loggerIn(rest) };
}

/** `[I 2026-…` */
function letterIn(lead: string): string | undefined {
  return lead.length === 3 && lead.charCodeAt(0) === 91 && lead.charCodeAt(2) === 32 ? lead[1] : undefined;
}

const headLevels: ReadonlySet<string> = new Set(
  'TRACE DEBUG INFO NOTICE SUCCESS WARN WARNING ERROR SEVERE CRITICAL FATAL'.split(' '),
);
const beforeLevel = marksOf(' \t\n\v\f\r\u00a0|[](<:,-');
const behindLevel = marksOf(' \t\n\v\f\r\u00a0|]):>,-');

function marksOf(characters: string): Uint8Array {
  const marks = new Uint8Array(256);
  for (const character of characters) marks[character.charCodeAt(0)] = 1;
  return marks;
}

/** The first level that stands by itself in a head. By hand, as the time is: every line that has one is looked at. */
function levelWordIn(text: string): string | undefined {
  for (let start = 0; start < text.length; start += 1) {
    if (!isUpperCase(text.charCodeAt(start))) continue;
    let end = start + 1;
    while (isUpperCase(text.charCodeAt(end))) end += 1;
    const isApart =
      (start === 0 || beforeLevel[text.charCodeAt(start - 1)] === 1) &&
      (end === text.length || behindLevel[text.charCodeAt(end)] === 1);
    if (isApart && end - start >= 4) {
      const word = text.slice(start, end);
      if (headLevels.has(word)) return word;
    }
    start = end;
  }
  return undefined;
}

function isUpperCase(code: number): boolean {
  return code >= 65 && code <= 90;
}

/** Behind the time: Python's usual layouts, hydra, loguru, MLflow. What a number follows is a statement, not a logger. */
const loggerAfterTime =
  /^(?:\]? - (?:([\w.]{1,80}) - [A-Z]{4,8}|[A-Z]{4,8} - ([A-Za-z_][\w.]{0,79})) - |\]\[([\w.]{1,80})\]\[[A-Z]{4,8}\]| \| [A-Z]{4,8} *\| ([\w.<>]{1,80}):| [A-Z]{4,8} {1,4}([A-Za-z_][\w.]{0,79}): (?![\s\d.+-]))/;
const loggerLog4j = /\[[\w.-]{0,40}:([\w.$]{1,80})@\d+\]/;

function loggerIn(rest: string): string | null {
  const found = loggerAfterTime.exec(rest);
  if (found !== null) return found[1] ?? found[2] ?? found[3] ?? found[4] ?? found[5] ?? null;
  return rest.includes('@') ? (loggerLog4j.exec(rest)?.[1] ?? null) : null;
}

function readGlog(head: string, near: number, offset: ZoneOffset): LineHead | null {
  const early = abslEarly.exec(head);
  if (early !== null)
    return { time: epochTime(Number(early[2])), level: levelLetters[early[1] ?? ''] ?? null, logger: null };
  const found = glogHead.exec(head);
  if (found === null) return null;
  const [, letter, month, day, hour, minute, second, fraction] = found;
  const dayMs = ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000 + fractionMs(fraction);
  const time = yearlessTime(near, Number(month), Number(day), dayMs, offset);
  return { time, level: levelLetters[letter ?? ''] ?? null, logger: null };
}
