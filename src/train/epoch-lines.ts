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
import { namesMeasure, namesMetric } from './metric-words.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf, separatedIn, withOthersIn } from './separated-statements.ts';
import { statesSettings, stepOf } from './statements.ts';

const lineMax = 4096;
const headMax = 320;
const place =
  /\b(?:(?:Epoch|Train)(?:\((\w{1,16})\))?:?[ \t]{0,4}\[?[ \t]{0,8}(\d{1,9})(?:[ \t]?\/[ \t]{0,8}(\d{1,9}))?\]?[\s,|:;-]{0,6}(\[?(?:iter(?:ation)?|step|batch)[: \t]{1,4}|\[)|Iter(?:\((\w{1,16})\))[: \t]{0,4})\[?[ \t]{0,12}(\d{1,12})[ \t]?\/[ \t]{0,12}(\d{1,12})\]?/i;
const batch =
  /\bEpoch:?[ \t]{0,4}\[?(\d{1,9})(?:\/\d{1,9})?\]?[\s,|:;-]{0,6}Batch[: \t]{0,4}\[?(?:\d{1,9}-)?(\d{1,9})\]?(?=[\s,:|;-]|$)/i;
const evaluation = /\[(?:eval|val|valid|test)\]|^(?:val|eval|test)/i;

export const epochLineReader: FactReader = {
  format: 'MMEngine, PaddlePaddle, torchvision',
  kinds: ['line'],
  matches: ({ line }) => line.length <= lineMax && line.includes('/') && place.test(line.slice(0, headMax)),
  read({ line }, context) {
    const found = place.exec(line.slice(0, headMax));
    if (found === null) return [];
    const [whole, mode, epoch, epochs, counter, iterMode, done, total] = found;
    const isEvaluation =
      evaluation.test(mode ?? iterMode ?? '') || evaluation.test(line.slice(0, found.index));
    const named = metricsIn(line.slice(found.index + whole.length));
    if (!named.some(([name]) => namesMetric(name))) return [];
    if (isEvaluation) return pointsOf(named, null, true);
    const epochPlace = { epoch, epochs, mayGoOn: counter !== '[' };
    return pointsOf(named, stepAt(context, epochPlace, Number(done), Number(total)), false);
  },
};

export const epochBatchReader: FactReader = {
  format: 'MXNet',
  kinds: ['line'],
  matches: ({ line }) => line.length <= lineMax && /batch/i.test(line) && batch.test(line.slice(0, headMax)),
  read({ line }) {
    const found = batch.exec(line.slice(0, headMax));
    if (found === null || stepOf(line) !== null) return null;
    const named = metricsIn(line.slice(found.index + found[0].length));
    return named.some(([name]) => namesMetric(name)) ? pointsOf(named, Number(found[2]), false) : null;
  },
};

function metricsIn(rest: string): [name: string, text: string][] {
  const named = withOthersIn(rest, separatedIn(rest));
  return [...named].filter(([name]) => isMetricName(name) && !timing.test(name));
}

/**
 * Lines that name an epoch and no step: `Epoch 3: train_loss=0.5 val_loss=0.6`, `epoch 1: perplexity: 12.3 eval_loss: 2.51` (accelerate's
 * examples), `[Epoch 7/10] loss: 0.29`, `====> Epoch: 12 Average loss: 106.1` (PyTorch's examples), `Epoch[0] Train-accuracy=0.51` (MXNet),
 * `epoch: 1, lr: 1.00e-03 - train loss: 2.34 - valid loss: 1.91, valid PER: 45.1` (SpeechBrain's train_log.txt). The epoch is the step, as in a
 * table with a row an epoch, where the stream counts no iterations.
 */
export const epochSummaryReader: FactReader = {
  format: 'epoch summaries',
  kinds: ['line'],
  matches: ({ line }) =>
    line.length <= lineMax &&
    /epoch/i.test(line) &&
    summary.test(line.slice(0, headMax)) &&
    !/step|iter/i.test(line),
  read({ line }, context) {
    const found = summary.exec(line.slice(0, headMax));
    if (found === null || statesSettings(line)) return [];
    const rest = line.slice(found.index + found[0].length);
    const named = withOthersIn(rest, separatedIn(rest));
    if (![...named.keys()].some((name) => canonicalName(name) !== null || namesMeasure(name))) return [];
    return pointsOf(named, epochStep(found[1] ?? '', context), false);
  },
};

const summary =
  /(?:^|[-\]|:>] ?|\[|,\d{3} )epoch[ \t:#=]{0,3}\[?(\d{1,9})(?:[ \t]?\/[ \t]?\d{1,9})?\]?(?:[ \t]{0,4}[:,|;-]| done:|[ \t]{1,4}(?=[A-Za-z]))/i;

/** The step of what is told of a whole epoch: null where the stream counts iterations. */
export function epochStep(epoch: string, { epochs }: TrainContext): number | null {
  return epochs === undefined ? Number(epoch) : null;
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
