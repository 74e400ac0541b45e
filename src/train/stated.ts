/**
 * What a line states, by the places where its numbers stand: what is found once in a line of a shape (line-shapes.ts) is read from every line
 * of that shape without looking for it again.
 */
import type { PointBody } from '../core/fact.ts';
import { canonicalName } from './canonical.ts';
import { isInShape } from './line-shapes.ts';
import { decimalsIn, printedNumber, readNumber } from './numbers.ts';

/** A number's text: [at, end) of the line. */
export interface Place {
  at: number;
  end: number;
}

/** A name, and the place of its number. */
export interface Statement extends Place {
  /** As it is told: what stands at `nameAt`, and what is known to belong before it. */
  name: string;
  nameAt: number;
}

export interface NamedStatement extends Statement {
  canonical: string | null;
}

/** Of a line: what counts it (its step, unless the reader knows better), and what it states. */
export interface Finding {
  counts: readonly Place[];
  /** The last step, where the line tells it. */
  total?: Place | null;
  statements: readonly NamedStatement[];
  /**
   * Digits of a number may have been taken for part of a name: other lines of the shape may state something else. If such a line states nothing, the
   * next reader is asked.
   */
  isOfLineAlone?: boolean;
}

/** A line of the format, that states nothing. */
export const nothingStated: Finding = { counts: [], statements: [] };

/** The same of a line where another one of its shape may state something. */
export const nothingAlone: Finding = { ...nothingStated, isOfLineAlone: true };

export function isNothingAlone({ statements, isOfLineAlone = false }: Finding): boolean {
  return isOfLineAlone && statements.length === 0;
}

export function named(statement: Statement, isValidation: boolean): NamedStatement {
  return { ...statement, canonical: canonicalIn(statement.name, isValidation) };
}

/** Of a validation, where names do not tell so, `loss` is its loss. */
export function canonicalIn(name: string, isValidation: boolean): string | null {
  const canonical = canonicalName(name);
  const isOfTraining = isValidation && canonical?.startsWith('validation_') === false;
  return isOfTraining ? canonicalName(`val_${name}`) : canonical;
}

/** Whether the finding is that of every line of the shape: no digit of a name may be another one there. */
export function isOfShape(line: string, { statements, isOfLineAlone = false }: Finding): boolean {
  return !isOfLineAlone && statements.every(({ nameAt, at }) => isInShape(line, nameAt, at));
}

/** What a group of a pattern has matched, which has the flag `d`. */
export function placeOf({ indices }: RegExpExecArray, group: number | string): Place | null {
  const [at, end] = (typeof group === 'number' ? indices?.[group] : indices?.groups?.[group]) ?? [];
  return at === undefined || end === undefined ? null : { at, end };
}

/** The number at a place. */
export function countAt(line: string, { at, end }: Place): number {
  return printedNumber(line, at, end).value;
}

export function pointsAt(
  line: string,
  step: number | null,
  statements: readonly NamedStatement[],
  total: number | null = null,
): PointBody[] {
  return statements.map(({ name, canonical, at, end }) => {
    const { value, decimals } = printedNumber(line, at, end);
    const point: PointBody = { kind: 'point', step, name, canonical, value, decimals };
    if (total !== null) point.total = total;
    return point;
  });
}

/** The points of these names and printed numbers; of a validation, where names do not tell so, `loss` is its loss. */
export function pointsOf(
  pairs: Iterable<[name: string, text: string]>,
  step: number | null,
  isValidation: boolean,
): PointBody[] {
  return [...pairs].flatMap(([name, text]) => {
    const value = readNumber(text);
    if (value === null) return [];
    const canonical = canonicalIn(name, isValidation);
    return [{ kind: 'point', step, name, canonical, value, decimals: decimalsIn(text) }];
  });
}

const space = /^\s*/;

/** The pieces of [from, end of the line) between matches of the separator, which is global; without white space around them. */
export function piecesOf(line: string, from: number, separator: RegExp, piecesMax: number): Place[] {
  const pieces: Place[] = [];
  let at = from;
  separator.lastIndex = from;
  while (pieces.length < piecesMax) {
    const found = separator.exec(line);
    const text = line.slice(at, found?.index);
    const start = at + (space.exec(text)?.[0].length ?? 0);
    pieces.push({ at: start, end: start + text.trim().length });
    if (found === null) break;
    at = separator.lastIndex;
  }
  return pieces;
}
