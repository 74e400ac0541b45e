/**
 * The part of a terminal's screen that a program draws on again: rows of text and a cursor, as ECMA-48 and xterm's control sequences move
 * it. Rows are counted from the top of that part, since nobody knows where on the terminal it stands. A character is one column wide.
 *
 * Bounds: `rowsMax` rows of `columnsMax` characters; what is written beyond them is not kept. Insertion and deletion of rows or characters,
 * tab stops and scrolling by a program are not followed.
 */

import { remembered } from '../core/remembered.ts';

/** Plain JSON. */
export interface Screen {
  rows: string[];
  row: number;
  column: number;
  /** Of save and restore. */
  saved: [row: number, column: number] | null;
  /** Lowest row of the scroll region that was set, from 1 on: what is below it stands still. */
  scrollEnd: number | null;
}

export const rowsMax = 48;
export const columnsMax = 512;

export function newScreen(): Screen {
  return { rows: [''], row: 0, column: 0, saved: null, scrollEnd: null };
}

export function copyScreen(screen: Screen): Screen {
  return { ...screen, rows: [...screen.rows] };
}

/** What a control sequence does, as far as it matters here. */
export interface Control {
  kind: 'vertical' | 'column' | 'erase' | 'alternate' | 'show' | 'hide' | 'none';
  /** Of `alternate`: entered. */
  on: boolean;
}

const none: Control = { kind: 'none', on: false };
const vertical: Control = { kind: 'vertical', on: false };
const column: Control = { kind: 'column', on: false };
const erase: Control = { kind: 'erase', on: false };
const show: Control = { kind: 'show', on: false };
const hide: Control = { kind: 'hide', on: false };

const escape = String.fromCharCode(27);
const bell = String.fromCharCode(7);
const sequence = new RegExp(
  `${escape}(?:\\[([0-?]*)[ -/]*([@-~])|\\][^${bell}${escape}]*(?:${bell}|${escape}\\\\)?|[PX^_][^${escape}]{0,1024}${escape}\\\\|[ -/]{1,4}[0-~]|([0-Z\\\\^-~]))`,
  'y',
);

/** Text and control sequences of a latin1 text, from an index on, in order, each with its offset; every character is in one of them. */
export function* tokensOf(
  raw: string,
  from: number,
): Generator<{ at: number; end: number; isText: boolean }, void> {
  let at = from;
  while (at < raw.length) {
    const next = raw.indexOf(escape, at);
    const textEnd = next < 0 ? raw.length : next;
    if (textEnd > at) yield { at, end: textEnd, isText: true };
    if (next < 0) return;
    sequence.lastIndex = next;
    const found = sequence.exec(raw);
    const end = found === null ? next + 1 : next + found[0].length;
    yield { at: next, end, isText: found === null };
    at = end;
  }
}

/** What the sequence (with its escape) will do. Changes nothing. */
export function controlOf(code: string): Control {
  return sequenceOf(code).control;
}

function controlBy(parameters: string, final: string, single: string): Control {
  if (single !== '') return '78MDE'.includes(single) ? vertical : none;
  if (final === '') return none;
  if (final === 'h' || final === 'l') {
    if (/^\?(?:47|1047|1049)$/.test(parameters)) return { kind: 'alternate', on: final === 'h' };
    return parameters === '?25' ? (final === 'h' ? show : hide) : none;
  }
  if (/^[?>=<]/.test(parameters)) return none;
  if ('ABEFHfdrsu'.includes(final)) return vertical;
  if ('CDG`'.includes(final)) return column;
  return 'JKX'.includes(final) ? erase : none;
}

/** Moves the cursor or erases, as the sequence says. */
export function applyControl(screen: Screen, code: string): void {
  const { numbers, final, single } = sequenceOf(code);
  if (single !== '') {
    if (single === 'M') moveTo(screen, screen.row - 1);
    else if (single === '7') save(screen);
    else if (single === '8') restore(screen);
    else moveTo(screen, screen.row + 1);
    return;
  }
  const count = Math.max(1, numbers[0] ?? 0);
  switch (final) {
    case 'A':
    case 'F':
      moveTo(screen, screen.row - count);
      if (final === 'F') screen.column = 0;
      break;
    case 'B':
    case 'E':
      moveTo(screen, screen.row + count);
      if (final === 'E') screen.column = 0;
      break;
    case 'C':
      screen.column = Math.min(columnsMax, screen.column + count);
      break;
    case 'D':
      screen.column = Math.max(0, screen.column - count);
      break;
    case 'G':
    case '`':
      screen.column = Math.min(columnsMax, count - 1);
      break;
    case 'H':
    case 'f':
      moveTo(screen, count - (screen.scrollEnd ?? 1));
      screen.column = Math.min(columnsMax, Math.max(1, numbers[1] ?? 0) - 1);
      break;
    case 'd':
      moveTo(screen, count - (screen.scrollEnd ?? 1));
      break;
    case 'r':
      screen.scrollEnd = numbers[1] ? numbers[1] : null;
      moveTo(screen, 0);
      break;
    case 's':
      save(screen);
      break;
    case 'u':
      restore(screen);
      break;
    case 'J':
    case 'K':
    case 'X':
      eraseIn(screen, final, numbers[0] ?? 0);
      break;
  }
}

