/**
 * The dicts that Hugging Face's Trainer prints (trainer_callback.py, ProgressCallback and PrinterCallback): version 4
 * `{'loss': 6.2471, 'learning_rate': 0.0005, 'epoch': 0.05}`, version 5 with quoted, rounded numbers. The step is not in
 * them; it is that of the progress bar beside the print, or null.
 */
import type { FactBody } from '../core/fact.ts';
import { isMetricName } from './canonical.ts';
import { readNumber } from './numbers.ts';
import { stepBeside } from './progress-bar.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const pair = /'([^'\\]{1,200})': (?:'([^'\\]{0,64})'|([^\s,'{}[\]()]{1,64}))(?:, |\}$)/y;
const trainerKey =
  /^(?:(?:train_|eval_|test_)?.{0,100}loss|epoch|grad_norm|train_runtime|eval_runtime|test_runtime)$/;
const pairsMax = 512;

export const printedDictReader: FactReader = {
  format: 'Hugging Face Trainer',
  kinds: ['line'],
  matches: ({ line }) => line.startsWith("{'") && line.trimEnd().endsWith('}'),
  read({ event, line }, context) {
    const pairs = readPairs(line.trimEnd());
    if (pairs === null || !pairs.some(([name]) => trainerKey.test(name))) return [];
    const step = stepBeside(event.barAfter, context);
    const facts: FactBody[] = [];
    for (const [name, text] of pairs) {
      const value = readNumber(text);
      if (value !== null && (isMetricName(name) || name.endsWith('runtime')) && name !== 'epoch')
        facts.push(printedPoint(step, name, value, text));
    }
    return facts;
  },
};

/** Flat pairs only: a dict that holds more is a configuration. */
export function readPairs(line: string): [name: string, text: string][] | null {
  const pairs: [string, string][] = [];
  pair.lastIndex = 1;
  while (pair.lastIndex < line.length && pairs.length < pairsMax) {
    const found = pair.exec(line);
    if (found === null) return null;
    pairs.push([found[1] ?? '', found[2] ?? found[3] ?? '']);
  }
  return pairs;
}
