/**
 * Lines that count iterations within epochs: MMEngine `Epoch(train)  [1][ 50/100]  lr: 1.0e-02  loss: 2.3` and `Iter(train) [  500/20000]`
 * (hooks/logger_hook.py), OpenMMLab's older `Epoch [1][50/7330]\tlr: …, loss: …`, PaddlePaddle `[Train][Epoch 1/20][Iter: 10/100]lr: …, loss: …`,
 * torchvision `Epoch: [0]  [ 10/100]  loss: …`, `Epoch [1/5], Step [100/600], Loss: 0.6` of many tutorials, MindFormers
 * `{ Epoch:[  1/  2], step:[   10/ 1000], loss: 10.5, … }` (core/callback/callback.py); and those that do not tell how many there are in an epoch:
 * `Epoch 1, batch 50, loss: …`, MXNet's `Epoch[0] Batch [0-50]\tSpeed: 1234.50 samples/sec\taccuracy=0.12` (callback.py, Speedometer).
 *
 * A point's step counts on over the epochs, which are counted from 0 where an epoch 0 was seen. Where iterations do so themselves, they are
 * left as they are: in the second epoch they go on behind those of the first. What an evaluation states has no step.
 */
import { canonicalName, isMetricName } from './canonical.ts';
import { isWithinRun } from './line-shapes.ts';
import { namesMeasure, namesMetric } from './metric-words.ts';
import type { LineReader, TrainContext } from './reader.ts';
import { statedIn } from './separated-statements.ts';
import { named, nothingStated, placeOf } from './stated.ts';
import type { Finding, Place, Statement } from './stated.ts';
import { statesSettings, stepIn } from './statements.ts';

