/**
 * Lines that count iterations within epochs: MMEngine `Epoch(train)  [1][ 50/100]  lr: 1.0e-02  loss: 2.3` and `Iter(train) [  500/20000]`
 * (hooks/logger_hook.py), OpenMMLab's older `Epoch [1][50/7330]\tlr: …, loss: …`, PaddlePaddle `[Train][Epoch 1/20][Iter: 10/100]lr: …, loss: …`,
 * torchvision `Epoch: [0]  [ 10/100]  loss: …`, `Epoch [1/5], Step [100/600], Loss: 0.6` of many tutorials, MindFormers
 * `{ Epoch:[  1/  2], step:[   10/ 1000], loss: 10.5, … }` (core/callback/callback.py), PyTorch's word language model `| epoch   1 |   200/ 2928
 * batches | lr 5.00 | loss  8.12` and DCGAN `[0/25][100/1583]\tLoss_D: 0.5`; and those that do not tell how many there are in an epoch:
 * `Epoch 1, batch 50, loss: …`, MXNet's `Epoch[0] Batch [0-50]\tSpeed: 1234.50 samples/sec\taccuracy=0.12` (callback.py, Speedometer), WeNet's `TRAIN Batch 0/100 loss 50.1 loss_ctc 60.1 lr
 * 0.00001` (epoch and batch), CycleGAN's `(epoch: 1, iters: 100, time: 0.123, data: 0.2) , D_A: 0.3 G_A: 0.4` (util/visualizer.py),
 * DeePMD-kit's `batch     100: trn: rmse = 1.2e+01, rmse_e = 4.6e-01, lr = 1.0e-03` (loggers/training.py). MONAI's tutorials have the epoch on
 * a line before: `epoch 1/600`, then `1/16, train_loss: 0.65`. DINOv2 has no epochs:
 * `Training  [    10/125000]  eta: 1:00:00  lr: 0.0001 (0.0001)  total_loss: 11.1 (11.2)` (dinov2/logging/helpers.py).
 *
 * A point's step counts on over the epochs, which are counted from 0 where an epoch 0 was seen. Where iterations do so themselves, they are
 * left as they are: in the second epoch they go on behind those of the first. What an evaluation states at its end is of the end of the epoch that
 * it names, or of the step that was counted last; on its way it has no step.
 */
import { isMetricName } from './canonical.ts';
import { isWithinRun } from './line-shapes.ts';
import { namesMetric } from './metric-words.ts';
import { printedPoint } from './reader.ts';
import type { FactReader, LineReader, TrainContext } from './reader.ts';
import { statedIn } from './separated-statements.ts';
import { named, nothingAlone, placeOf } from './stated.ts';
import type { Finding, NamedStatement, Place, Statement } from './stated.ts';
import { stepIn } from './statements.ts';

