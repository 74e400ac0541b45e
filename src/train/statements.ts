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
import type { LineReader } from './reader.ts';
import { countAt, nothingStated, placeOf, pointsAt } from './stated.ts';
import type { Finding, Place, Statement } from './stated.ts';

const lineMax = 8192;
const statementsMax = 256;
const stepStatement =
  /(?:^|[\s|\](,[/-])(?:global[ _]?|train[ _]?)?(?:step|iter(?:ation)?)s?[ \t]{0,4}[:=#]?[ \t]{0,12}\[?[ \t]{0,12}(\d{1,15})(?:[ \t]{0,4}\/[ \t]{0,12}\d{1,15})?\]?(?=[\s,;:|)\]]|$)/di;

export const statementReader: LineReader = {
  format: 'name=value',
  find: ({ line, namesStep }) => (namesStep ? findStatements(line) : null),
};

const settings =
  /Namespace\(|\b(?:args|arguments|config|hparams|hyper-?parameters|settings|options)[ \t]{0,2}[:=]/i;

/** Numbers of a line that tells the run's settings are no points. */
export function statesSettings(line: string): boolean {
  return settings.test(line);
}

/** The step that a line states, or null. */
export function stepOf(line: string): number | null {
  const place = stepIn(line);
  return place === null ? null : countAt(line, place);
}

/** The place of the step that a line states, or null. */
export function stepIn(line: string): Place | null {
  const found = stepStatement.exec(line);
  return found === null ? null : placeOf(found, 1);
}

export function readStatements(text: string): FactBody[] {
  const { counts, statements } = findStatements(text);
  const [step] = counts;
  return step === undefined ? [] : pointsAt(text, countAt(text, step), statements);
}

function findStatements(text: string): Finding {
  const line = text.length > lineMax ? text.slice(0, lineMax) : text;
  const step = stepIn(line);
  if (step === null || statesSettings(line)) return nothingStated;
  const stated = new Map<string, Statement>();
  for (const statement of statementsIn(line))
    if (isMetricName(statement.name) && !stated.has(statement.name)) stated.set(statement.name, statement);
  if (![...stated.keys()].some((name) => canonicalName(name) !== null)) return nothingStated;
  // torchtitan: `validate step: 10  loss:  6.0`.
  const isValidation = line.includes('validate step');
  const canonical = (name: string) => canonicalName(isValidation ? `val_${name}` : name);
  return {
    counts: [step],
    statements: [...stated.values()].map((each) => ({ ...each, canonical: canonical(each.name) })),
  };
}

const valueAt =
  /\[?([+-]?[\d.][\d.,]{0,30}(?:[eE][+-]?\d{1,4})?|[+-]?nan|[+-]?inf(?:inity)?)(?=[\s,;|)\]}]|$)/iy;

/** All statements of numbers in [from, end of the line), from left to right. One pass: names are read backwards from `=` and `:`. */
export function statementsIn(line: string, from = 0): Statement[] {
  const found: Statement[] = [];
  let behindLast = from;
  let [colon, equals] = [line.indexOf(':', from), line.indexOf('=', from)];
  while ((colon >= 0 || equals >= 0) && found.length < statementsMax) {
    const mark = colon < 0 ? equals : equals < 0 ? colon : Math.min(colon, equals);
    const name = nameBefore(line, mark, behindLast, from);
    behindLast = mark + 1;
    if (mark === colon) colon = line.indexOf(':', behindLast);
    else equals = line.indexOf('=', behindLast);
    if (name === null) continue;
    let at = behindLast;
    while (at - mark < 16 && line.charCodeAt(at) === 32) at += 1;
    valueAt.lastIndex = at;
    const [whole = '', value = ''] = valueAt.exec(line) ?? [];
    const text = value.replace(/[,.]$/, '');
    const start = at + whole.length - value.length;
    if (readNumber(text) !== null)
      found.push({ name, nameAt: mark - name.length, at: start, end: start + text.length });
  }
  return found;
}

const nameMax = 128;
const sourceFile = /\.(?:py|cc|cpp|cu|java|go|rs|js)$/;

/** What stands before `mark`, back to `behindLast` at most; null if it is no name. The line begins at `from`. */
function nameBefore(line: string, mark: number, behindLast: number, from: number): string | null {
  let start = mark;
  while (start > behindLast && isNameCode(line.charCodeAt(start - 1))) start -= 1;
  if (mark - start > nameMax || !startsName(line.charCodeAt(start))) return null;
  // `__main__:train:12`: a place in the code.
  if (start > from && line.charCodeAt(start - 1) === 58) return null;
  const name = line.slice(start, mark);
  return sourceFile.test(name) ? null : name;
}

function startsName(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 95;
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
