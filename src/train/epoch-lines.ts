/**
 * Lines that count iterations within epochs: MMEngine `Epoch(train)  [1][ 50/100]  lr: 1.0e-02  loss: 2.3` and `Iter(train) [  500/20000]`
 * (hooks/logger_hook.py), OpenMMLab's older `Epoch [1][50/7330]\tlr: …, loss: …`, PaddlePaddle `[Train][Epoch 1/20][Iter: 10/100]lr: …, loss: …`,
 * torchvision `Epoch: [0]  [ 10/100]  loss: …`, and `Epoch [1/5], Step [100/600], Loss: 0.6` of many tutorials.
 *
 * A point's step counts on over the epochs, which are counted from 0 where an epoch 0 was seen. Where iterations do so themselves, they are
 * left as they are: in the second epoch they go on behind those of the first. What an evaluation states has no step.
 */
import { canonicalName, isMetricName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf, separatedIn } from './separated-statements.ts';
import { statementsIn, statesSettings } from './statements.ts';

const lineMax = 4096;
const headMax = 320;
const place =
  /\b(?:(?:Epoch|Train)(?:\((\w{1,16})\))?:?[ \t]{0,4}\[?[ \t]{0,8}(\d{1,9})(?:[ \t]?\/[ \t]?\d{1,9})?\]?[\s,|:;-]{0,6}(?:\[?(?:iter(?:ation)?|step|batch)[: \t]{1,4}|\[)|Iter(?:\((\w{1,16})\))[: \t]{0,4})\[?[ \t]{0,12}(\d{1,12})[ \t]?\/[ \t]?(\d{1,12})\]?/i;
const evaluation = /\[(?:eval|val|valid|test)\]|^(?:val|eval|test)/i;

export const epochLineReader: FactReader = {
  format: 'MMEngine, PaddlePaddle, torchvision',
  kinds: ['line'],
  matches: ({ line }) => line.length <= lineMax && line.includes('/') && place.test(line.slice(0, headMax)),
  read({ line }, context) {
    const found = place.exec(line.slice(0, headMax));
    if (found === null) return [];
    const [whole, mode, epoch, iterMode, done, total] = found;
    const isEvaluation =
      evaluation.test(mode ?? iterMode ?? '') || evaluation.test(line.slice(0, found.index));
    const rest = line.slice(found.index + whole.length);
    const statements = separatedIn(rest);
    for (const [name, , text] of statementsIn(rest)) statements.set(name, text);
    const named = [...statements].filter(([name]) => isMetricName(name) && !timing.test(name));
    if (!named.some(([name]) => namesMetric(name))) return [];
    const step = isEvaluation ? null : stepAt(context, epoch, Number(done), Number(total));
    return pointsOf(named, step, isEvaluation);
  },
};

/**
 * Lines that name an epoch and no step: `Epoch 3: train_loss=0.5 val_loss=0.6`, `epoch 1: perplexity: 12.3 eval_loss: 2.51` (accelerate's
 * examples). The epoch is the step, as in a table with a row an epoch, where the stream counts no iterations.
 */
export const epochSummaryReader: FactReader = {
  format: 'epoch summaries',
  kinds: ['line'],
  matches: ({ line }) =>
    line.length <= lineMax && summary.test(line.slice(0, headMax)) && !/step|iter/i.test(line),
  read({ line }, { epochs }) {
    const found = summary.exec(line.slice(0, headMax));
    if (found === null || statesSettings(line)) return [];
    const rest = line.slice(found.index + found[0].length);
    const named = separatedIn(rest);
    for (const [name, , text] of statementsIn(rest))
      if (!named.has(name) && isMetricName(name)) named.set(name, text);
    if (![...named.keys()].some((name) => canonicalName(name) !== null)) return [];
    return pointsOf(named, epochs === undefined ? Number(found[1]) : null, false);
  },
};

const summary =
  /(?:^|- |\] |\| |: )epoch[ \t:#=]{0,3}\[?(\d{1,9})(?:[ \t]?\/[ \t]?\d{1,9})?\]?[ \t]{0,4}[:,|;-]/i;

const timing = /^(?:(?:last_)?(?:data_)?time|data|mem|\w{1,24}_cost)$/i;

/** Null where iterations were not seen before in an epoch that is not the first. */
function stepAt(
  context: TrainContext,
  epoch: string | undefined,
  done: number,
  total: number,
): number | null {
  if (epoch === undefined) return done;
  const number = Number(epoch);
  const before = context.epochs;
  const first = number === 0 || before?.first === 0 ? 0 : 1;
  let goesOn = before?.goesOn ?? null;
  if (before !== undefined && number > before.epoch)
    goesOn ??= done > before.done && before.total === total && before.done < total;
  context.epochs = { first, epoch: number, done, total, goesOn };
  return goesOn === true ? done : (number - first) * total + done;
}
