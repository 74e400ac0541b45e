/**
 * Megatron-LM's training log (training/training.py, training_log): `iteration       10/    6000 | … | lm loss: 4.36E+00 |
 * loss scale: 1.0 | grad norm: 2.9 |`, with a timestamp in newer versions. Names have spaces in them. On a NaN the loss
 * field is left out.
 */
import { namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import type { LineReader } from './reader.ts';
import { named, piecesOf, placeOf } from './stated.ts';
import type { Finding, NamedStatement } from './stated.ts';

const iteration = /(?:^|\s)iteration {1,16}(\d{1,12})\/ {0,16}(\d{1,12}) \|/d;
const bar = /\|/g;
const headMax = 256;
const lineMax = 8192;
const fieldsMax = 128;

export const megatronReader: LineReader = {
  format: 'Megatron-LM',
  find: ({ line, namesStep }) => (namesStep && line.includes('iteration ') ? findFields(line) : null),
};

function findFields(line: string): Finding | null {
  const found = iteration.exec(line.slice(0, headMax));
  const step = found === null ? null : placeOf(found, 1);
  if (found === null || step === null) return null;
  const statements: NamedStatement[] = [];
  for (const { at, end } of piecesOf(line.slice(0, lineMax), 0, bar, fieldsMax)) {
    const field = line.slice(at, end);
    const colon = field.lastIndexOf(':');
    const text = field.slice(colon + 1).trim();
    if (colon < 0 || readNumber(text) === null) continue;
    const name = field.slice(0, colon).trim();
    const statement = named({ name, nameAt: at, at: end - text.length, end }, false);
    if (statement.canonical !== null || namesMetric(name)) statements.push(statement);
  }
  return { counts: [step], total: placeOf(found, 2), statements };
}
