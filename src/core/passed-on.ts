/**
 * What whoever passes lines on puts before each: `docker compose logs` the container, `trainer-1  | `; `kubectl logs --timestamps`, `docker logs -t`, GitHub's
 * runners and moreutils' `ts` a time; journald and syslog the time, the machine and the program, `Nov 27 00:25:00 node-7 train.sh[4711]: `. Loggers write such
 * times, too: what is behind one tells (`isApart`).
 */
import { pythonStart, readLauncherPrefix } from './launcher-prefix.ts';

export interface PassedOn {
  /** How many characters of the text it is; 0: there is none. */
  length: number;
  /** Where the time in it begins; -1: it has none. */
  timeAt: number;
  /** No logger writes such a head. */
  isSure: boolean;
}

const container = /^[a-zA-Z][\w.-]{0,62}[-_]\d{1,4} {2,64}\| /;
const isoTime = /\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2}) /y;
const yearlessTime = /[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} (?![\w.-]{1,253} kernel: )/y;
const program = /[\w.-]{1,253} [\w.@:()/-]{1,128}\[\d{1,10}\]: /y;
const level =
  /[ []?(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b|\[(?:debug|info|warning|error|critical) *\]/y;
const none: PassedOn = { length: 0, timeAt: -1, isSure: false };

/** Not a logger's: a time before a level, at the beginning of a line. */
export function readPassedOn(text: string): PassedOn {
  return isOfLogger(text) ? none : readHead(text);
}

function readHead(text: string): PassedOn {
  const first = text.charCodeAt(0);
  if (isDigit(first)) return text.charCodeAt(10) === upperT ? behindIsoTime(text, 0) : none;
  if ((first | lowerCase) < letterA || (first | lowerCase) > letterZ) return none;
  if (text.charCodeAt(3) === space && text.charCodeAt(9) === colon) return behindYearlessTime(text, 0);
  const length = mayBeContainer(text) ? (container.exec(text)?.[0].length ?? 0) : 0;
  if (length === 0) return none;
  const timed =
    text.charCodeAt(length + 10) === upperT ? behindIsoTime(text, length) : behindYearlessTime(text, length);
  return timed.length > 0 ? timed : { length, timeAt: -1, isSure: isLevelAt(text, length) };
}

function isOfLogger(text: string): boolean {
  if (text.charCodeAt(10) !== upperT || !isDigit(text.charCodeAt(0))) return false;
  isoTime.lastIndex = 0;
  return isoTime.test(text) && isLevelAt(text, isoTime.lastIndex);
}

function behindIsoTime(text: string, timeAt: number): PassedOn {
  isoTime.lastIndex = timeAt;
  if (!isoTime.test(text)) return none;
  const { lastIndex } = isoTime;
  return behindTime(text, timeAt, lastIndex, timeAt > 0 && isLevelAt(text, lastIndex));
}

function behindYearlessTime(text: string, timeAt: number): PassedOn {
  yearlessTime.lastIndex = timeAt;
  if (!yearlessTime.test(text)) return none;
  const { lastIndex } = yearlessTime;
  return behindTime(text, timeAt, lastIndex, isLevelAt(text, lastIndex));
}

function behindTime(text: string, timeAt: number, end: number, isLevel: boolean): PassedOn {
  program.lastIndex = end;
  if (program.test(text)) return { length: program.lastIndex, timeAt, isSure: true };
  return { length: end, timeAt, isSure: isLevel };
}

function isLevelAt(text: string, at: number): boolean {
  level.lastIndex = at;
  return level.test(text);
}

const upperT = 84;
const colon = 58;
const bar = 124;
const space = 32;
const lowerCase = 32;
const letterA = 97;
const letterZ = 122;
const nameMax = 64;

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** A word, spaces and a bar: most lines are told apart without the pattern. */
function mayBeContainer(text: string): boolean {
  let at = 0;
  while (at < nameMax && text.charCodeAt(at) > space) at += 1;
  if (!isDigit(text.charCodeAt(at - 1)) || text.charCodeAt(at + 1) !== space) return false;
  while (text.charCodeAt(at) === space) at += 1;
  return text.charCodeAt(at) === bar;
}

const ownBeginning =
  /^(?:\[?\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}|\{['"]|\d{1,9}\/\d{1,9} - |Epoch \d{1,9}\/\d|\s+at [\w.$]+\(|Caused by: |Exception in thread "|Traceback \(most recent call last\):)/;

/** Whether what is behind such a head, of which it may be that a logger has written it, begins as it would not then. */
export function isApart(text: string): boolean {
  return /^\s*(?:$|\s{2}\S)/.test(text) || readLauncherPrefix(text).length > 0 || ownBeginning.test(text);
}

/**
 * The text with none of its lines behind such a head, if its first line is, or that below it: the first line of a traceback may be glued to a bar, before which
 * the head stands, and a line of a logger may be passed on, too.
 */
export function withoutPassedOn(text: string): string {
  const { length } = readPassedOn(text);
  const mayBeBelow = text.charCodeAt(10) === upperT || text.startsWith(pythonStart);
  if (length === 0 && !mayBeBelow) return text;
  const lineEnd = text.indexOf('\n');
  if (lineEnd < 0) return text.slice(length);
  const isBelow = length === 0 && readHead(text.slice(lineEnd + 1, lineEnd + headMax)).length > 0;
  if (length === 0 && !isBelow) return text;
  return text
    .split('\n')
    .map((line) => line.slice(readHead(line).length))
    .join('\n');
}

const headMax = 512;
