/**
 * What whoever passes lines on puts before each: `docker compose logs` the container, `trainer-1  | `; `kubectl logs --timestamps`, `docker logs -t`, GitHub's
 * runners and moreutils' `ts` a time; journald and syslog the time, the machine and the program, `Nov 27 00:25:00 node-7 train.sh[4711]: `. Loggers write such
 * times, too: what is behind one tells (`isApart`).
 */
import { readLauncherPrefix } from './launcher-prefix.ts';

export interface PassedOn {
  /** How many characters of the text it is; 0: there is none. */
  length: number;
  /** Where the time in it begins; -1: it has none. */
  timeAt: number;
  /** No logger writes such a head. */
  isSure: boolean;
}

const container = /^[a-zA-Z0-9][\w.-]{0,62}[-_]\d{1,4} {2,64}\| /;
const time =
  /(?:\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})|[A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2}) (?![\w.-]{1,253} kernel: )/y;
const program = /[\w.-]{1,253} [\w.@:()/-]{1,128}\[\d{1,10}\]: /y;
const none: PassedOn = { length: 0, timeAt: -1, isSure: false };

export function readPassedOn(text: string): PassedOn {
  const timeAt = mayBeContainer(text) ? (container.exec(text)?.[0].length ?? 0) : 0;
  const untimed = timeAt === 0 ? none : { length: timeAt, timeAt: -1, isSure: isLevelAt(text, timeAt) };
  if (text.charCodeAt(timeAt + 10) !== upperT && text.charCodeAt(timeAt + 9) !== colon) return untimed;
  time.lastIndex = timeAt;
  if (!time.test(text)) return untimed;
  const { lastIndex } = time;
  program.lastIndex = lastIndex;
  if (program.test(text)) return { length: program.lastIndex, timeAt, isSure: true };
  const isLoggers = timeAt === 0 && text.charCodeAt(10) === upperT;
  return { length: lastIndex, timeAt, isSure: !isLoggers && isLevelAt(text, lastIndex) };
}

/** Behind a container's name, or a time without a year, a level begins what a logger has written. */
function isLevelAt(text: string, at: number): boolean {
  level.lastIndex = at;
  return level.test(text);
}
const level = /\[?(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b/y;

const upperT = 84;
const colon = 58;
const bar = 124;
const space = 32;
const nameMax = 64;

/** A word, spaces and a bar: most lines are told apart without the pattern. */
function mayBeContainer(text: string): boolean {
  let at = 0;
  while (at < nameMax && text.charCodeAt(at) > space) at += 1;
  if (text.charCodeAt(at) !== space || text.charCodeAt(at + 1) !== space) return false;
  while (text.charCodeAt(at) === space) at += 1;
  return text.charCodeAt(at) === bar;
}

const ownBeginning =
  /^(?:\[?\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}|\{['"]|\d{1,9}\/\d{1,9} - |Epoch \d{1,9}\/\d|\s+at [\w.$]+\(|Caused by: |Exception in thread "|Traceback \(most recent call last\):)/;

/** Whether what is behind such a head, of which it may be that a logger has written it, begins as it would not then. */
export function isApart(text: string): boolean {
  return /^\s*(?:$|\s{2}\S)/.test(text) || readLauncherPrefix(text).length > 0 || ownBeginning.test(text);
}

/** The text with none of its lines behind such a head, if its first line is; that of a traceback may be glued to a bar, before which the head stands. */
export function withoutPassedOn(text: string): string {
  const { length } = readPassedOn(text);
  const lineEnd = text.indexOf('\n');
  if (lineEnd < 0) return text.slice(length);
  const isBelow =
    text.startsWith(pythonStart) && readPassedOn(text.slice(lineEnd + 1, lineEnd + headMax)).length > 0;
  if (length === 0 && !isBelow) return text;
  return text
    .split('\n')
    .map((line) => line.slice(readPassedOn(line).length))
    .join('\n');
}

const pythonStart = 'Traceback (most recent call last):';
const headMax = 512;
