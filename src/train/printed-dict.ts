/**
 * The dicts that Hugging Face's Trainer prints (trainer_callback.py, ProgressCallback and PrinterCallback): version 4
 * `{'loss': 6.2471, 'learning_rate': 0.0005, 'epoch': 0.05}`, version 5 with quoted, rounded numbers. The step is not in
 * them; it is that of the progress bar beside the print, or null. ms-swift adds it (trainers/callback.py, `'global_step/max_steps': '10/1000'`),
 * and so do loops that print a dict of their own, with `pprint` over several lines (EasyLM's train_llama.py).
 */
import { isMetricName, isStepName } from './canonical.ts';
import { isInShape } from './line-shapes.ts';
import { namesMeasure } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { stepBeside } from './progress-bar.ts';
import type { FactReader, LineReader, ReadableEvent } from './reader.ts';
import { countAt, named, nothingAlone, nothingStated, pointsAt } from './stated.ts';
import type { Finding, Place, Statement } from './stated.ts';

const pair = /'([^'\\]{1,200})': (?:'([^'\\]{0,64})'|([^\s,'{}[\]()]{1,64}))(?:, |\}\s*$)/y;
const trainerKey =
  /^(?:(?:train_|eval_|test_)?.{0,100}loss|epoch|grad_norm|train_runtime|eval_runtime|test_runtime)$/;
const pairsMax = 512;
const dictMax = 16 * 1024;
const doneOfAll = /^(\d{1,12})\/\d{1,12}$/;

export const printedDictReader: LineReader = {
  format: 'Hugging Face Trainer',
  find({ line }) {
    const end = line.trimEnd().length;
    return line.startsWith("{'") && line.charCodeAt(end - 1) === closingBrace ? findPairs(line, end) : null;
  },
  stepOf: ([stated], { barAfter }, context) => stated ?? stepBeside(barAfter, context),
};

/** Such dicts over several lines. */
export const printedDictBlockReader: FactReader = {
  format: 'pprint',
  kinds: ['line'],
  mayMatchLine: () => false,
  matches: ({ event, line }) =>
    line.startsWith("{'") && event.message.includes('\n') && event.message.trimEnd().endsWith('}'),
  read(readable, context) {
    const text = dictText(readable);
    const { counts, statements } = findPairs(text, text.length);
    const step =
      counts.map((place) => countAt(text, place))[0] ?? stepBeside(readable.event.barAfter, context);
    return pointsAt(text, step, statements);
  },
};

const closingBrace = 125;

function findPairs(line: string, end: number): Finding {
  const pairs = pairsIn(line, end);
  if (pairs === null) return nothingStated;
  const step = stepPlaceIn(line, pairs);
  const isKnown =
    pairs.some(({ name }) => trainerKey.test(name)) ||
    (step !== null && pairs.some(({ name }) => namesMeasure(name)));
  const isOfLineAlone = !pairs.every(({ name, nameAt }) => isInShape(line, nameAt, nameAt + name.length));
  if (!isKnown) return isOfLineAlone ? nothingAlone : nothingStated;
  const stated = pairs.filter(
    ({ name, at, end: to }) =>
      name !== 'epoch' &&
      (isMetricName(name) || name.endsWith('runtime')) &&
      readNumber(line.slice(at, to)) !== null,
  );
  return {
    counts: step === null ? [] : [step],
    statements: stated.map((statement) => named(statement, false)),
    isOfLineAlone,
  };
}

/** The line, or all lines of a short message that ends as a dict does, as one. */
export function dictText({ event, line }: ReadableEvent): string {
  const { message } = event;
  if (line.endsWith('}') || message.length > dictMax) return line.trimEnd();
  return message
    .split('\n')
    .map((part) => part.trim())
    .join(' ');
}

function stepPlaceIn(line: string, pairs: readonly Statement[]): Place | null {
  for (const { name, at, end } of pairs) {
    const count = countOf(name, line.slice(at, end));
    if (count !== null) return readNumber(count) === null ? null : { at, end: at + count.length };
  }
  return null;
}

/** The step that is among the pairs of a dict. */
export function stepAmong(pairs: readonly (readonly [name: string, text: string])[]): number | null {
  for (const [name, text] of pairs) {
    const count = countOf(name, text);
    if (count !== null) return readNumber(count);
  }
  return null;
}

/** What counts steps in a pair, at the beginning of its text. */
function countOf(name: string, text: string): string | null {
  if (name === 'global_step/max_steps') return doneOfAll.exec(text)?.[1] ?? '';
  return isStepName(name) ? text : null;
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
