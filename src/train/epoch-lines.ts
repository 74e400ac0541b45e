/**
 * Lines that count iterations within epochs: MMEngine `Epoch(train)  [1][ 50/100]  lr: 1.0e-02  loss: 2.3` and `Iter(train) [  500/20000]`
 * (hooks/logger_hook.py), OpenMMLab's older `Epoch [1][50/7330]\tlr: …, loss: …`, PaddlePaddle `[Train][Epoch 1/20][Iter: 10/100]lr: …, loss: …`,
 * torchvision `Epoch: [0]  [ 10/100]  loss: …`, `Epoch [1/5], Step [100/600], Loss: 0.6` of many tutorials, MindFormers
 * `{ Epoch:[  1/  2], step:[   10/ 1000], loss: 10.5, … }` (core/callback/callback.py), PyTorch's word language model `| epoch   1 |   200/ 2928
 * batches | lr 5.00 | loss  8.12` and DCGAN `[0/25][100/1583]\tLoss_D: 0.5`; and those that do not tell how many there are in an epoch:
 * `Epoch 1, batch 50, loss: …`, MXNet's `Epoch[0] Batch [0-50]\tSpeed: 1234.50 samples/sec\taccuracy=0.12` (callback.py, Speedometer), WeNet's `TRAIN Batch 0/100 loss 50.1 loss_ctc 60.1 lr
 * 0.00001` (epoch and batch).
 *
 * A point's step counts on over the epochs, which are counted from 0 where an epoch 0 was seen. Where iterations do so themselves, they are
 * left as they are: in the second epoch they go on behind those of the first. What an evaluation states has no step.
 */
import { isMetricName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf, separatedIn, withOthersIn } from './separated-statements.ts';
import { stepOf } from './statements.ts';

const lineMax = 4096;
const headMax = 320;
const places: readonly RegExp[] = [
  /\b(?:(?:Epoch|Train)(?:\((?<mode>\w{1,16})\))?:?[ \t]{0,4}\[?[ \t]{0,8}(?<epoch>\d{1,9})(?:[ \t]?\/[ \t]{0,8}(?<epochs>\d{1,9}))?\]?[\s,|:;-]{0,6}(?<counter>\[?(?:iter(?:ation)?|step|batch)[: \t]{1,4}|\[)|Iter(?:\((?<iterMode>\w{1,16})\))[: \t]{0,4})\[?[ \t]{0,12}(?<done>\d{1,12})[ \t]?\/[ \t]{0,12}(?<total>\d{1,12})\]?/i,
  /\bepoch {1,8}(?<epoch>\d{1,9}) (?<counter>\|) {1,8}(?<done>\d{1,12})\/ {0,8}(?<total>\d{1,12}) batches\b/,
  /^\[(?<epoch>\d{1,9})\/(?<epochs>\d{1,9})\] ?(?<counter>\[)(?<done>\d{1,12})\/(?<total>\d{1,12})\](?=[\t ])/,
];
const batch =
  /\bEpoch:?[ \t]{0,4}\[?(\d{1,9})(?:\/\d{1,9})?\]?[\s,|:;-]{0,6}Batch[: \t]{0,4}\[?(?:\d{1,9}-)?(\d{1,9})\]?(?=[\s,:|;-]|$)|\bTRAIN Batch (\d{1,9})\/(\d{1,9})(?= loss )/i;
const evaluation = /\[(?:eval|val|valid|test)\]|^(?:val|eval|test)/i;

export const epochLineReader: FactReader = {
  format: 'MMEngine, PaddlePaddle, torchvision',
  kinds: ['line'],
  matches: ({ line, namesRound }) =>
    namesRound && line.length <= lineMax && line.includes('/') && placeIn(line) !== null,
  read({ line }, context) {
    const found = placeIn(line);
    if (found === null) return null;
    const { mode, epoch, epochs, counter, iterMode, done, total } = found.groups ?? {};
    const isEvaluation =
      evaluation.test(mode ?? iterMode ?? '') || evaluation.test(line.slice(0, found.index));
    const named = metricsIn(line.slice(found.index + found[0].length));
    if (!named.some(([name]) => namesMetric(name))) return null;
    if (isEvaluation) return pointsOf(named, null, true);
    const place = { epoch, epochs, mayGoOn: counter !== '[' };
    return pointsOf(named, stepAt(context, place, Number(done), Number(total)), false);
  },
};

function placeIn(line: string): RegExpExecArray | null {
  const head = line.slice(0, headMax);
  for (const place of places) {
    const found = place.exec(head);
    if (found !== null) return found;
  }
  return null;
}

export const epochBatchReader: FactReader = {
  format: 'MXNet',
  kinds: ['line'],
  matches: ({ line, namesRound }) =>
    namesRound && line.length <= lineMax && /batch/i.test(line) && batch.test(line.slice(0, headMax)),
  read({ line }) {
    const found = batch.exec(line.slice(0, headMax));
    if (found === null || stepOf(line) !== null) return null;
    const named = metricsIn(line.slice(found.index + found[0].length));
    return named.some(([name]) => namesMetric(name))
      ? pointsOf(named, Number(found[2] ?? found[4]), false)
      : null;
  },
};

/** The metrics that what stands behind the place states; timings are none. */
export function metricsIn(rest: string): [name: string, text: string][] {
  const named = withOthersIn(rest, separatedIn(rest));
  return [...named].filter(([name]) => isMetricName(name) && !timing.test(name));
}

const timing = /^(?:(?:last_)?(?:data_)?time|data|mem|speed|\w{1,24}_cost)$/i;

interface EpochPlace {
  epoch: string | undefined;
  epochs: string | undefined;
  /** Iterations that stand in brackets behind those of the epoch never go on. */
  mayGoOn: boolean;
}

/** Null where iterations were not seen before in an epoch that is not the first. */
function stepAt(context: TrainContext, place: EpochPlace, done: number, total: number): number | null {
  if (place.epoch === undefined) return done;
  const number = Number(place.epoch);
  const before = context.epochs;
  const first = number === 0 || before?.first === 0 ? 0 : 1;
  let goesOn = place.mayGoOn ? (before?.goesOn ?? null) : false;
  if (before !== undefined && number > before.epoch) {
    const soFar = (number - first) * (total / Number(place.epochs ?? Infinity));
    goesOn ??= done > before.done && before.total === total && before.done < total && done > soFar;
  }
  context.epochs = { first, epoch: number, done, total, goesOn };
  return goesOn === true ? done : (number - first) * total + done;
}
