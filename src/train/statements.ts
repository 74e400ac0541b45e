/**
 * `name=value` and `name: value` statements on a line that names its step: loguru and Python logging loops, hydra
 * (`iter: [   1/50] | loss: 4.46 (4.46) | …`), torchtune (`Step 1 | loss:4.46 lr:0.00294 …`), torchtitan
 * (`step:  1  loss:  4.46000  …`), DeepSpeed (`step=10, skipped=0, lr=[0.001], mom=[(0.9, 0.999)]`), BasicSR (`[epoch:  3, iter:   5,100,
 * lr:(1.000e-04,)] [eta: …] l_g_pix: 2.3456e-02`), nanotron (`iteration: 1 / 15000 | tokens_per_sec: 19.7K | lm_loss: 11.2`).
 *
 * A line counts only if it states a step and one metric that is known by name; a value with a unit behind it (`11.18ms`,
 * `2.05GiB`) is none. So prose, timings, versions and dumps of settings make no points.
 */
import { canonicalName, isMetricName } from './canonical.ts';
import { namesMeasure } from './metric-words.ts';
import { readShortNumber } from './numbers.ts';
import type { LineReader } from './reader.ts';
import { countAt, nothingStated, placeOf } from './stated.ts';
import type { Finding, Place, Statement } from './stated.ts';

