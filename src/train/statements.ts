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
import { namesMeasure } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const lineMax = 8192;
const statementsMax = 256;
const stepStatement =
  /(?:^|[\s|\](,[/:-])(?:global[ _]?|train[ _]?)?(?:step|iter(?:ation)?)s?(?:\.{3} \()?[ \t]{0,4}[:=#]?[ \t]{0,12}\[?[ \t]{0,12}(\d{1,15})(?:[ \t]{0,4}\/[ \t]{0,12}\d{1,15})?\]?(?=[\s,;:|)\]]|$)/i;

export const statementReader: FactReader = {
  format: 'name=value',
  kinds: ['line'],
  matches: ({ namesStep }) => namesStep,
  read: ({ line }) => readStatements(line),
};

const settings =
  /Namespace\(|\b(?:args|arguments|config|hparams|hyper-?parameters|settings|options)[ \t]{0,2}[:=]/i;

/** Numbers of a line that tells the run's settings are no points. */
export function statesSettings(line: string): boolean {
  return settings.test(line);
}

/** The step that a line states, or null. */
export function stepOf(line: string): number | null {
  const found = stepStatement.exec(line);
  return found === null ? null : Number(found[1]);
}

export function readStatements(text: string): FactBody[] {
  const line = text.length > lineMax ? text.slice(0, lineMax) : text;
  const step = stepOf(line);
  if (step === null || statesSettings(line)) return [];
  const stated = new Map<string, Statement>();
  for (const statement of statementsIn(line))
    if (isMetricName(statement[0]) && !stated.has(statement[0])) stated.set(statement[0], statement);
  if (![...stated.keys()].some((name) => canonicalName(name) !== null)) return [];
  // torchtitan: `validate step: 10  loss:  6.0`.
  const isValidation = line.includes('validate step');
  return [...stated.values()].map(([name, value, text]) => {
    const body = printedPoint(step, name, value, text);
    return isValidation ? { ...body, canonical: canonicalName(`val_${name}`) } : body;
  });
}

/** A share of a hundred has a `%` behind it. */
const valueAt =
  /\[?([+-]?[\d.][\d.,]{0,30}(?:[eE][+-]?\d{1,4})?|[+-]?nan|[+-]?inf(?:inity)?)(%?)(?=[\s,;|)\]}]|$)/iy;

type Statement = [name: string, value: number, text: string];

/** All statements of numbers in a line, from left to right. One pass: names are read backwards from `=` and `:`. */
export function statementsIn(line: string): Statement[] {
  const found: Statement[] = [];
  let behindLast = 0;
  let [colon, equals] = [line.indexOf(':'), line.indexOf('=')];
  while ((colon >= 0 || equals >= 0) && found.length < statementsMax) {
    const mark = colon < 0 ? equals : equals < 0 ? colon : Math.min(colon, equals);
    const name = nameBefore(line, mark, behindLast);
    behindLast = mark + 1;
    if (mark === colon) colon = line.indexOf(':', behindLast);
    else equals = line.indexOf('=', behindLast);
    if (name === null) continue;
    let at = behindLast;
    while (at - mark < 16 && line.charCodeAt(at) === 32) at += 1;
    valueAt.lastIndex = at;
    const [, printed = '', percent = ''] = valueAt.exec(line) ?? [];
    const text = printed.replace(/[,.]$/, '');
    const value = readNumber(text);
    if (value !== null && (percent === '' || namesMeasure(name))) found.push([name, value, text]);
  }
  return found;
}

const nameMax = 128;
/** What a name may have before it, one space away. */
const side =
  /(?:^|[\s|,;:([{>-])((?:train(?:ing)?|val(?:id(?:ation)?)?|eval(?:uation)?|test|dev|avg\.?|average|mean) )$/i;
/** A loss may have a word of any kind: `[D loss: 0.5] [G loss: 1.2]`. */
const lossOf = /(?:^|[|,;([{>\t] {0,2})([A-Za-z][\w-]{0,20} )$/;
const sideMax = 24;
const sourceFile = /\.(?:py|cc|cpp|cu|java|go|rs|js)$/;

/** What stands before `mark`, or a space before it, back to `from` at most; null if it is no name. */
function nameBefore(line: string, mark: number, from: number): string | null {
  const end = mark > from && line.charCodeAt(mark - 1) === 32 ? mark - 1 : mark;
  let start = end;
  while (start > from && isNameCode(line.charCodeAt(start - 1))) start -= 1;
  if (end - start > nameMax || !startsName(line.charCodeAt(start))) return null;
  const before = line.charCodeAt(start - 1);
  // `__main__:train:12`: a place in the code.
  if (before === 58 && line.charCodeAt(mark) === 58 && line.charCodeAt(mark + 1) !== 32) return null;
  const name = line.slice(start, end);
  if (sourceFile.test(name)) return null;
  if (before !== 32 || start - 2 < from || !namesMeasure(name)) return name;
  const lead = line.slice(Math.max(from, start - sideMax), start);
  const found = side.exec(lead) ?? (name.toLowerCase() === 'loss' ? lossOf.exec(lead) : null);
  return (found?.[1] ?? '') + name;
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
