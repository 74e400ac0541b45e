/**
 * Statements that are separated, `name value` or `name = value` or with names of several words, on a line that names its step: loguru loops
 * (`step 10 | loss 2.5012 | lr 1.00e-04 | grad norm 1.25`), fairseq (`epoch 001 | loss 10.5 | … | num_updates 500`), absl
 * (`step 100, loss = 2.345`), scikit-learn (`Iteration 1, loss = 2.30`), litgpt (`Epoch 1 | iter 100 step 25 | loss train: 2.431, val: 2.5 | …`).
 * Hand-written loops have nothing but spaces between them (`step 100 loss 2.5 lr 0.001`). What statements.ts finds on the line is found here, too.
 */
import type { FactBody, PointBody } from '../core/fact.ts';
import { canonicalName, isMetricName } from './canonical.ts';
import { namesMeasure, namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';
import { statementsIn, statesSettings, stepOf } from './statements.ts';

const lineMax = 4096;
const piecesMax = 128;
const separator = /[|;\t]|,(?!\d{3}(?:\D|$)) ?| - |: (?=[a-z]{2,16} (?:loss|acc))/;
const statement =
  /^([A-Za-z][\w./@%-]{0,60}(?: [A-Za-z][\w./@-]{0,40}){0,2})( ?[:=] ?| {1,4})\[?([+-]?(?:\d[\d.,]{0,30}(?:[eE][+-]?\d{1,4})?|nan|inf))\]?(%?)$/i;
/** Behind a value, its mean so far, or what it deviates by: `Loss 6.9 (7.0)`, llm.c's `loss 11.009 (+nanz)`. */
const mean = / \([^()]{1,48}\)$/;
const updates = /\bnum_updates[= ](\d{1,12})(?=[\s,|]|$)/;
const beginsSides = /^loss (?:train|val)$/;
const ofSide = /^(?:train|val|valid|test) \S+$/i;
const sides = /^(?:train|val|valid|test)$/;
const validation =
  /\| (?:valid|test)\w{0,16} \||\bvalid(?:ate|ation)? (?:step|iter)|\bvalidation (?:loss|results) at iter|\beval(?:uation)?\b.{0,24}\bstep|\bSaving dict for global step/i;

export const separatedStatementReader: FactReader = {
  format: 'name value',
  kinds: ['line'],
  matches: ({ line, namesStep }) => namesStep && line.length <= lineMax,
  read: ({ line }) => readSeparated(line),
};

function readSeparated(line: string): FactBody[] | null {
  const update = line.includes('num_updates') ? updates.exec(line)?.[1] : undefined;
  const step = update === undefined ? stepOf(line) : Number(update);
  if (step === null || statesSettings(line)) return null;
  const named = separatedIn(line);
  if (named.size === 0) return null;
  return pointsOf(withOthersIn(line, named), step, validation.test(line));
}

/** `named`, with the statements of metrics in the line that were not found between separators. */
export function withOthersIn(line: string, named: Map<string, string>): Map<string, string> {
  const others = statementsIn(line);
  if (others.length === 0) return named;
  const taken = new Set([...named.keys()].flatMap(endsOf));
  for (const [name, , text] of others)
    if (!taken.has(name) && isMetricName(name) && !countsUpdates(name)) named.set(name, text);
  return named;
}

function countsUpdates(name: string): boolean {
  return name.endsWith('num_updates') && updates.test(`${name} 0`);
}

/** The name, and what is left of it without its first words. */
function endsOf(name: string): string[] {
  const words = name.split(' ');
  return words.map((_, i) => words.slice(i).join(' '));
}

/** The points of these names and printed numbers; of a validation, where names do not tell so, `loss` is its loss. */
export function pointsOf(
  named: Iterable<[name: string, text: string]>,
  step: number | null,
  isValidation: boolean,
): PointBody[] {
  return [...named].flatMap(([name, text]) => {
    const value = readNumber(text);
    if (value === null) return [];
    const stated = printedPoint(step, name, value, text);
    const isOfTraining = isValidation && stated.canonical?.startsWith('validation_') === false;
    return isOfTraining ? { ...stated, canonical: canonicalName(`val_${name}`) } : stated;
  });
}

const nameWord = /^[A-Za-z_][\w./@-]{0,60}$/;
const measuredWord = /^\d[\d.]{0,20}[a-z%/]{1,8}$/i;
const spacedMax = 64;

/** Names and numbers by turns at the end of a text: `step 100 loss 2.5 lr 0.001`. None, if none of the names is known as a metric's. */
function spacedIn(text: string): [name: string, text: string][] {
  const words = text.trim().split(/[ \t]{1,16}/, 2 * spacedMax);
  const pairs: [string, string][] = [];
  for (let i = words.length - 1; i > 0; i -= 2) {
    const [name = '', value = ''] = [words[i - 1], words[i]];
    if (!nameWord.test(name)) break;
    if (readNumber(value) !== null) pairs.unshift([name, value]);
    else if (!measuredWord.test(value)) break;
  }
  return pairs.length > 1 && pairs.some(([name]) => canonicalName(name) !== null) ? pairs : [];
}

/** Names and printed numbers of the statements between separators; none if no name among them is known as a metric's. */
export function separatedIn(line: string): Map<string, string> {
  const named = new Map<string, string>();
  let side = '';
  let isKnown = false;
  for (const piece of line.split(separator, piecesMax)) {
    const bare = piece.trim().replace(mean, '');
    // `Step... (100 | Loss: 2.5, Learning Rate: 0.0001)`
    const isLast = bare.endsWith(')') && !bare.includes('(');
    const stated = statement.exec(isLast ? bare.slice(0, -1) : bare);
    if (stated === null) {
      side = '';
      for (const [name, text] of spacedIn(piece)) {
        if (!named.has(name) && isMetricName(name) && !countsUpdates(name)) named.set(name, text);
        isKnown = true;
      }
      continue;
    }
    const [, words = '', sign = '', text = '', percent = ''] = stated;
    // MindSpore: `loss is 2.3`.
    const name = words.endsWith(' is') ? words.slice(0, -3) : words;
    const value = readNumber(text);
    const isSide = side !== '' && sides.test(name);
    // litgpt: `loss train: 2.4, val: 2.5`.
    side = beginsSides.test(name) ? 'loss ' : isSide ? side : '';
    const full = isSide ? side + name : name;
    if (value === null || named.has(full) || !isMetricName(full) || countsUpdates(full)) continue;
    const isSigned = sign.trim() !== '' || name !== words;
    if (percent !== '' && !namesMeasure(full)) continue;
    const isMetric = canonicalName(full) !== null || namesMetric(full);
    isKnown ||= canonicalName(full) !== null || (isMetric && isSigned);
    if (isMetric || (isSigned && (!full.includes(' ') || ofSide.test(full)))) named.set(full, text);
  }
  return isKnown ? named : new Map();
}
