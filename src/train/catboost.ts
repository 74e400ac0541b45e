/**
 * CatBoost's lines (catboost/libs/logging, `PrintLogEntries`): `0:\tlearn: 0.6884\ttest: 0.6885\tbest: 0.6885 (0)\ttotal: 50.6ms\tremaining: 50.6s`, with
 * `test1`, `test2` … where there are several data sets. They are values of the metric that is evaluated, of whatever kind it is.
 */
import { readNumber } from './numbers.ts';
import type { LineReader } from './reader.ts';
import { named, piecesOf, placeOf } from './stated.ts';
import type { Finding, NamedStatement } from './stated.ts';

const start = /^(\d{1,9}):\t(?=learn: |test\d{0,3}: )/d;
const statement = /^(learn|test\d{0,3}|best): ([^\s()]{1,40})(?: \(\d{1,9}\))?$/;
const tab = /\t/g;
const lineMax = 1024;

export const catboostReader: LineReader = {
  format: 'CatBoost',
  find: ({ line }) => (line.length <= lineMax && line.includes(':\t') ? findStated(line) : null),
};

function findStated(line: string): Finding | null {
  const found = start.exec(line);
  const step = found === null ? null : placeOf(found, 1);
  if (found === null || step === null) return null;
  const statements: NamedStatement[] = [];
  for (const { at, end } of piecesOf(line, found[0].length, tab, 64)) {
    const [, name = '', text = ''] = statement.exec(line.slice(at, end)) ?? [];
    const valueAt = at + name.length + ': '.length;
    if (readNumber(text) !== null)
      statements.push(named({ name, nameAt: at, at: valueAt, end: valueAt + text.length }, false));
  }
  return { counts: [step], statements };
}
