/**
 * The dicts that Hugging Face's Trainer prints (trainer_callback.py, ProgressCallback and PrinterCallback): version 4
 * `{'loss': 6.2471, 'learning_rate': 0.0005, 'epoch': 0.05}`, version 5 with quoted, rounded numbers. What `compute_metrics` returns stands in them as it
 * is: lists and dicts are passed over (seqeval's `'eval_PER': {'f1': …}`). The step is not in
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
const trainerRuntime = /^(?:train|eval|test)_runtime$/;
/** The name of a value that is no plain number or short text. */
const otherName = /'[^'\\]{1,200}': /y;
/** Times that are logged as metrics: of a whole training or evaluation, and TRL's of a step. */
const timing = /(?:runtime|step_time)$/;
/** An evaluation behind the training has no bar of that beside it. */
const ofEvaluation = /^\{'(?:eval|test)_/;
const pairsMax = 512;
const dictMax = 16 * 1024;
const toldMax = 4096;
const doneOfAll = /^(\d{1,12})\/\d{1,12}$/;

export const printedDictReader: LineReader = {
  format: 'Hugging Face Trainer',
  find({ line }) {
    const end = line.trimEnd().length;
    return line.startsWith("{'") && line.charCodeAt(end - 1) === closingBrace ? findPairs(line, end) : null;
  },
  stepOf([stated], { barAfter, message }, context) {
    if (message.length <= toldMax && message.includes("_runtime'")) context.told = message;
    return (
      stated ??
      stepBeside(barAfter, context) ??
      (ofEvaluation.test(message) ? (context.counted ?? null) : null)
    );
  },
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

const openingBrace = 123;
const closingBrace = 125;
const comma = 44;
const apostrophe = 39;
const quotationMark = 34;
const backslash = 92;

function findPairs(line: string, end: number): Finding {
  const found = pairsIn(line, end);
  if (found === null) return nothingStated;
  const { pairs } = found;
  const step = stepPlaceIn(line, pairs);
  const isKnown = found.holdsMore
    ? isOfTrainer(line, pairs)
    : pairs.some(({ name }) => trainerKey.test(name)) ||
      (step !== null && pairs.some(({ name }) => namesMeasure(name)));
  const isOfLineAlone = !pairs.every(({ name, nameAt }) => isInShape(line, nameAt, nameAt + name.length));
  if (!isKnown) return isOfLineAlone ? nothingAlone : nothingStated;
  const stated = pairs.filter(
    ({ name, at, end: to }) =>
      name !== 'epoch' &&
      (isMetricName(name) || timing.test(name)) &&
      readNumber(line.slice(at, to)) !== null,
  );
  return {
    counts: step === null ? [] : [step],
    statements: stated.map((statement) => named(statement, false)),
    isOfLineAlone,
  };
}

/** A dict that holds more than numbers and short texts is a configuration, unless it states what the Trainer adds: an epoch and a loss, or a runtime. */
function isOfTrainer(line: string, pairs: readonly Statement[]): boolean {
  const stated = pairs.filter(({ at, end }) => readNumber(line.slice(at, end)) !== null);
  const states = (tells: (name: string) => boolean) => stated.some(({ name }) => tells(name));
  return (
    states((name) => trainerRuntime.test(name)) ||
    (states((name) => name === 'epoch') && states((name) => name.endsWith('loss')))
  );
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
  const found = pairsIn(line, line.length);
  return found === null || found.holdsMore ? null : textsOf(line, found);
}

/** The flat pairs of a dict, whatever else it holds. */
export function flatPairs(line: string): [name: string, text: string][] {
  const found = pairsIn(line, line.length);
  return found === null ? [] : textsOf(line, found);
}

function textsOf(line: string, { pairs }: Pairs): [name: string, text: string][] {
  return pairs.map(({ name, at, end }) => [name, line.slice(at, end)]);
}

/** The pairs of plain numbers and short texts, and whether there are others. */
interface Pairs {
  pairs: Statement[];
  holdsMore: boolean;
}

function pairsIn(line: string, end: number): Pairs | null {
  const pairs: Statement[] = [];
  let holdsMore = false;
  pair.lastIndex = 1;
  while (pair.lastIndex < end && pairs.length < pairsMax) {
    const { lastIndex: from } = pair;
    const [, name = '', quoted, bare = ''] = pair.exec(line) ?? noPair;
    if (name === '') {
      const next = behindOther(line, from, end);
      if (next === null) return null;
      holdsMore = true;
      pair.lastIndex = next;
      continue;
    }
    const at = from + name.length + (quoted === undefined ? "'': ".length : "'': '".length);
    pairs.push({ name, nameAt: from + 1, at, end: at + (quoted ?? bare).length });
  }
  return { pairs, holdsMore };
}

/** Where the next pair begins behind the one at `from`, whatever that holds: `end` if it is the last; null if none ends there. */
function behindOther(line: string, from: number, end: number): number | null {
  otherName.lastIndex = from;
  const name = otherName.exec(line)?.[0];
  if (name === undefined) return null;
  let depth = 0;
  let quote = 0;
  for (let i = from + name.length; i < end; i += 1) {
    const code = line.charCodeAt(i);
    if (quote !== 0) {
      if (code === backslash) i += 1;
      else if (code === quote) quote = 0;
    } else if (code === apostrophe || code === quotationMark) quote = code;
    else if (isOpening(code)) depth += 1;
    else if (depth > 0) depth -= isClosing(code) ? 1 : 0;
    else if (code === comma) return i + ', '.length;
    else if (code === closingBrace) return i === end - 1 ? end : null;
  }
  return null;
}

function isOpening(code: number): boolean {
  return code === openingBrace || code === 91 || code === 40;
}

function isClosing(code: number): boolean {
  return code === closingBrace || code === 93 || code === 41;
}

const noPair: readonly string[] = [];
