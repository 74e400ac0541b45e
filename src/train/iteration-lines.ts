/**
 * nanoGPT and its many relatives: `iter 5: loss 4.5932, time 11.18ms, mfu 0.01%`, `step 0: train loss 10.8373, val loss
 * 10.8338` (nanoGPT train.py). A value with a unit is a timing or a share, not a point.
 */
import { isMetricName } from './canonical.ts';
import { readNumber } from './numbers.ts';
import type { LineReader } from './reader.ts';
import { named, piecesOf, placeOf } from './stated.ts';
import type { Finding, NamedStatement } from './stated.ts';

const start = /(?:^|\s)(?:iter|iteration|step) (\d{1,12}): ([a-z][\w/ ]{0,60} .*)$/di;
const statement = /^([A-Za-z][\w/-]{0,40}(?: [A-Za-z][\w/-]{0,40}){0,3}) ([^\s]{1,40})$/;

const separator = /[,|] /g;

export const iterationLineReader: LineReader = {
  format: 'nanoGPT',
  find: ({ line, namesStep }) => (namesStep && line.length < 2048 ? findStated(line) : null),
};

function findStated(line: string): Finding | null {
  const found = start.exec(line);
  if (found === null) return null;
  const step = placeOf(found, 1);
  const from = placeOf(found, 2)?.at;
  if (step === null || from === undefined) return null;
  const statements: NamedStatement[] = [];
  for (const { at, end } of piecesOf(line, from, separator, 64)) {
    const [, name = '', text = ''] = statement.exec(line.slice(at, end)) ?? [];
    if (readNumber(text) !== null && isMetricName(name))
      statements.push(named({ name, nameAt: at, at: end - text.length, end }, false));
  }
  if (!statements.some(({ canonical }) => canonical !== null)) return null;
  return { counts: [step], statements };
}
