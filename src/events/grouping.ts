/**
 * Which lines belong together. One rule per kind of event; each looks at the open event and the next line only, so that
 * the answer is a function of the bytes.
 *
 *     line ─ "Traceback (most recent call last):" after a warning or worse ─▶ frames
 *       └── "\tat …", "Caused by:", an exception's name after a log line ──▶ java
 *     frames ─ the exception's own line ─▶ raised ─ "During handling …" ─▶ chained ─ "Traceback …" ─▶ frames
 *     group (exception groups: every line is indented), fault (faulthandler)
 *
 * Failure rule: a line that fits no rule starts an event of its own; nothing is dropped.
 */
import type { Level } from '../core/event.ts';
import { pythonStart } from '../core/launcher-prefix.ts';
import { isUntimedRecord } from './line-head.ts';
import type { LineHead } from './line-head.ts';

export type Mode =
  'line' | 'frames' | 'raised' | 'chained' | 'group' | 'java' | 'fault' | 'bar' | 'record' | 'row';

/** What grouping remembers of the open event. Plain JSON. */
export interface Group {
  mode: Mode;
  /** A Python traceback or a Java stack is in it. */
  traceback: boolean;
  indent: number;
  /** It starts with a time. */
  timed: boolean;
  level: Level | null;
  rank: number | null;
  /** The rank that its first line names as its own, where no launcher does: lines that follow need not. */
  stated?: number;
  /** Of a launcher that names no rank: its prefix. Absent in what older versions have stored. */
  source?: string | null;
  /** Lines so far, without blank ones; those without head or indent that were taken in by habit. */
  lines: number;
  loose: number;
  /** Blank lines have followed. */
  blank: boolean;
  /** Blank lines are at its end, of which the launcher's prefix is left: its text is without them. */
  bareEnd?: true;
  /** C++ has logged it. */
  native?: true;
  /** The first line is a head with nothing behind it: a heading on the next line is the message. */
  bare?: true;
}

export interface Line {
  /** Without a launcher's prefix, ANSI codes and line end. */
  text: string;
  head: LineHead;
  rank: number | null;
  /** See `Group`; null: none. Absent: it was not asked. */
  stated?: number | null;
  source?: string | null;
}

/** A terminal shows the key that interrupted the program, too. */
const interruptedStart = /^(?:\^C){1,8}Traceback \(most recent call last\):/;
/** PyTorch's workers print their own traceback behind the message of the exception that tells of it (torch/_utils.py). */
const workerStart = 'Original Traceback (most recent call last):';
const groupStart = 'Exception Group Traceback (most recent call last):';
const chainLine =
  /^(?:During handling of the above exception, another exception occurred:|The above exception was the direct cause of the following exception:)/;
