/**
 * nanoGPT and its many relatives: `iter 5: loss 4.5932, time 11.18ms, mfu 0.01%`, `step 0: train loss 10.8373, val loss
 * 10.8338` (nanoGPT train.py). A value with a unit is a timing or a share, not a point.
 */
import type { FactBody } from '../core/fact.ts';
import { isMetricName } from './canonical.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const start = /(?:^|\s)(?:iter|iteration|step) (\d{1,12}): ([a-z][\w/ ]{0,60} .*)$/i;
const statement = /^([A-Za-z][\w/-]{0,40}(?: [A-Za-z][\w/-]{0,40}){0,3}) ([^\s]{1,40})$/;

export const iterationLineReader: FactReader = {
  format: 'nanoGPT',
  kinds: ['line'],
  matches: ({ line, namesStep }) => namesStep && line.length < 2048 && start.test(line),
  read({ line }) {
    const found = start.exec(line);
    if (found === null) return [];
    const facts: FactBody[] = [];
    for (const piece of (found[2] ?? '').split(/[,|] /, 64)) {
      const stated = statement.exec(piece.trim());
      const name = stated?.[1] ?? '';
      const text = stated?.[2] ?? '';
      const value = readNumber(text);
      if (value !== null && isMetricName(name)) facts.push(printedPoint(Number(found[1]), name, value, text));
    }
    return facts.some((fact) => fact.kind === 'point' && fact.canonical !== null) ? facts : null;
  },
};
