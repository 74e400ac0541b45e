/**
 * A dict or JSON object at the end of a log line: fairseq `… | INFO | train_inner | {"epoch": 1, "loss": "12.345", "num_updates": "100", …}`
 * (logging/progress_bar.py, JsonProgressBar: its numbers are texts), accelerate's examples `… - epoch 0: {'accuracy': 0.8, 'f1': 0.85}`. It
 * states points if it, or what stands before it, names a step or an epoch.
 */
import { isMetricName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { readPairs } from './printed-dict.ts';
import type { FactReader } from './reader.ts';
import { printedPoint } from './reader.ts';
import { canonicalIn } from './stated.ts';
import { stepOf } from './statements.ts';

const lineMax = 8192;
const updates = /^(?:train_|valid_|\w{1,32}_)?num_updates$/;
const counted = /\b(?:step|epoch|iter(?:ation)?)[ :=#]{1,3}\d{1,12}(?:[\s,:;|-]|$)/i;
const validation = /\b(?:val|valid|validation|eval|test)\b/i;

export const loggedDictReader: FactReader = {
  format: 'fairseq, accelerate',
  kinds: ['line'],
  mayMatchLine: ({ line }) => endsInDict(line),
  matches: ({ line }) => endsInDict(line),
  read({ line }) {
    const start = line.indexOf('{');
    const before = line.slice(0, start);
    const pairs = pairsOf(line.slice(start));
    if (pairs === null || !pairs.some(([name]) => namesMetric(name))) return [];
    const update = pairs.find(([name]) => updates.test(name))?.[1];
    if (update === undefined && !counted.test(before)) return [];
    const step = update === undefined ? stepOf(before) : readNumber(update);
    const isValidation = validation.test(before);
    return pairs.flatMap(([name, text]) => {
      const value = readNumber(text);
      if (value === null || !isMetricName(name) || updates.test(name)) return [];
      return [{ ...printedPoint(step, name, value, text), canonical: canonicalIn(name, isValidation) }];
    });
  },
};

function endsInDict(line: string): boolean {
  return line.endsWith('}') && line.length <= lineMax && line.indexOf('{') > 0;
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
