/**
 * Lines that begin with the step in brackets, then name numbers: XGBoost `[10]\ttrain-rmse:0.30123\teval-rmse:0.45234` (callback.py,
 * EvaluationMonitor), LightGBM `[10]\ttraining's binary_logloss: 0.607` (callback.py, log_evaluation), flax and clu
 * `[200] accuracy=0.912, loss=0.2871` (metric_writers/logging_writer.py, behind the head of absl).
 */
import { isMetricName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import type { LineReader } from './reader.ts';
import { named, nothingStated, piecesOf, placeOf } from './stated.ts';
import type { Finding, NamedStatement } from './stated.ts';

const lineMax = 4096;
const index = /(?:^|\] |\] - | - )\[(\d{1,12})\](?: Collection=\S{1,64})?(?:\t| {1,4})(?=[A-Za-z])/d;
const statement = /^([A-Za-z][\w./@'-]{0,80}(?: [A-Za-z][\w./@-]{0,60})?) ?[:=] ?(\S{1,40})$/;

const separator = /\t|, /g;
const headMax = 256;

export const indexedLineReader: LineReader = {
  format: 'XGBoost, LightGBM, clu',
  find: ({ line }) => (line.includes(']') && line.length <= lineMax ? findIndexed(line) : null),
};

function findIndexed(line: string): Finding | null {
  const found = index.exec(line.slice(0, headMax));
  const step = found === null ? null : placeOf(found, 1);
  if (found === null || step === null) return null;
  const statements: NamedStatement[] = [];
  for (const { at, end } of piecesOf(line, found.index + found[0].length, separator, 256)) {
    const [, name = '', text = ''] = statement.exec(line.slice(at, end)) ?? [];
    // LightGBM and XGBoost add the spread over folds: `0.6 + 0.01`, `0.6+0.01`.
    const mean = text.replace(/[+±].{0,24}$/, '');
    if (readNumber(mean) === null) return nothingStated;
    const valueAt = end - text.length;
    if (isMetricName(name))
      statements.push(named({ name, nameAt: at, at: valueAt, end: valueAt + mean.length }, false));
  }
  if (!statements.some(({ name }) => namesMetric(name)) && !line.includes('logging_writer'))
    return nothingStated;
  return { counts: [step], statements };
}