const lineMax = 8192;
const statementsMax = 256;
const stepStatement =
  /(?:^|[\s|\](,[/:-])(?:global[ _]?|train[ _]?)?(?:step|iter(?:ation)?)s?(?:\.{3} \()?[ \t]{0,4}[:=#]?[ \t]{0,12}\[?[ \t]{0,12}(\d{1,3}(?:,\d{3}){1,4}(?![,.]?\d)|\d{1,15}(?!,\d{3}(?!\d)))(?:[ \t]{0,4}\/[ \t]{0,12}(\d{1,3}(?:,\d{3}){1,4}(?!\d)|\d{1,15}))?\]?(?=[\s,;:|)\]]|$)/di;

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
  return stepsIn(line)?.step ?? null;
}

/** The places of the step that a line states, and of the last one, where it tells that. */
export function stepsIn(line: string): { step: Place; total: Place | null } | null {
  const found = stepStatement.exec(line);
  const step = found === null ? null : placeOf(found, 1);
  return found === null || step === null ? null : { step, total: placeOf(found, 2) };
}

function findStatements(text: string): Finding {
  const line = text.length > lineMax ? text.slice(0, lineMax) : text;
  const steps = stepsIn(line);
  if (steps === null || statesSettings(line)) return nothingStated;
  const stated = new Map<string, Statement>();
  for (const statement of statementsIn(line))
    if (isMetricName(statement.name) && !stated.has(statement.name)) stated.set(statement.name, statement);
  if (![...stated.keys()].some((name) => canonicalName(name) !== null)) return nothingStated;
  // torchtitan: `validate step: 10  loss:  6.0`.
  const isValidation = line.includes('validate step');
  const canonical = (name: string) => canonicalName(isValidation ? `val_${name}` : name);
  return {
    counts: [steps.step],
    total: steps.total,
    statements: [...stated.values()].map((each) => ({ ...each, canonical: canonical(each.name) })),
  };
}

/** A share of a hundred has a `%` behind it; that of a bar is none. */
const valueAt =
  /([[(]?)([+-]?[\d.][\d.,]{0,30}(?:e[+-]?\d{1,4}|[kKMBT])?|[+-]?nan|[+-]?inf(?:inity)?)(%(?! [━─╸])|)(?=([\s,;|)\]}])|$)/iy;

/** All statements of numbers in [from, to) of the line, from left to right. One pass: names are read backwards from `=` and `:`. */
export function statementsIn(line: string, from = 0, to = line.length): Statement[] {
  const text = to < line.length ? line.slice(0, to) : line;
  const found: Statement[] = [];
  let behindLast = from;
  let [colon, equals] = [text.indexOf(':', from), text.indexOf('=', from)];
  while ((colon >= 0 || equals >= 0) && found.length < statementsMax) {
    const mark = colon < 0 ? equals : equals < 0 ? colon : Math.min(colon, equals);
    const name = nameBefore(text, mark, behindLast, from);
    behindLast = mark + 1;
    if (mark === colon) colon = text.indexOf(':', behindLast);
    else equals = text.indexOf('=', behindLast);
    if (name === null) continue;
    let at = behindLast;
    while (at - mark < 16 && text.charCodeAt(at) === 32) at += 1;
    valueAt.lastIndex = at;
    const [whole = '', bracket = '', printed = '', percent = '', next] = valueAt.exec(text) ?? [];
    const value = printed.replace(/[,.]$/, '');
    if (readShortNumber(value) === null || (percent !== '' && !isShare(name.name, value, text))) continue;
    if ((bracket === '(' || (bracket !== '' && (next === ',' || value !== printed))) && !isRate(name.name))
      continue;
    const start = at + whole.length - percent.length - printed.length;
    found.push({ ...name, at: start, end: start + value.length });
  }
  return found;
}

/**
 * Is it measured in percent? OGB's examples tell accuracies by the data alone: `Train: 98.12%, Valid: 71.12% Test: 70.12%`. One alone tells how far
 * that is.
 */
export function isShare(name: string, value: string, line: string): boolean {
  return namesMeasure(name) || (value.includes('.') && ofSplit.test(name) && ofSplits.test(line));
}

const ofSplit = /^(?:train|val|valid|test)$/i;
const ofSplits =
  /\b(?:train|val|valid)(?::|=| ?) ?[\d.]{1,12}%.{0,40}\b(?:val|valid|test)(?::|=| ?) ?[\d.]{1,12}%/i;

/** Of a list only the rate of the first group of parameters is one value for all. */
export function isRate(name: string): boolean {
  return canonicalName(name) === 'learning_rate';
}

const nameMax = 128;
/** What a name may have before it, one space away; the best so far is not what was measured last. */
const side =
  /(?:^|[\s|,;:([{>-])((?:best )?(?:(?:train(?:ing)?|val(?:id(?:ation)?)?|eval(?:uation)?|test|dev|avg\.?|average|mean|best) ))$/i;
/** A loss may have a word of any kind: `[D loss: 0.5] [G loss: 1.2]`. */
const lossOf = /(?:^|[|,;([{>\t] {0,2})([A-Za-z][\w-]{0,20} )$/;
const sideMax = 24;
const sourceFile = /\.(?:py|cc|cpp|cu|java|go|rs|js)$/;

/** What stands before `mark`, or a space before it, back to `behindLast` at most; null if it is no name. The text begins at `from`. */
function nameBefore(
  text: string,
  mark: number,
  behindLast: number,
  from: number,
): Pick<Statement, 'name' | 'nameAt'> | null {
  const isQuoted = text.charCodeAt(mark) === 61 && text.charCodeAt(mark - 1) === 39;
  const end = mark > behindLast && (isQuoted || text.charCodeAt(mark - 1) === 32) ? mark - 1 : mark;
  let start = end;
  while (start > behindLast && isNameCode(text.charCodeAt(start - 1))) start -= 1;
  if (end - start > nameMax || !startsName(text.charCodeAt(start))) return null;
  const before = start > from ? text.charCodeAt(start - 1) : 0;
  // `__main__:train:12`: a place in the code.
  if (before === 58 && text.charCodeAt(mark) === 58 && text.charCodeAt(mark + 1) !== 32) return null;
  const name = text.slice(start, end);
  if (sourceFile.test(name)) return null;
  if (before !== 32 || start - 2 < behindLast || !namesMeasure(name)) return { name, nameAt: start };
  const lead = text.slice(Math.max(behindLast, start - sideMax), start);
  const found = side.exec(lead) ?? (name.toLowerCase() === 'loss' ? lossOf.exec(lead) : null);
  const word = found?.[1] ?? '';
  return { name: word + name, nameAt: start - word.length };
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
