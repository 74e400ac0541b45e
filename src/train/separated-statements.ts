/**
 * Statements that are separated, `name value` or `name = value` or with names of several words, on a line that names its step: loguru loops
 * (`step 10 | loss 2.5012 | lr 1.00e-04 | grad norm 1.25`), fairseq (`epoch 001 | loss 10.5 | … | num_updates 500`), absl
 * (`step 100, loss = 2.345`), scikit-learn (`Iteration 1, loss = 2.30`), litgpt (`Epoch 1 | iter 100 step 25 | loss train: 2.431, val: 2.5 | …`).
 * Hand-written loops have nothing but spaces between them (`step 100 loss 2.5 lr 0.001`). What statements.ts finds on the line is found here, too.
 */
import { canonicalName, isMetricName } from './canonical.ts';
import { namesMeasure, namesMetric } from './metric-words.ts';
import { readNumber, readShortNumber } from './numbers.ts';
import type { LineReader } from './reader.ts';
import { named, piecesOf, placeOf } from './stated.ts';
import type { Finding, Place, Statement } from './stated.ts';
import { isRate, isShare, statementsIn, statesSettings, stepsIn } from './statements.ts';

const lineMax = 4096;
const piecesMax = 128;
const separator = /[|;\t]|,(?!\d{3}(?:\D|$)) ?| - |: (?=[a-z]{2,16} (?:loss|acc))/g;
const statement =
  /^([A-Za-z][\w./@%-]{0,60}(?: [A-Za-z][\w./@-]{0,40}){0,2}(?: \([a-z]{2,12}(?: [a-z]{2,12})?\)(?= ))?)( ?[:=] ?| {1,4})\[?([+-]?(?:\d[\d.,]{0,30}(?:e[+-]?\d{1,4}|[kKMBT])?|nan|inf))\]?(%?)$/di;
/** dm-acme: `[Learner] Critic Loss = 0.3 | …` (utils/loggers/terminal.py). */
const label = /^\[[A-Za-z]\w{0,40}\] (?=[A-Z][A-Za-z ]{1,80} = )/;
/** Behind a value, its mean so far, or what it deviates by: `Loss 6.9 (7.0)`, llm.c's `loss 11.009 (+nanz)`. */
const mean = / \([^()]{1,48}\)$/;
const updates = /\bnum_updates[= ](\d{1,12})(?=[\s,|]|$)/d;
const beginsSides = /^loss (?:train|val)$/;
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
  // 3D Gaussian splatting: `[ITER 7000] Evaluating test: L1 0.03 PSNR 25.1` (train.py).
  const of = evaluating.exec(line)?.[1];
  const statements = stated.map((each) => named(of === undefined ? each : nameOf(of, each), isValidation));
  return { counts: [step], total, statements };
}

/** All statements in [from, end of the line), by name: those between separators, and those of metrics that were not found there. */
export function statedIn(line: string, from = 0): Map<string, Statement> {
  return withOthersIn(line, from, separatedIn(line, from));
}

const evaluating = /^\s{0,4}\[ITER \d{1,9}\] Evaluating (train|test): /;

function nameOf(data: string, statement: Statement): Statement {
  return { ...statement, name: `${data} ${statement.name}` };
}

function withOthersIn(line: string, from: number, separated: Map<string, Statement>): Map<string, Statement> {
  const others = statementsIn(line, from);
  if (others.length === 0) return separated;
  const taken = new Set([...separated.keys()].flatMap(endsOf));
  for (const other of others) {
    const { name } = other;
    if (!taken.has(name) && !separated.has(name) && isMetricName(name) && !countsUpdates(name))
      separated.set(name, other);
  }
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
const measuredWord = /^(?:\d[\d.]{0,20}[a-z%/]{1,8}|(?:\d{1,4}:)?\d{1,2}:\d{2})$/i;
const spaces = /[ \t]{1,16}/g;
const spacedMax = 64;

/** Names and numbers by turns at the end of [from, to): `step 100 loss 2.5 lr 0.001`. None, if none of the names is known as a metric's. */
function spacedIn(line: string, from: number, to: number): Statement[] {
  const words = piecesOf(line.slice(0, to), from, spaces, 2 * spacedMax);
  const found: Statement[] = [];
  let measured = 0;
  for (let i = words.length - 1; i > 0; i -= 2) {
    const [word, value] = [words[i - 1], words[i]];
    if (word === undefined || value === undefined) break;
    const name = line.slice(word.at, word.end);
    const text = line.slice(value.at, value.end);
    if (!nameWord.test(name)) break;
    if (readNumber(text) !== null) found.unshift({ name, nameAt: word.at, ...value });
    else if (measuredWord.test(text)) measured += 1;
    else break;
  }
  if (found.length === 0 || found.length + measured < 2) return [];
  const isKnown =
    found.some(({ name }) => canonicalName(name) !== null) || found.every(({ name }) => namesMeasure(name));
  return isKnown ? found : [];
}

/** `losses: [0.1, 0.4]` up to the comma. */
const beginsList = /\[[^\]]{1,40}$/;

/** `Step... (100 | Loss: 2.5, Learning Rate: 0.0001)`, RecBole's `training [time: 1.23s, train loss: 12.3]`. */
function withinBrackets(piece: string): string {
  const isLast =
    (piece.endsWith(')') && !piece.includes('(')) || (piece.endsWith(']') && !piece.includes('['));
  return isLast ? piece.slice(0, -1) : piece;
}

/** The statements between separators, by name, in [from, end of the line); none if no name among them is known as a metric's. */
export function separatedIn(line: string, from = 0): Map<string, Statement> {
  const found = new Map<string, Statement>();
  let side = '';
  let isKnown = false;
  for (const { at, end } of piecesOf(line, from, separator, piecesMax)) {
    const bare = line.slice(at, end).replace(mean, '');
    const nameAt = at + (label.exec(bare)?.[0].length ?? 0);
    const stated = statement.exec(withinBrackets(bare.slice(nameAt - at)));
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
    if (readShortNumber(text) === null || found.has(full) || !isMetricName(full) || countsUpdates(full))
      continue;
    if (percent !== '' && !isShare(full, text, line)) continue;
    if (beginsList.test(bare) && !isRate(full)) continue;
    const isSigned = sign.trim() !== '' || name !== words;
    const isMetric = canonicalName(full) !== null || namesMetric(full);
    isKnown ||= canonicalName(full) !== null || (isMetric && isSigned);
    // What the last word alone would be, all of them are.
    if (isMetric || (isSigned && isMetricName(full.slice(full.lastIndexOf(' ') + 1)))) {
      const valueAt = nameAt + (placeOf(stated, 3)?.at ?? 0);
      found.set(full, { name: full, nameAt, at: valueAt, end: valueAt + text.length });
    }
  }
  return isKnown ? found : new Map();
}
