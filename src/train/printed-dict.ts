/**
 * The dicts that Hugging Face's Trainer prints (trainer_callback.py, ProgressCallback and PrinterCallback): version 4
 * `{'loss': 6.2471, 'learning_rate': 0.0005, 'epoch': 0.05}`, version 5 with quoted, rounded numbers. The step is not in
 * them; it is that of the progress bar beside the print, or null.
 */
import { isMetricName } from './canonical.ts';
import { readNumber } from './numbers.ts';
import { stepBeside } from './progress-bar.ts';
import type { LineReader } from './reader.ts';
import { named, nothingStated } from './stated.ts';
import type { Finding, Statement } from './stated.ts';

const pair = /'([^'\\]{1,200})': (?:'([^'\\]{0,64})'|([^\s,'{}[\]()]{1,64}))(?:, |\}\s*$)/y;
const trainerKey =
  /^(?:(?:train_|eval_|test_)?.{0,100}loss|epoch|grad_norm|train_runtime|eval_runtime|test_runtime)$/;
const pairsMax = 512;

export const printedDictReader: LineReader = {
  format: 'Hugging Face Trainer',
  find({ line }) {
    const end = line.trimEnd().length;
    return line.startsWith("{'") && line.charCodeAt(end - 1) === closingBrace ? findPairs(line, end) : null;
  },
  stepOf: (_, { barAfter }, context) => stepBeside(barAfter, context),
};

const closingBrace = 125;

function findPairs(line: string, end: number): Finding {
  const pairs = pairsIn(line, end);
  if (pairs === null || !pairs.some(({ name }) => trainerKey.test(name))) return nothingStated;
  const stated = pairs.filter(
    ({ name, at, end: to }) =>
      name !== 'epoch' &&
      (isMetricName(name) || name.endsWith('runtime')) &&
      readNumber(line.slice(at, to)) !== null,
  );
  return { counts: [], statements: stated.map((statement) => named(statement, false)) };
}

/** Flat pairs only: a dict that holds more is a configuration. */
export function readPairs(line: string): [name: string, text: string][] | null {
  return pairsIn(line, line.length)?.map(({ name, at, end }) => [name, line.slice(at, end)]) ?? null;
}

function pairsIn(line: string, end: number): Statement[] | null {
  const pairs: Statement[] = [];
  pair.lastIndex = 1;
  while (pair.lastIndex < end && pairs.length < pairsMax) {
    const { lastIndex: from } = pair;
    const [, name = '', quoted, bare = ''] = pair.exec(line) ?? noPair;
    if (name === '') return null;
    const at = from + name.length + (quoted === undefined ? "'': ".length : "'': '".length);
    pairs.push({ name, nameAt: from + 1, at, end: at + (quoted ?? bare).length });
  }
  return pairs;
}

const noPair: readonly string[] = [];