const lineMax = 4096;
const headMax = 320;
const places: readonly RegExp[] = [
  /\b(?:(?:Epoch|Train)(?:\((?<mode>\w{1,16})\))?:?[ \t]{0,4}\[?[ \t]{0,8}(?<epoch>\d{1,9})(?:[ \t]?\/[ \t]{0,8}(?<epochs>\d{1,9}))?\]?[\s,|:;-]{0,6}(?<counter>\[?(?:iter(?:ation)?|step|batch)[: \t]{1,4}|\[)|(?:Iter|Epoch(?=\((?:test|val)))\((?<iterMode>\w{1,16})\)[: \t]{0,4})\[?[ \t]{0,12}(?<done>\d{1,12})[ \t]?\/[ \t]{0,12}(?<total>\d{1,12})\]?/di,
  /\bepoch {1,8}(?<epoch>\d{1,9}) (?<counter>\|) {1,8}(?<done>\d{1,12})\/ {0,8}(?<total>\d{1,12}) batches\b/d,
  /(?:^|[\]|:-] ?|INFO )Training {1,4}(?<counter>\[) {0,12}(?<done>\d{1,12})\/(?<total>\d{1,12})\](?= {1,4}eta: )/d,
  /^\[(?<epoch>\d{1,9})\/(?<epochs>\d{1,9})\] ?(?<counter>\[)(?<done>\d{1,12})\/(?<total>\d{1,12})\](?=[\t ])/d,
];
const batch =
  /\bEpoch:?[ \t]{0,4}\[?(\d{1,9})(?:\/\d{1,9})?\]?[\s,|:;[-]{0,6}Batch[: \t]{0,4}\[?(?:\d{1,9}-)?(\d{1,9})\]?(?=[\s,:|;-]|$)|\bTRAIN Batch (\d{1,9})\/(\d{1,9})(?= loss )/di;
/** What is behind it are losses alone. */
const visualizer =
  /^\(epoch: \d{1,9}, iters: (\d{1,12}), time: [\d.]{1,12}(?:, data: [\d.]{1,12})?\) {1,2}(?:, )?(?=[A-Za-z])/d;
const evaluation =
  /\[(?:eval|val|valid|test)\]|^(?:val|eval|test)|[|:>\]-] (?:val|valid|eval|test)(?:uation|idation|ing)? $/i;

export const epochLineReader: LineReader = {
  format: 'MMEngine, PaddlePaddle, torchvision',
  find: ({ line }) => (line.length <= lineMax && line.includes('/') ? findIterations(line) : null),
  stepOf([first, done, total, epochs, ofEvaluation], _, context) {
    if (done === undefined || total === undefined) return first ?? null;
    if (ofEvaluation !== undefined) return done === total ? endOf(first ?? NaN, context) : null;
    return stepAt(context, { epoch: first ?? 0, done, total, epochs });
  },
  totalOf([, , total, epochs = NaN, ofEvaluation], { epochs: counted }) {
    if (total === undefined || ofEvaluation !== undefined) return null;
    if (counted?.goesOn === true) return total;
    return epochs > 0 ? epochs * total : null;
  },
};

/**
 * Its counts: epoch, iterations done, all of them; and, unless iterations stand in brackets behind those of the epoch and so never go on, how
 * many epochs there are, a place without a number where that is not told. Without an epoch iterations alone. Of an evaluation one more, the epoch's place without a
 * number where that is not told.
 */
function findIterations(line: string): Finding | null {
  const found = placeIn(line);
  if (found === null) return null;
  const { mode, counter, iterMode } = found.groups ?? {};
  const isEvaluation = evaluation.test(mode ?? iterMode ?? '') || evaluation.test(line.slice(0, found.index));
  const from = found.index + found[0].length;
  const metrics = metricsIn(line, from);
  const isOfLineAlone = isWithinRun(line, from);
  if (!metrics.some(({ name }) => namesMetric(name))) return isOfLineAlone ? nothingAlone : null;
  const counts = isEvaluation ? countsOfEvaluation(found) : countsOf(found, counter !== '[');
  return {
    counts,
    ...(counts.length === 1 && { total: placeOf(found, 'total') }),
    statements: metrics.map((statement) => named(statement, isEvaluation)),
    isOfLineAlone,
  };
}

function placeIn(line: string): RegExpExecArray | null {
  const head = line.slice(0, headMax);
  for (const place of places) {
    const found = place.exec(head);
    if (found !== null) return found;
  }
  return null;
}

function countsOf(found: RegExpExecArray, mayGoOn: boolean): Place[] {
  const [epoch, epochs, done, total] = ['epoch', 'epochs', 'done', 'total'].map((group) =>
    placeOf(found, group),
  );
  if (!done || !total) return [];
  if (!epoch) return [done];
  return [epoch, done, total, ...(mayGoOn ? [epochs ?? noNumber] : [])];
}

function countsOfEvaluation(found: RegExpExecArray): Place[] {
  const [epoch, done, total] = ['epoch', 'done', 'total'].map((group) => placeOf(found, group));
  return done && total ? [epoch ?? noNumber, done, total, noNumber, noNumber] : [];
}

export const noNumber: Place = { at: 0, end: 0 };

export const epochBatchReader: LineReader = {
  format: 'MXNet',
  find: ({ line, namesRound }) =>
    namesRound && line.length <= lineMax && /batch|^\(epoch: /i.test(line) ? findBatch(line) : null,
};

function findBatch(line: string): Finding | null {
  const shown = line.startsWith('(epoch: ') ? visualizer.exec(line) : null;
  const shownAt = shown === null ? null : placeOf(shown, 1);
  if (shown !== null && shownAt !== null) {
    const statements = metricsIn(line, shown[0].length);
    return { counts: [shownAt], statements: statements.map((statement) => named(statement, false)) };
  }
  const done = perData.exec(line.slice(0, headMax));
  const doneAt = done === null ? null : placeOf(done, 1);
  if (done !== null && doneAt !== null) return { counts: [doneAt], statements: ofData(line, done) };
  const found = batch.exec(line.slice(0, headMax));
  const step = found === null ? null : (placeOf(found, 2) ?? placeOf(found, 4));
  if (found === null || step === null || stepIn(line) !== null) return null;
  const from = found.index + found[0].length;
  const metrics = metricsIn(line, from);
  const isOfLineAlone = isWithinRun(line, from);
  if (!metrics.some(({ name }) => namesMetric(name))) return isOfLineAlone ? nothingAlone : null;
  return { counts: [step], statements: metrics.map((statement) => named(statement, false)), isOfLineAlone };
}

/** DeePMD-kit: what is told of the training's data has the same names as what is told of others. */
const perData = /\bbatch {1,8}(\d{1,12}): (\w{0,60}(?:trn|val)): (?=\w{1,24} = )/di;

function ofData(line: string, found: RegExpExecArray): NamedStatement[] {
  const [head, , data = ''] = found;
  return metricsIn(line, found.index + head.length).map((each) =>
    named(each.name === 'lr' ? each : { ...each, name: `${data} ${each.name}` }, false),
  );
}

const epochAlone = /^epoch (\d{1,9})\/\d{1,9}$/;
const ofEpoch = /^(\d{1,9})\/(\d{1,9}), train_loss: ([\d.]{1,20}|nan)(?:, step time: [\d.]{1,12})?$/;

export const monaiReader: FactReader = {
  format: 'MONAI',
  kinds: ['line'],
  mayMatchLine: ({ line }) => epochAlone.test(line) || ofEpoch.test(line),
  matches: ({ line }) => epochAlone.test(line) || ofEpoch.test(line),
  read({ line }, context) {
    const begun = epochAlone.exec(line)?.[1];
    if (begun !== undefined) {
      context.round = Number(begun);
      return [];
    }
    const [, done = '', total = '', loss = ''] = ofEpoch.exec(line) ?? [];
    if (context.round === undefined) return null;
    const place = { epoch: context.round, done: Number(done), total: Number(total), epochs: undefined };
    return [printedPoint(stepAt(context, place), 'train_loss', Number(loss), loss)];
  },
};

/** The metrics that what stands behind the place states; timings are none. */
export function metricsIn(line: string, from: number): Statement[] {
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

/** The step at which an epoch has ended; the last one that was counted, if that epoch's iterations were not told, or go on over the epochs. */
export function endOf(epoch: number, { epochs, counted }: TrainContext): number | null {
  const isCounted = epochs?.epoch === epoch && epochs.goesOn !== true;
  return isCounted ? (epoch - epochs.first + 1) * epochs.total : (counted ?? null);
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
