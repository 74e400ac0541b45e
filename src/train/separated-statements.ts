/**
 * Statements that are separated, `name value` or `name = value` or with names of several words, on a line that names its step: loguru loops
 * (`step 10 | loss 2.5012 | lr 1.00e-04 | grad norm 1.25`), fairseq (`epoch 001 | loss 10.5 | … | num_updates 500`), absl
 * (`step 100, loss = 2.345`), scikit-learn (`Iteration 1, loss = 2.30`), litgpt (`Epoch 1 | iter 100 step 25 | loss train: 2.431, val: 2.5 | …`).
 * Hand-written loops have nothing but spaces between them (`step 100 loss 2.5 lr 0.001`). What statements.ts finds on the line is found here, too.
 */
import { canonicalName, isMetricName } from './canonical.ts';
import { namesMeasure, namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import type { LineReader } from './reader.ts';
import { named, piecesOf, placeOf } from './stated.ts';
import type { Finding, Place, Statement } from './stated.ts';
import { statementsIn, statesSettings, stepsIn } from './statements.ts';

const lineMax = 4096;
const piecesMax = 128;
const separator = /[|;\t]|,(?!\d{3}(?:\D|$)) ?| - |: (?=[a-z]{2,16} (?:loss|acc))/g;
const statement =
  /^([A-Za-z][\w./@%-]{0,60}(?: [A-Za-z][\w./@-]{0,40}){0,2})( ?[:=] ?| {1,4})\[?([+-]?(?:\d[\d.,]{0,30}(?:[eE][+-]?\d{1,4})?|nan|inf))\]?(%?)$/di;
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
  const update = updateIn(line);
  const steps = update === null ? stepsIn(line) : { step: update, total: null };
  if (steps === null || statesSettings(line)) return null;
  const separated = separatedIn(line);
  if (separated.size === 0) return null;
  const stated = [...withOthersIn(line, 0, separated).values()];
  const isValidation = validation.test(line);
  const { step, total } = steps;
  return { counts: [step], total, statements: stated.map((each) => named(each, isValidation)) };
}

/** All statements in [from, end of the line), by name: those between separators, and those of metrics that were not found there. */
export function statedIn(line: string, from = 0): Map<string, Statement> {
  return withOthersIn(line, from, separatedIn(line, from));
}

function withOthersIn(line: string, from: number, separated: Map<string, Statement>): Map<string, Statement> {
  const others = statementsIn(line, from);
  if (others.length === 0) return separated;
  const taken = new Set([...separated.keys()].flatMap(endsOf));
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

/** The name, and what is left of it without its first words. */
function endsOf(name: string): string[] {
  const words = name.split(' ');
  return words.map((_, i) => words.slice(i).join(' '));
}

const nameWord = /^[A-Za-z_][\w./@-]{0,60}$/;
const measuredWord = /^\d[\d.]{0,20}[a-z%/]{1,8}$/i;
const spaces = /[ \t]{1,16}/g;
const spacedMax = 64;

/** Names and numbers by turns at the end of [from, to): `step 100 loss 2.5 lr 0.001`. None, if none of the names is known as a metric's. */
function spacedIn(line: string, from: number, to: number): Statement[] {
  const words = piecesOf(line.slice(0, to), from, spaces, 2 * spacedMax);
  const found: Statement[] = [];
  for (let i = words.length - 1; i > 0; i -= 2) {
    const [word, value] = [words[i - 1], words[i]];
    if (word === undefined || value === undefined) break;
    const name = line.slice(word.at, word.end);
    const text = line.slice(value.at, value.end);
    if (!nameWord.test(name)) break;
    if (readNumber(text) !== null) found.unshift({ name, nameAt: word.at, ...value });
    else if (!measuredWord.test(text)) break;
  }
  return found.length > 1 && found.some(({ name }) => canonicalName(name) !== null) ? found : [];
}

/** The statements between separators, by name, in [from, end of the line); none if no name among them is known as a metric's. */
export function separatedIn(line: string, from = 0): Map<string, Statement> {
  const found = new Map<string, Statement>();
  let side = '';
  let isKnown = false;
  for (const { at, end } of piecesOf(line, from, separator, piecesMax)) {
    const bare = line.slice(at, end).replace(mean, '');
    // `Step... (100 | Loss: 2.5, Learning Rate: 0.0001)`
    const isLast = bare.endsWith(')') && !bare.includes('(');
    const stated = statement.exec(isLast ? bare.slice(0, -1) : bare);
    if (stated === null) {
      side = '';
      for (const spaced of spacedIn(line, at, end)) {
        const { name } = spaced;
        if (!found.has(name) && isMetricName(name) && !countsUpdates(name)) found.set(name, spaced);
        isKnown = true;
      }
      continue;
    }
    const [, words = '', sign = '', text = '', percent = ''] = stated;
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
      const valueAt = at + (placeOf(stated, 3)?.at ?? 0);
      found.set(full, { name: full, nameAt: at, at: valueAt, end: valueAt + text.length });
    }
  }
  return isKnown ? found : new Map();
}