const hasControls = /\p{Cc}/u;

/** Writes text, which holds no control sequence, over what is there; other control characters are left out. */
export function put(screen: Screen, shown: string): void {
  const text = hasControls.test(shown) ? shown.replaceAll(/[^\P{Cc}\t]/gu, '') : shown;
  const { rows, row, column } = screen;
  const kept = text.slice(0, Math.max(0, columnsMax - column));
  const before = rows[row] ?? '';
  if (kept !== '')
    rows[row] = before.slice(0, column).padEnd(column) + kept + before.slice(column + kept.length);
  screen.column = Math.min(columnsMax, column + text.length);
}

/** The row below, at its beginning. */
export function feedLine(screen: Screen): void {
  screen.column = 0;
  // What is above a scroll region's end moves up; its last row stays where it is, and is empty.
  if (screen.scrollEnd !== null && screen.row === 0) screen.rows[0] = '';
  else moveTo(screen, screen.row + 1);
}

/** How many rows the sequence goes up beyond the top: of those nothing was known until now. */
export function rowsAbove(screen: Screen, code: string): number {
  const { numbers, final, single } = sequenceOf(code);
  if (single !== 'M' && final !== 'A' && final !== 'F') return 0;
  const count = single === 'M' ? 1 : Math.max(1, numbers[0] ?? 0);
  return Math.min(Math.max(0, count - screen.row), rowsMax - screen.rows.length);
}

/** So many rows stand above those known. */
export function addRows(screen: Screen, count: number): void {
  screen.rows.unshift(...Array.from({ length: count }, () => ''));
  screen.row += count;
  if (screen.saved !== null) screen.saved = [screen.saved[0] + count, screen.saved[1]];
}

/** The rows above `count` have scrolled out. */
export function dropRows(screen: Screen, count: number): void {
  screen.rows.splice(0, count);
  screen.row = Math.max(0, screen.row - count);
  if (screen.saved !== null) screen.saved = [Math.max(0, screen.saved[0] - count), screen.saved[1]];
  while (screen.rows.length <= screen.row) screen.rows.push('');
}

/** Rows as text, without what is blank around them. */
export function textOf(rows: readonly string[]): string {
  const lines = rows.map((row) => row.trimEnd());
  let start = 0;
  let end = lines.length;
  while (end > 0 && lines[end - 1] === '') end -= 1;
  while (start < end && lines[start] === '') start += 1;
  return lines.slice(start, end).join('\n').toWellFormed();
}

function moveTo(screen: Screen, row: number): void {
  screen.row = Math.min(rowsMax - 1, Math.max(0, row));
  while (screen.rows.length <= screen.row) screen.rows.push('');
}

function save(screen: Screen): void {
  screen.saved = [screen.row, screen.column];
}

function restore(screen: Screen): void {
  if (screen.saved === null) return;
  moveTo(screen, screen.saved[0]);
  [, screen.column] = screen.saved;
}

function eraseIn(screen: Screen, what: string, mode: number): void {
  const { rows, row, column } = screen;
  const text = rows[row] ?? '';
  if (what === 'X')
    rows[row] =
      text.slice(0, column).padEnd(column + Math.max(1, mode)) + text.slice(column + Math.max(1, mode));
  else if (mode === 0) rows[row] = text.slice(0, column);
  else if (mode === 1) rows[row] = ' '.repeat(Math.min(column + 1, text.length)) + text.slice(column + 1);
  else rows[row] = '';
  if (what !== 'J') return;
  if (mode === 0 || mode === 2) rows.length = Math.min(rows.length, row + 1);
  if (mode === 1 || mode === 2) rows.fill('', 0, row);
}

interface Sequence {
  final: string;
  single: string;
  /** Its parameters. */
  numbers: readonly number[];
  control: Control;
}

function sequenceOf(code: string): Sequence {
  return code.length > rememberedLengthMax ? readSequence(code) : knownSequence(code);
}

const rememberedLengthMax = 32;
const knownSequence = remembered(readSequence);

function readSequence(code: string): Sequence {
  sequence.lastIndex = 0;
  const [, parameters = '', final = '', single = ''] = sequence.exec(code) ?? [];
  const numbers = parameters.split(';', 4).map((text) => Math.min(Number(text) || 0, 10_000));
  return { final, single, numbers, control: controlBy(parameters, final, single) };
}
