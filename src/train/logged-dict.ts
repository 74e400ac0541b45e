/**
 * A dict or JSON object at the end of a log line, or the value of a key in one (d3rlpy, by structlog: `epoch=1 step=1000 metrics={'loss': 0.05} step=1000`): fairseq `… | INFO | train_inner | {"epoch": 1, "loss": "12.345", "num_updates": "100", …}`
 * (logging/progress_bar.py, JsonProgressBar: its numbers are texts), accelerate's examples `… - epoch 0: {'accuracy': 0.8, 'f1': 0.85}`,
 * LLaMA-Factory's `[INFO|callbacks.py:310] … >> {'loss': 1.23, 'learning_rate': 4.9e-05, 'epoch': 0.1}` (train/callbacks.py), Orbit's `train | step:
 * 100 | steps/sec: 3.5 | output: {…}` (controller.py; it may go on over lines). It states points if it, or what stands before it, names a step or an
 * epoch. The epoch is the step where nothing else is, and the stream counts no iterations.
 */
import { isMetricName } from './canonical.ts';
import { epochStep } from './epoch-summaries.ts';
import { namesMeasure } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { dictText, readPairs, stepAmong } from './printed-dict.ts';
import { stepBeside } from './progress-bar.ts';
import type { FactReader } from './reader.ts';
import { pointsOf } from './stated.ts';
import { statesSettings, stepOf } from './statements.ts';

const lineMax = 8192;
const updates = /^(?:train_|valid_|\w{1,32}_)?num_updates$/;
const epochBefore = /\bepoch[ :=#]{1,3}(\d{1,9})(?:[\s,:;|-]|$)/i;
const validation = /\b(?:val|valid|validation|eval|test)\b/i;

export const loggedDictReader: FactReader = {
  format: 'fairseq, accelerate',
  kinds: ['line'],
  mayMatchLine: ({ line }) => line.length <= lineMax && holdsDict(line),
  matches: ({ event, line }) => line.length <= lineMax && holdsDict(event.message),
  read(readable, context) {
    const text = dictText(readable);
    const start = text.indexOf('{');
    const before = text.slice(0, start);
    const end = text.endsWith('}') ? text.length : text.indexOf('}', start) + 1;
    const pairs = start < 0 ? null : pairsOf(text.slice(start, end));
    if (pairs === null) return null;
    if (!pairs.some(([name]) => namesMeasure(name)) || statesSettings(before)) return [];
    const update = pairs.find(([name]) => updates.test(name))?.[1];
    const counted = update === undefined ? (stepAmong(pairs) ?? stepOf(before)) : readNumber(update);
    const epoch = epochBefore.exec(before)?.[1];
    if (counted === null && epoch === undefined && !isOfTrainer(pairs)) return [];
    const step =
      counted ??
      (epoch === undefined
        ? stepBeside(readable.event.barAfter, context)
        : epochStep(Number(epoch), context));
    const named = pairs.flatMap(([name, value]): [string, string][] =>
      readNumber(value) === null || !isMetricName(name) || updates.test(name) ? [] : [[name, value]],
    );
    return pointsOf(named, step, validation.test(before));
  },
};

/** At its end; or as the value of a key, as structlog's console has it. */
function holdsDict(text: string): boolean {
  return (text.endsWith('}') && text.indexOf('{') > 0) || text.includes("={'");
}

/** What Hugging Face's Trainer logs has the epoch in it, or the learning rate, beside a loss. */
function isOfTrainer(pairs: readonly [name: string, text: string][]): boolean {
  return (
    pairs.some(
      ([name, text]) => (name === 'epoch' || name === 'learning_rate') && readNumber(text) !== null,
    ) && pairs.some(([name, text]) => name.endsWith('loss') && readNumber(text) !== null)
  );
}

function pairsOf(text: string): [name: string, text: string][] | null {
  if (!text.startsWith('{"')) return text.startsWith("{'") ? readPairs(text) : null;
  try {
    const fields = JSON.parse(text.replaceAll(/: (NaN|-?Infinity)(?=[,}])/g, ': "$1"')) as Record<
      string,
      unknown
    >;
    return Object.entries(fields).flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' || typeof value === 'number' ? [[name, String(value)]] : [],
    );
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
