/**
 * CatBoost's lines (catboost/libs/logging, `PrintLogEntries`): `0:\tlearn: 0.6884\ttest: 0.6885\tbest: 0.6885 (0)\ttotal: 50.6ms\tremaining: 50.6s`, with
 * `test1`, `test2` … where there are several data sets. They are values of the metric that is evaluated, of whatever kind it is.
 */
import type { FactBody } from '../core/fact.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const start = /^(\d{1,9}):\t(?=learn: |test\d{0,3}: )/;
const statement = /^(learn|test\d{0,3}|best): ([^\s()]{1,40})(?: \(\d{1,9}\))?$/;
const lineMax = 1024;

export const catboostReader: FactReader = {
  format: 'CatBoost',
  kinds: ['line'],
  matches: ({ line }) => line.length <= lineMax && line.includes(':\t') && start.test(line),
  read({ line }) {
    const found = start.exec(line);
    if (found === null) return [];
    return line
      .slice(found[0].length)
      .split('\t', 64)
      .flatMap((piece): FactBody[] => {
        const [, name = '', text = ''] = statement.exec(piece) ?? [];
        const value = readNumber(text);
        return value === null ? [] : [printedPoint(Number(found[1]), name, value, text)];
      });
  },
};
