/**
 * Megatron-LM's training log (training/training.py, training_log): `iteration       10/    6000 | … | lm loss: 4.36E+00 |
 * loss scale: 1.0 | grad norm: 2.9 |`, with a timestamp in newer versions. Names have spaces in them. On a NaN the loss
 * field is left out.
 */
import type { FactBody } from '../core/fact.ts';
import { canonicalName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const iteration = /(?:^|\s)iteration {1,16}(\d{1,12})\/ {0,16}\d{1,12} \|/;
const fieldsMax = 128;

export const megatronReader: FactReader = {
  format: 'Megatron-LM',
  kinds: ['line'],
  matches: ({ line, namesStep }) =>
    namesStep && line.includes('iteration ') && iteration.test(line.slice(0, 256)),
  read({ line }) {
    const step = Number(iteration.exec(line.slice(0, 256))?.[1]);
    const facts: FactBody[] = [];
    for (const field of line.slice(0, 8192).split('|', fieldsMax)) {
      const colon = field.lastIndexOf(':');
      const name = field.slice(0, Math.max(0, colon)).trim();
      const text = field.slice(colon + 1).trim();
      const value = colon < 0 ? null : readNumber(text);
      if (value !== null && (canonicalName(name) !== null || namesMetric(name)))
        facts.push(printedPoint(step, name, value, text));
    }
    return facts;
  },
};
