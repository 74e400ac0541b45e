/**
 * Lines that begin with the step in brackets, then name numbers: XGBoost `[10]\ttrain-rmse:0.30123\teval-rmse:0.45234` (callback.py,
 * EvaluationMonitor), LightGBM `[10]\ttraining's binary_logloss: 0.607` (callback.py, log_evaluation), flax and clu
 * `[200] accuracy=0.912, loss=0.2871` (metric_writers/logging_writer.py, behind the head of absl), and PyTorch's tutorials: `[1,  2000] loss: 2.173`,
 * whose batches are counted in each epoch. Its quickstart has the number of samples behind: `loss: 2.303494  [   64/60000]`. fastai without its bars, as with
 * `no_bar()`, prints the values of its table as a list, without the names: `[0, 0.46, 0.29, 0.95, '00:00']`, of which the first three are an epoch and its two
 * losses (learner.py, Recorder; version 2).
 */
import { isMetricName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import type { LineReader } from './reader.ts';
import { named, nothingStated, piecesOf, placeOf } from './stated.ts';
import type { Finding, NamedStatement } from './stated.ts';

const lineMax = 4096;
const index =
  /(?:^|\] |\] - | - |[:|] ?(?=\[\d{1,12}\]\t))\[(?:\d{1,6}, {1,8})?(\d{1,12})\](?: Collection=\S{1,64})?(?:\t| {1,4})(?=[A-Za-z])/d;
const indexBehind =
  /^((?:[A-Za-z]{1,24} )?loss): {1,4}([^\s[]{1,40}) {1,4}\[ {0,12}(\d{1,12})\/ {0,4}\d{1,12}\]$/d;
const statement =
  /^([A-Za-z][\w./@'-]{0,80}(?: [A-Za-z][\w./@'-]{0,60}){0,3}) ?[:=] ?(\S{1,40}(?: \+ \S{1,24})?)$/;

const separator = /\t|, /g;
const headMax = 256;

export const indexedLineReader: LineReader = {
  format: 'XGBoost, LightGBM, clu',
  find: ({ line }) =>
    line.includes(']') && line.length <= lineMax
      ? (findBefore(line) ?? findListed(line) ?? findIndexed(line))
      : null,
};

const list =
  /^\[(\d{1,9}), ([\d.e+-]{1,32}|nan|inf), ([\d.e+-]{1,32}|nan|inf|None)(?:, (?:[\d.e+-]{1,32}|nan|inf|None)){0,32}, '(?:\d{1,3}:)?\d{2}:\d{2}'\]$/d;

function findListed(line: string): Finding | null {
  const found = line.endsWith("']") ? list.exec(line) : null;
  const step = found === null ? null : placeOf(found, 1);
  if (found === null || step === null) return null;
  const statements = ['train_loss', 'valid_loss'].flatMap((name, i) => {
    const place = placeOf(found, i + 2);
    return place === null || readNumber(line.slice(place.at, place.end)) === null
      ? []
      : [named({ name, nameAt: place.at, ...place }, false)];
  });
  return { counts: [step], statements };
}

/** The loss that stands before its index. */
function findBefore(line: string): Finding | null {
  const found = line.endsWith(']') && line.includes('loss: ') ? indexBehind.exec(line) : null;
  const [name, loss, samples] = found === null ? [] : [1, 2, 3].map((group) => placeOf(found, group));
  if (!name || !loss || !samples || readNumber(line.slice(loss.at, loss.end)) === null) return null;
  const statement = { name: line.slice(name.at, name.end), nameAt: name.at, ...loss };
  return { counts: [samples], statements: [named(statement, false)] };
}

function findIndexed(line: string): Finding | null {
  const found = index.exec(line.slice(0, headMax));
  const step = found === null ? null : placeOf(found, 1);
  if (found === null || step === null) return null;
  const statements: NamedStatement[] = [];
  for (const { at, end } of piecesOf(line, found.index + found[0].length, separator, 256)) {
    const [, name = '', text = ''] = statement.exec(line.slice(at, end)) ?? [];
    // LightGBM and XGBoost add the spread over folds: `0.6 + 0.01`, `0.6+0.01`.
    const mean = text.replace(/ ?(?<!e)[+±].{0,24}$/, '');
    if (readNumber(mean) === null) return nothingStated;
    const valueAt = end - text.length;
    if (isMetricName(name))
      statements.push(named({ name, nameAt: at, at: valueAt, end: valueAt + mean.length }, false));
  }
  const isKnown = line.includes('logging_writer') || statements.some(({ name }) => name.includes("'s "));
  if (!isKnown && !statements.some(({ name }) => namesMetric(name))) return nothingStated;
  return { counts: [step], statements };
}
