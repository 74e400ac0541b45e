/**
 * Statements on lines of their own below a line that names the step: OLMo `[step=10/1000,epoch=0]` and `    train/CrossEntropyLoss=9.512`
 * (olmo/train.py, log_metrics_to_console), Composer `[epoch=1][batch=1/50]:` and `\t Train loss/train/total: 12.0483`
 * (loggers/console_logger.py), Coqui TTS `--> STEP: 25/100 -- GLOBAL_STEP: 125` and `     | > loss: 1.23456  (1.24567)`, and behind them `--> EVAL PERFORMANCE` (trainer/logging), Ray Tune's
 * `Result for train_fn_abc12_00000:`, whose `training_iteration` is among the statements (tune/progress_reporter.py, as YAML).
 */
import { canonicalName, isMetricName } from './canonical.ts';
import { namesMeasure, namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { linesBelow } from './reader.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf } from './stated.ts';

const headMax = 256;
const rowMax = 512;
const rowsMax = 512;
const head =
  /(?:^|[\s\]])\[(?:epoch=(\d{1,9})(?:\/\d{1,9})?\]\[)?(?:step|batch)=(\d{1,12})(?:\/(\d{1,12}))?(?:,[^\]\n]{0,80})?\](?::?$| Eval\b)|^ {0,8}--> .{0,120}-- GLOBAL_STEP: (\d{1,12})$/;
const evalHead = /^\[Eval batch=(\d{1,12})\/\1\]|^ {0,8}--> EVAL PERFORMANCE$/;
const result = /^Result for [\w-]{1,100}:$/;
const row = /^\s{1,16}(?:[|>•*-] ){0,2}> ?(?=\w)|^\s{1,16}(?:(?:Train|Eval) (?=\S))?/;
const statement =
  /^([A-Za-z][\w./@-]{0,100}(?: [\w(][\w./@()-]{0,40}){0,3}?)(?:: |=)(\S{1,40})(?: {1,4}\([^()]{1,40}\))?$/;
const raysOwn = /^(?:episode_|custom_metrics)/;

export const statementBlockReader: FactReader = {
  format: 'OLMo, Composer, Coqui TTS, Ray Tune',
  kinds: ['line'],
  mayMatchLine: () => false,
  matches: ({ event, line }) =>
    event.message.includes('\n') &&
    (/step=|batch=|STEP: |EVAL PERF/.test(line) || line.startsWith('Result for ')),
  read({ event, line }, context) {
    const top = line.slice(0, headMax).trimEnd();
    const found = head.exec(top);
    const isEvaluation = evalHead.test(top);
    const isResult = result.test(top);
    if (found === null && !isEvaluation && !isResult) return null;
    const named = rowsOf(linesBelow(event));
    if (isResult) {
      const iteration = named.get('training_iteration');
      if (iteration === undefined) return null;
      const measured = [...named].filter(
        ([name]) => namesMeasure(name) || canonicalName(name) !== null || raysOwn.test(name),
      );
      return pointsOf(measured, readNumber(iteration), false);
    }
    const metrics = [...named].filter(([name]) => isMetricName(name) && !name.startsWith('time/'));
    if (!metrics.some(([name]) => namesMetric(name))) return null;
    // An evaluation counts its own batches: it is of the last one of the training that was counted.
    const step = found === null ? (context.counted ?? null) : stepOf(found, context);
    return pointsOf(metrics, step, isEvaluation);
  },
};

/** Composer counts batches in each epoch, and tells how many there are. */
function stepOf([, epoch, done, total, global]: RegExpExecArray, { epochs }: TrainContext): number {
  if (global !== undefined) return Number(global);
  const first = epochs?.first ?? 1;
  if (epoch === undefined || total === undefined) return Number(done);
  return Math.max(0, Number(epoch) - first) * Number(total) + Number(done);
}

function rowsOf(text: string): Map<string, string> {
  const named = new Map<string, string>();
  for (const line of text.split('\n', rowsMax)) {
    if (line.length > rowMax) continue;
    const [, name = '', value = ''] = statement.exec(line.replace(row, '').trimEnd()) ?? [];
    if (readNumber(value) !== null && !named.has(name)) named.set(name, value);
  }
  return named;
}
