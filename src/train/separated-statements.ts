/**
 * Statements that are separated, `name value` or `name = value` or with names of several words, on a line that names its step: loguru loops
 * (`step 10 | loss 2.5012 | lr 1.00e-04 | grad norm 1.25`), fairseq (`epoch 001 | loss 10.5 | … | num_updates 500`), absl
 * (`step 100, loss = 2.345`), scikit-learn (`Iteration 1, loss = 2.30`), litgpt (`Epoch 1 | iter 100 step 25 | loss train: 2.431, val: 2.5 | …`).
 * What statements.ts finds on the line is found here, too.
 */
import { canonicalName, isMetricName } from './canonical.ts';
import { namesMeasure, namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import type { LineReader } from './reader.ts';
import { named, piecesOf, placeOf } from './stated.ts';
import type { Finding, Place, Statement } from './stated.ts';
import { statementsIn, statesSettings, stepIn } from './statements.ts';

const lineMax = 4096;
const piecesMax = 128;
const separator = /[|;\t]|,(?!\d{3}(?:\D|$)) ?| - |: (?=[a-z]{2,16} (?:loss|acc))/g;
const statement =
  /^([A-Za-z][\w./@%-]{0,60}(?: [A-Za-z][\w./@-]{0,40}){0,2})( ?[:=] ?| {1,4})([+-]?(?:\d[\d.,]{0,30}(?:[eE][+-]?\d{1,4})?|nan|inf))(%?)$/i;
/** Behind a value, its mean so far, or what it deviates by: `Loss 6.9 (7.0)`, llm.c's `loss 11.009 (+nanz)`. */
const mean = / \([^()]{1,48}\)$/;
const updates = /\bnum_updates[= ](\d{1,12})(?=[\s,|]|$)/d;
const beginsSides = /^loss (?:train|val)$/;
const ofSide = /^(?:train|val|valid|test) \S+$/i;
const sides = /^(?:train|val|valid|test)$/;
const validation =
  /\| (?:valid|test)\w{0,16} \||\bvalid(?:ate|ation)? (?:step|iter)|\bvalidation (?:loss|results) at iter|\beval(?:uation)?\b.{0,24}\bstep|\bSaving dict for global step/i;

export const separatedStatementReader: LineReader = {
  format: 'name value',
  find: ({ line, namesStep }) => (namesStep && line.length <= lineMax ? findSeparated(line) : null),
};

function findSeparated(line: string): Finding | null {
  const step = updateIn(line) ?? stepIn(line);
  if (step === null || statesSettings(line)) return null;
  const separated = separatedIn(line, 0);
  if (separated.size === 0) return null;
  const stated = [...withOthersIn(line, 0, separated).values()];
  const isValidation = validation.test(line);
  return { counts: [step], statements: stated.map((each) => named(each, isValidation)) };
}

/** All statements in [from, end of the line), by name: those between separators, and those of metrics that were not found there. */
export function statedIn(line: string, from = 0): Map<string, Statement> {
  return withOthersIn(line, from, separatedIn(line, from));
}

function withOthersIn(line: string, from: number, separated: Map<string, Statement>): Map<string, Statement> {
  const others = statementsIn(line, from);
  if (others.length === 0) return separated;
  const names = [...separated.keys()];
  const taken = new Set(names.flatMap((name) => [name, name.slice(name.lastIndexOf(' ') + 1)]));
  for (const other of others)
    if (!taken.has(other.name) && isMetricName(other.name) && !countsUpdates(other.name))
      separated.set(other.name, other);
  return separated;
}

function updateIn(line: string): Place | null {
  const found = line.includes('num_updates') ? updates.exec(line) : null;
  return found === null ? null : placeOf(found, 1);
}

function countsUpdates(name: string): boolean {
  return name.endsWith('num_updates') && updates.test(`${name} 0`);
}

/** The statements between separators, by name, in [from, end of the line); none if no name among them is known as a metric's. */
function separatedIn(line: string, from: number): Map<string, Statement> {
  const found = new Map<string, Statement>();
  let side = '';
  let isKnown = false;
  for (const { at, end } of piecesOf(line, from, separator, piecesMax)) {
    const stated = statement.exec(line.slice(at, end).replace(mean, ''));
    if (stated === null) {
      side = '';
      continue;
    }
    const [whole, words = '', sign = '', text = '', percent = ''] = stated;
    // MindSpore: `loss is 2.3`.
    const name = words.endsWith(' is') ? words.slice(0, -3) : words;
    const isSide = side !== '' && sides.test(name);
    // litgpt: `loss train: 2.4, val: 2.5`.
    side = beginsSides.test(name) ? 'loss ' : isSide ? side : '';
    const full = isSide ? side + name : name;
    if (readNumber(text) === null || found.has(full) || !isMetricName(full) || countsUpdates(full)) continue;
    if (percent !== '' && !namesMeasure(full)) continue;
    const isSigned = sign.trim() !== '' || name !== words;
    const isMetric = canonicalName(full) !== null || namesMetric(full);
    isKnown ||= canonicalName(full) !== null || (isMetric && isSigned);
    if (isMetric || (isSigned && (!full.includes(' ') || ofSide.test(full)))) {
      const valueEnd = at + whole.length - percent.length;
      found.set(full, { name: full, nameAt: at, at: valueEnd - text.length, end: valueEnd });
    }
  }
  return isKnown ? found : new Map();
}