const exceptionLine = /^[A-Za-z_][\w.]{0,200}(?::|$)/;
const javaException = /^(?:Exception in thread "|(?:[a-z_]\w{0,60}\.){1,16}[A-Z][\w$]{0,120}(?::|$))/;
const javaMore = /^(?:\s+at |Caused by: |\s+Suppressed: |\s+\.\.\. \d)/;
const faultMore = /^(?:Current thread|Thread) 0x|^Extension modules: |^<no Python frame>/;
const messageMore =
  /^(?:CUDA kernel errors might|For debugging consider passing|Compile with `TORCH_USE_CUDA|Device-side assertion|Exception raised from |frame #\d+: |Last error:|ncclInternalError|ncclSystemError|ncclUnhandledCudaError)/;
/** `[W1126 18:11:21.049 reducer.cpp:1545] …`: whatever it says, Python's exceptions are not its. */
const nativeSource = /\.(?:cc|cpp|cu|h|hpp|cuh):\d{1,7}\]/;
const nativeMax = 160;
/** What loggers put between head and message: transformers' `[transformers] ` and `[INFO|trainer.py:2134] 2026-… >> `, `… - INFO - train - `. */
const bareHead = /(?:^\[[\w.:| -]{1,80}\]| >>| -) $/;
const bareHeadMax = 160;
/** A row of a table that grows as long as the run goes on: DeePMD-kit's lcurve.out. */
const numberRow = /^ {1,8}\d{1,9}(?: {2,16}(?:-?\d\.\d{1,8}e[+-]\d\d|nan)){3,32}$/;
const closingBracket = /^[)\]}]+[,;)\]}]*\s*$/;
/** Lines that begin something, whatever log they stand in. */
const starterLine =
  /^(?:[[{(<*=#|-]|(?:step|iter|iteration|epoch|batch|eval|val|train|wandb|global_step)\b|\S+\.py:\d+:|Traceback |Fatal Python error)/i;

/** Logs in which this many records in a row have a time are taken to have one in every record. */
export const habitMin = 8;
const looseMax = 50;

/** Does the line belong to the open event? Updates the group if so. */
export function joins(group: Group, line: Line, habit: number): boolean {
  if (!isOf(group, line)) return false;
  const next = nextMode(group, line, habit);
  if (next === null) return false;
  group.mode = next;
  group.traceback ||= next === 'frames' || next === 'java' || next === 'group';
  group.blank = false;
  delete group.bareEnd;
  group.lines += 1;
  return true;
}

/** Are both of one process, as far as a launcher's prefix tells? */
export function isOf(group: Group, { rank, source }: Pick<Line, 'rank' | 'source'>): boolean {
  return group.rank === rank && (group.source ?? null) === (source ?? null);
}

function nextMode(group: Group, line: Line, habit: number): Mode | null {
  const { text, head } = line;
  if (head.time !== null || isUntimedRecord(text, head.level)) return null;
  const indent = indentOf(text);
  switch (group.mode) {
    case 'line':
      return afterLine(group, text, indent, head, habit);
    case 'frames':
      if (indent > 0 || text.startsWith('> File "')) return 'frames';
      if (chainLine.test(text)) return 'chained';
      if (text.startsWith(pythonStart) || head.level !== null) return null;
      return group.blank && !exceptionLine.test(text) ? null : 'raised';
    case 'raised':
      if (chainLine.test(text)) return 'chained';
      if (group.blank) return null;
      if (text.startsWith(workerStart)) return 'frames';
      if (indent > 0 || messageMore.test(text)) return 'raised';
      return isLoose(group, text, head, habit) ? 'raised' : null;
    case 'chained':
      if (text.includes(groupStart)) return 'group';
      return text.startsWith(pythonStart) ? 'frames' : null;
    case 'group':
      if (indent > 0) return 'group';
      return chainLine.test(text) ? 'chained' : null;
    case 'java':
      if (indent > 0 || javaMore.test(text)) return 'java';
      return !group.blank && isLoose(group, text, head, habit) ? 'java' : null;
    case 'fault':
      return indent > 0 || faultMore.test(text) ? 'fault' : null;
    case 'bar':
    case 'record':
    case 'row':
      return null;
  }
}

function afterLine(group: Group, text: string, indent: number, head: LineHead, habit: number): Mode | null {
  if (group.blank) return null;
  if (group.bare === true && group.lines === 1 && text.startsWith('***')) return 'line';
  if (group.timed && isCentred(text, indent)) return null;
  if (indent > group.indent) {
    if (numberRow.test(text)) return null;
    return javaMore.test(text) ? 'java' : groupMode(text, 'line');
  }
  if (indent === 0 && text.charCodeAt(0) === 84 && text.startsWith(pythonStart))
    return (group.timed || group.level !== null) && isGrave(group.level) && group.native !== true
      ? 'frames'
      : null;
  if (text.startsWith('Caused by: ') || (group.timed && javaException.test(text))) return 'java';
  if (group.lines > 1 && closingBracket.test(text)) return 'line';
  return isLoose(group, text, head, habit) ? 'line' : null;
}

/** The title of a table: rich fills both of its sides (rich/table.py). */
function isCentred(text: string, indent: number): boolean {
  if (indent < 2 || !text.endsWith('  ') || text.trim().includes('  ')) return false;
  const behind = text.length - text.trimEnd().length;
  return Math.abs(indent - behind) <= 1;
}

/** A line without head in a log whose records all have one: the rest of a message with line ends in it. */
function isLoose(group: Group, text: string, head: LineHead, habit: number): boolean {
  if (!group.timed || habit < habitMin || group.loose >= looseMax) return false;
  if (head.level !== null || starterLine.test(text)) return false;
  group.loose += 1;
  return true;
}

/** An uncaught exception follows any line; only a warning or worse announces the traceback that it logs. */
function isGrave(level: Level | null): boolean {
  return level === 'warn' || level === 'error' || level === 'fatal';
}

function groupMode(text: string, otherwise: Mode): Mode {
  return text.includes(groupStart) ? 'group' : otherwise;
}

/** The group of an event that starts with this line. */
export function startGroup(line: Line, bar: boolean): Group {
  const { text, head, rank, stated = null, source = null } = line;
  let mode: Mode = bar ? 'bar' : 'line';
  let level = head.level;
  if (!bar && head.time === null && level === null) {
    if (text.startsWith(pythonStart) || (text.charCodeAt(0) === 94 && interruptedStart.test(text)))
      mode = 'frames';
    else if (text.includes(groupStart)) mode = 'group';
    else if (text.startsWith('Fatal Python error: ')) mode = 'fault';
    else if (text.startsWith('Timeout (') && text.endsWith(')!')) mode = 'fault';
    else if (text.startsWith('Exception in thread "') && !text.endsWith(')')) mode = 'java';
    if (mode === 'fault') level = 'fatal';
    else if (mode !== 'line') level = 'error';
  }
  return {
    mode,
    traceback: mode === 'frames' || mode === 'group' || mode === 'java',
    indent: indentOf(text),
    timed: head.time !== null,
    level,
    rank,
    ...(stated !== null && { stated }),
    ...(source !== null && { source }),
    lines: 1,
    loose: 0,
    blank: false,
    ...(mode === 'line' && isBareHead(line) && { bare: true }),
    ...(isGrave(level) && nativeSource.test(text.slice(0, nativeMax)) && { native: true }),
  };
}

function isBareHead({ text, head }: Line): boolean {
  if (text.charCodeAt(text.length - 1) !== 32 || text.length > bareHeadMax || !bareHead.test(text))
    return false;
  return text.startsWith('[') || head.time !== null || head.level !== null;
}

/** The group of a JSON record or a row, which is one frame or one row and takes in no other. */
export function recordGroup(mode: 'record' | 'row', level: Level | null, rank: number | null): Group {
  return { mode, traceback: false, indent: 0, timed: false, level, rank, lines: 1, loose: 0, blank: false };
}

/** Logs in which records have a time lose the habit when another kind of line starts an event. */
export function nextHabit(habit: number, group: Group): number {
  if (group.timed) return Math.min(habit + 1, 1000);
  return group.traceback || group.mode === 'bar' ? habit : 0;
}

function indentOf(text: string): number {
  let i = 0;
  while (i < text.length && (text.charCodeAt(i) === 32 || text.charCodeAt(i) === 9)) i += 1;
  return i;
}
