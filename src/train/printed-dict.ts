/**
 * The dicts that Hugging Face's Trainer prints (trainer_callback.py, ProgressCallback and PrinterCallback): version 4
 * `{'loss': 6.2471, 'learning_rate': 0.0005, 'epoch': 0.05}`, version 5 with quoted, rounded numbers. The step is not in
 * them; it is that of the progress bar beside the print, or null. ms-swift adds it (trainers/callback.py, `'global_step/max_steps': '10/1000'`),
 * and so do loops that print a dict of their own, with `pprint` over several lines (EasyLM's train_llama.py).
 */
import type { FactBody } from '../core/fact.ts';
import { isMetricName, isStepName } from './canonical.ts';
import { namesMeasure } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { stepBeside } from './progress-bar.ts';
import { printedPoint } from './reader.ts';
import type { FactReader, ReadableEvent } from './reader.ts';

const pair = /'([^'\\]{1,200})': (?:'([^'\\]{0,64})'|([^\s,'{}[\]()]{1,64}))(?:, |\}$)/y;
const trainerKey =
  /^(?:(?:train_|eval_|test_)?.{0,100}loss|epoch|grad_norm|train_runtime|eval_runtime|test_runtime)$/;
const pairsMax = 512;
const dictMax = 16 * 1024;
const doneOfAll = /^(\d{1,12})\/\d{1,12}$/;

export const printedDictReader: FactReader = {
  format: 'Hugging Face Trainer',
  kinds: ['line'],
  matches: ({ event, line }) => line.startsWith("{'") && event.message.trimEnd().endsWith('}'),
  read(readable, context) {
    const pairs = readPairs(dictText(readable));
    if (pairs === null) return [];
    const stated = stepIn(pairs);
    const isOfTrainer = pairs.some(([name]) => trainerKey.test(name));
    if (!isOfTrainer && (stated === null || !pairs.some(([name]) => namesMeasure(name)))) return [];
    const step = stated ?? stepBeside(readable.event.barAfter, context);
    const facts: FactBody[] = [];
    for (const [name, text] of pairs) {
      const value = readNumber(text);
      if (value !== null && (isMetricName(name) || name.endsWith('runtime')) && name !== 'epoch')
        facts.push(printedPoint(step, name, value, text));
    }
    return facts;
  },
};

/** The line, or all lines of a short message that ends as a dict does, as one. */
export function dictText({ event, line }: ReadableEvent): string {
  const { message } = event;
  if (line.endsWith('}') || message.length > dictMax) return line.trimEnd();
  return message
    .split('\n')
    .map((part) => part.trim())
    .join(' ');
}

/** The step that is among the pairs of a dict. */
export function stepIn(pairs: readonly (readonly [name: string, text: string])[]): number | null {
  for (const [name, text] of pairs) {
    if (name === 'global_step/max_steps') return readNumber(doneOfAll.exec(text)?.[1] ?? '');
    if (isStepName(name)) return readNumber(text);
  }
  return null;
}

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
