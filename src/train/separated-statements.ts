/**
 * Statements that are separated, `name value` or `name = value` or with names of several words, on a line that names its step: loguru loops
 * (`step 10 | loss 2.5012 | lr 1.00e-04 | grad norm 1.25`), fairseq (`epoch 001 | loss 10.5 | … | num_updates 500`), absl
 * (`step 100, loss = 2.345`), scikit-learn (`Iteration 1, loss = 2.30`), litgpt (`Epoch 1 | iter 100 step 25 | loss train: 2.431, val: 2.5 | …`).
 * What statements.ts finds on the line is found here, too.
 */
import { canonicalName, isMetricName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import type { LineReader } from './reader.ts';
import { named, piecesOf, placeOf } from './stated.ts';
import type { Finding, Place, Statement } from './stated.ts';
import { statementsIn, statesSettings, stepIn } from './statements.ts';

const lineMax = 4096;
const piecesMax = 128;
const separator = /[|;\t]|, ?| - |: (?=[a-z]{2,16} (?:loss|acc))/g;
const statement =
  /^([A-Za-z][\w./@%-]{0,60}(?: [A-Za-z][\w./@-]{0,40}){0,2})( ?[:=] ?| {1,4})([+-]?(?:\d[\d.,]{0,30}(?:[eE][+-]?\d{1,4})?|nan|inf))$/i;
/** Behind a value, its mean so far: `Loss 6.9 (7.0)`. */
const mean = / \([ \d.eE+-]{1,24}\)$/;
const updates = /\bnum_updates[= ](\d{1,12})(?=[\s,|]|$)/d;
const beginsSides = /^loss (?:train|val)$/;
const sides = /^(?:train|val|valid|test)$/;
const validation = /\| (?:valid|test)\w{0,16} \||\bvalid(?:ate|ation)? (?:step|iter)/i;

export const separatedStatementReader: LineReader = {
  format: 'name value',
  find: ({ line, namesStep }) => (namesStep && line.length <= lineMax ? findSeparated(line) : null),
};

function findSeparated(line: string): Finding | null {
  const step = updateIn(line) ?? stepIn(line);
  if (step === null || statesSettings(line)) return null;
  const separated = separatedIn(line);
  if (separated.size === 0) return null;
  const others = statementsIn(line);
  if (others.length > 0) {
    const names = [...separated.keys()];
    const taken = new Set(names.flatMap((name) => [name, name.slice(name.lastIndexOf(' ') + 1)]));
    for (const other of others)
      if (!taken.has(other.name) && isMetricName(other.name) && !countsUpdates(other.name))
        separated.set(other.name, other);
  }
  const isValidation = validation.test(line);
  return { counts: [step], statements: [...separated.values()].map((each) => named(each, isValidation)) };
}

function updateIn(line: string): Place | null {
  const found = line.includes('num_updates') ? updates.exec(line) : null;
  return found === null ? null : placeOf(found, 1);
}

function countsUpdates(name: string): boolean {
  return name.endsWith('num_updates') && updates.test(`${name} 0`);
}

/** The statements between separators, by name, in [from, end of the line); none if no name among them is known as a metric's. */
export function separatedIn(line: string, from = 0): Map<string, Statement> {
  const found = new Map<string, Statement>();
  let side = '';
  let isKnown = false;
  for (const { at, end } of piecesOf(line, from, separator, piecesMax)) {
    const stated = statement.exec(line.slice(at, end).replace(mean, ''));
    if (stated === null) {
      side = '';
      continue;
    }
    const [whole, name = '', sign = '', text = ''] = stated;
    const isSide = side !== '' && sides.test(name);
    // litgpt: `loss train: 2.4, val: 2.5`.
    side = beginsSides.test(name) ? 'loss ' : isSide ? side : '';
    const full = isSide ? side + name : name;
    if (readNumber(text) === null || found.has(full) || !isMetricName(full) || countsUpdates(full)) continue;
    const isSigned = sign.trim() !== '';
    const isMetric = canonicalName(full) !== null || namesMetric(full);
    isKnown ||= canonicalName(full) !== null || (isMetric && isSigned);
    if (isMetric || (isSigned && !full.includes(' '))) {
      const valueEnd = at + whole.length;
      found.set(full, { name: full, nameAt: at, at: valueEnd - text.length, end: valueEnd });
    }
  }
  return isKnown ? found : new Map();
}
