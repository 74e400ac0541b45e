/**
 * Lines that begin with the step in brackets, then name numbers: XGBoost `[10]\ttrain-rmse:0.30123\teval-rmse:0.45234` (callback.py,
 * EvaluationMonitor), LightGBM `[10]\ttraining's binary_logloss: 0.607` (callback.py, log_evaluation), flax and clu
 * `[200] accuracy=0.912, loss=0.2871` (metric_writers/logging_writer.py, behind the head of absl), and PyTorch's tutorials: `[1,  2000] loss: 2.173`,
 * whose batches are counted in each epoch. Its quickstart has the number of samples behind: `loss: 2.303494  [   64/60000]`.
 */
import { isMetricName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const lineMax = 4096;
const index =
  /(?:^|\] |\] - | - )\[(?:\d{1,6}, {1,8})?(\d{1,12})\](?: Collection=\S{1,64})?(?:\t| {1,4})(?=[A-Za-z])/;
const indexBehind =
  /^((?:[A-Za-z]{1,24} )?loss): {1,4}([^\s[]{1,40}) {1,4}\[ {0,12}(\d{1,12})\/ {0,4}\d{1,12}\]$/;
const statement =
  /^([A-Za-z][\w./@'-]{0,80}(?: [A-Za-z][\w./@-]{0,60}){0,2}) ?[:=] ?(\S{1,40}(?: \+ \S{1,24})?)$/;

export const indexedLineReader: FactReader = {
  format: 'XGBoost, LightGBM, clu',
  kinds: ['line'],
  matches: ({ line }) =>
    line.includes(']') &&
    line.length <= lineMax &&
    (index.test(line.slice(0, 256)) || indexBehind.test(line)),
  read({ line }) {
    const [, lossName, lossText = '', samples] = indexBehind.exec(line) ?? [];
    const loss = readNumber(lossText);
    if (lossName !== undefined && loss !== null)
      return [printedPoint(Number(samples), lossName, loss, lossText)];
    const found = index.exec(line.slice(0, 256));
    if (found === null) return [];
    const named: [name: string, value: number, text: string][] = [];
    for (const piece of line.slice(found.index + found[0].length).split(/\t|, /, 256)) {
      const [, name = '', text = ''] = statement.exec(piece.trim()) ?? [];
      // LightGBM and XGBoost add the spread over folds: `0.6 + 0.01`, `0.6+0.01`.
      const mean = text.replace(/ ?(?<!e)[+±].{0,24}$/, '');
      const value = readNumber(mean);
      if (value === null) return [];
      if (isMetricName(name)) named.push([name, value, mean]);
    }
    const isKnown = line.includes('logging_writer') || named.some(([name]) => name.includes("'s "));
    if (!isKnown && !named.some(([name]) => namesMetric(name))) return [];
    return named.map((statement) => printedPoint(Number(found[1]), ...statement));
  },
};
