/**
 * `name=value` and `name: value` statements on a line that names its step: loguru and Python logging loops, hydra
 * (`iter: [   1/50] | loss: 4.46 (4.46) | …`), torchtune (`Step 1 | loss:4.46 lr:0.00294 …`), torchtitan
 * (`step:  1  loss:  4.46000  …`), DeepSpeed (`step=10, skipped=0, lr=[0.001], mom=[(0.9, 0.999)]`).
 *
 * A line counts only if it states a step and one metric that is known by name; a value with a unit behind it (`11.18ms`,
 * `2.05GiB`) is none. So prose, timings, versions and dumps of settings make no points.
 */
import type { FactBody } from '../core/fact.ts';
import { canonicalName, isMetricName } from './canonical.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const lineMax = 8192;
const statementsMax = 256;
const stepStatement =
  /(?:^|[\s|\](,[/-])(?:global[ _]?|train[ _]?)?(?:step|iter(?:ation)?)s?[ \t]{0,4}[:=#]?[ \t]{0,12}\[?[ \t]{0,12}(\d{1,15})(?:[ \t]{0,4}\/[ \t]{0,12}\d{1,15})?\]?(?=[\s,;:|)\]]|$)/i;

export const statementReader: FactReader = {
  format: 'name=value',
  matches: ({ event }) => event.kind === 'line' || event.kind === 'progress',
  read: ({ event, line }) => (event.kind === 'line' ? readStatements(line) : []),
};

/** The step that a line states, or null. */
export function stepOf(line: string): number | null {
  const found = stepStatement.exec(line);
  return found === null ? null : Number(found[1]);
}

export function readStatements(text: string): FactBody[] {
  const line = text.length > lineMax ? text.slice(0, lineMax) : text;
  const step = stepOf(line);
  if (step === null) return [];
  const stated = new Map<string, Statement>();
  for (const statement of statementsIn(line))
    if (isMetricName(statement[0]) && !stated.has(statement[0])) stated.set(statement[0], statement);
  if (![...stated.keys()].some((name) => canonicalName(name) !== null)) return [];
  return [...stated.values()].map((statement) => printedPoint(step, ...statement));
}

const valueAt =
  /\[?([+-]?[\d.][\d.,]{0,30}(?:[eE][+-]?\d{1,4})?|[+-]?nan|[+-]?inf(?:inity)?)(?=[\s,;|)\]}]|$)/iy;

type Statement = [name: string, value: number, text: string];

/** All statements of numbers in a line, from left to right. One pass: names are read backwards from `=` and `:`. */
function statementsIn(line: string): Statement[] {
  const found: Statement[] = [];
  let nameStart = -1;
  for (let i = 0; i < line.length && found.length < statementsMax; i += 1) {
    const code = line.charCodeAt(i);
    if (code !== 58 && code !== 61) {
      if (!isNameCode(code)) nameStart = -1;
      else if (nameStart < 0) nameStart = i;
      continue;
    }
    const name = nameStart < 0 ? '' : line.slice(nameStart, i);
    nameStart = -1;
    if (!/^[A-Za-z_]/.test(name) || name.length > 128 || /\.(?:py|cc|cpp|cu|java|go|rs|js)$/.test(name))
      continue;
    let at = i + 1;
    while (at - i < 16 && line.charCodeAt(at) === 32) at += 1;
    valueAt.lastIndex = at;
    const text = (valueAt.exec(line)?.[1] ?? '').replace(/[,.]$/, '');
    const value = readNumber(text);
    if (value !== null) found.push([name, value, text]);
  }
  return found;
}

/** Letters, digits and `_ . / - % @`. */
function isNameCode(code: number): boolean {
  return (
    (code >= 97 && code <= 122) ||
    (code >= 65 && code <= 90) ||
    (code >= 45 && code <= 57) ||
    code === 95 ||
    code === 37 ||
    code === 64
  );
}