const lineMax = 4096;
const headMax = 320;
const place =
  /\b(?:(?:Epoch|Train)(?:\((\w{1,16})\))?:?[ \t]{0,4}\[?[ \t]{0,8}(\d{1,9})(?:[ \t]?\/[ \t]{0,8}(\d{1,9}))?\]?[\s,|:;-]{0,6}(\[?(?:iter(?:ation)?|step|batch)[: \t]{1,4}|\[)|Iter(?:\((\w{1,16})\))[: \t]{0,4})\[?[ \t]{0,12}(\d{1,12})[ \t]?\/[ \t]{0,12}(\d{1,12})\]?/di;
const batch =
  /\bEpoch:?[ \t]{0,4}\[?(\d{1,9})(?:\/\d{1,9})?\]?[\s,|:;-]{0,6}Batch[: \t]{0,4}\[?(?:\d{1,9}-)?(\d{1,9})\]?(?=[\s,:|;-]|$)/di;
const evaluation = /\[(?:eval|val|valid|test)\]|^(?:val|eval|test)/i;

export const epochLineReader: LineReader = {
  format: 'MMEngine, PaddlePaddle, torchvision',
  find: ({ line }) => (line.length <= lineMax && line.includes('/') ? findIterations(line) : null),
  stepOf([first, done, total, epochs], _, context) {
    if (done === undefined || total === undefined) return first ?? null;
    return stepAt(context, { epoch: first ?? 0, done, total, epochs });
  },
};

/**
 * Its counts: epoch, iterations done, all of them; and, unless iterations stand in brackets behind those of the epoch and so never go on, how
 * many epochs there are, a place without a number where that is not told. Without an epoch iterations alone; none of an evaluation.
 */
function findIterations(line: string): Finding | null {
  const found = place.exec(line.slice(0, headMax));
  if (found === null) return null;
  const [whole, mode, , , counter, iterMode] = found;
  const isEvaluation = evaluation.test(mode ?? iterMode ?? '') || evaluation.test(line.slice(0, found.index));
  const from = found.index + whole.length;
  const metrics = metricsIn(line, from);
  const isOfLineAlone = isWithinRun(line, from);
  if (!metrics.some(({ name }) => namesMetric(name))) return { ...nothingStated, isOfLineAlone };
  return {
    counts: isEvaluation ? [] : countsOf(found, counter !== '['),
    statements: metrics.map((statement) => named(statement, isEvaluation)),
    isOfLineAlone,
  };
}

function countsOf(found: RegExpExecArray, mayGoOn: boolean): Place[] {
  const [epoch, epochs, done, total] = [2, 3, 6, 7].map((group) => placeOf(found, group));
  if (!done || !total) return [];
  if (!epoch) return [done];
  return [epoch, done, total, ...(mayGoOn ? [epochs ?? noNumber] : [])];
}

const noNumber: Place = { at: 0, end: 0 };

export const epochBatchReader: LineReader = {
  format: 'MXNet',
  find: ({ line }) => (line.length <= lineMax && /batch/i.test(line) ? findBatch(line) : null),
};

function findBatch(line: string): Finding | null {
  const found = batch.exec(line.slice(0, headMax));
  const step = found === null ? null : placeOf(found, 2);
  if (found === null || step === null || stepIn(line) !== null) return null;
  const metrics = metricsIn(line, found.index + found[0].length);
  if (!metrics.some(({ name }) => namesMetric(name))) return null;
  return { counts: [step], statements: metrics.map((statement) => named(statement, false)) };
}

function metricsIn(line: string, from: number): Statement[] {
  return [...statedIn(line, from).values()].filter(({ name }) => isMetricName(name) && !timing.test(name));
}

const timing = /^(?:(?:last_)?(?:data_)?time|data|mem|speed|\w{1,24}_cost)$/i;

interface EpochPlace {
  epoch: number;
  done: number;
  total: number;
  /** NaN: not told; absent: iterations never go on. */
  epochs: number | undefined;
}

function stepAt(context: TrainContext, { epoch, done, total, epochs }: EpochPlace): number {
  const before = context.epochs;
  const first = epoch === 0 || before?.first === 0 ? 0 : 1;
  let goesOn = epochs === undefined ? false : (before?.goesOn ?? null);
  if (before !== undefined && epoch > before.epoch) {
    const soFar = epochs === undefined || Number.isNaN(epochs) ? 0 : (epoch - first) * (total / epochs);
    goesOn ??= done > before.done && before.total === total && before.done < total && done > soFar;
  }
  context.epochs = { first, epoch, done, total, goesOn };
  return goesOn === true ? done : (epoch - first) * total + done;
}

/**
 * Lines that name an epoch and no step: `Epoch 3: train_loss=0.5 val_loss=0.6`, `epoch 1: perplexity: 12.3 eval_loss: 2.51` (accelerate's
 * examples), `[Epoch 7/10] loss: 0.29`, `====> Epoch: 12 Average loss: 106.1` (PyTorch's examples), `Epoch[0] Train-accuracy=0.51` (MXNet),
 * `epoch: 1, lr: 1.00e-03 - train loss: 2.34 - valid loss: 1.91, valid PER: 45.1` (SpeechBrain's train_log.txt). The epoch is the step, as in a
 * table with a row an epoch, where the stream counts no iterations.
 */
export const epochSummaryReader: LineReader = {
  format: 'epoch summaries',
  find: ({ line, namesStep }) =>
    line.length <= lineMax && /epoch/i.test(line) && !(namesStep && /step|iter/i.test(line))
      ? findSummary(line)
      : null,
  stepOf: ([epoch = null], _, context) => epochStep(epoch, context),
};

function findSummary(line: string): Finding | null {
  const found = summary.exec(line.slice(0, headMax));
  const epoch = found === null ? null : placeOf(found, 1);
  if (found === null || epoch === null) return null;
  if (statesSettings(line)) return nothingStated;
  const from = found.index + found[0].length;
  const stated = [...statedIn(line, from).values()];
  const isOfLineAlone = isWithinRun(line, from);
  if (!stated.some(({ name }) => canonicalName(name) !== null || namesMeasure(name)))
    return { ...nothingStated, isOfLineAlone };
  return { counts: [epoch], statements: stated.map((each) => named(each, false)), isOfLineAlone };
}

const summary =
  /(?:^|[-\]|:>] ?|\[|,\d{3} )epoch[ \t:#=]{0,3}\[?(\d{1,9})(?:[ \t]?\/[ \t]?\d{1,9})?\]?(?:[ \t]{0,4}[:,|;-]| done:|[ \t]{1,4}(?=[A-Za-z]))/di;

/** The step of what is told of a whole epoch: null where the stream counts iterations. */
export function epochStep(epoch: number | null, { epochs }: TrainContext): number | null {
  return epochs === undefined ? epoch : null;
}
