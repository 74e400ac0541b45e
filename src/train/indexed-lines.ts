/**
 * Lines that begin with the step in brackets, then name numbers: XGBoost `[10]\ttrain-rmse:0.30123\teval-rmse:0.45234` (callback.py,
 * EvaluationMonitor), LightGBM `[10]\ttraining's binary_logloss: 0.607` (callback.py, log_evaluation), flax and clu
 * `[200] accuracy=0.912, loss=0.2871` (metric_writers/logging_writer.py, behind the head of absl).
 */
import { isMetricName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const lineMax = 4096;
const index = /(?:^|\] |\] - | - )\[(\d{1,12})\](?: Collection=\S{1,64})?(?:\t| {1,4})(?=[A-Za-z])/;
const statement = /^([A-Za-z][\w./@'-]{0,80}(?: [A-Za-z][\w./@-]{0,60})?) ?[:=] ?(\S{1,40})$/;

export const indexedLineReader: FactReader = {
  format: 'XGBoost, LightGBM, clu',
  kinds: ['line'],
  matches: ({ line }) => line.includes(']') && line.length <= lineMax && index.test(line.slice(0, 256)),
  read({ line }) {
    const found = index.exec(line.slice(0, 256));
    if (found === null) return [];
    const named: [name: string, value: number, text: string][] = [];
    for (const piece of line.slice(found.index + found[0].length).split(/\t|, /, 256)) {
      const [, name = '', text = ''] = statement.exec(piece.trim()) ?? [];
      // LightGBM and XGBoost add the spread over folds: `0.6 + 0.01`, `0.6+0.01`.
      const mean = text.replace(/[+±].{0,24}$/, '');
      const value = readNumber(mean);
      if (value === null) return [];
      if (isMetricName(name)) named.push([name, value, mean]);
    }
    if (!named.some(([name]) => namesMetric(name)) && !line.includes('logging_writer')) return [];
    return named.map((statement) => printedPoint(Number(found[1]), ...statement));
  },
};
