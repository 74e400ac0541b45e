/**
 * Lines that count iterations within epochs: MMEngine `Epoch(train)  [1][ 50/100]  lr: 1.0e-02  loss: 2.3` and `Iter(train) [  500/20000]`
 * (hooks/logger_hook.py), OpenMMLab's older `Epoch [1][50/7330]\tlr: …, loss: …`, PaddlePaddle `[Train][Epoch 1/20][Iter: 10/100]lr: …, loss: …`,
 * torchvision `Epoch: [0]  [ 10/100]  loss: …`, and `Epoch [1/5], Step [100/600], Loss: 0.6` of many tutorials.
 *
 * A point's step counts on over the epochs, which are counted from 0 where an epoch 0 was seen. Where iterations do so themselves, they are
 * left as they are: in the second epoch they go on behind those of the first. What an evaluation states has no step.
 */
import { canonicalName, isMetricName } from './canonical.ts';
import { isWithinRun } from './line-shapes.ts';
import { namesMetric } from './metric-words.ts';
import type { LineReader, TrainContext } from './reader.ts';
import { separatedIn } from './separated-statements.ts';
import { named, nothingStated, placeOf } from './stated.ts';
import type { Finding } from './stated.ts';
import { statementsIn, statesSettings } from './statements.ts';

const lineMax = 4096;
const headMax = 320;
const place =
  /\b(?:(?:Epoch|Train)(?:\((\w{1,16})\))?:?[ \t]{0,4}\[?[ \t]{0,8}(\d{1,9})(?:[ \t]?\/[ \t]?\d{1,9})?\]?[\s,|:;-]{0,6}(?:\[?(?:iter(?:ation)?|step|batch)[: \t]{1,4}|\[)|Iter(?:\((\w{1,16})\))[: \t]{0,4})\[?[ \t]{0,12}(\d{1,12})[ \t]?\/[ \t]?(\d{1,12})\]?/di;
const evaluation = /\[(?:eval|val|valid|test)\]|^(?:val|eval|test)/i;

export const epochLineReader: LineReader = {
  format: 'MMEngine, PaddlePaddle, torchvision',
  find: ({ line }) => (line.length <= lineMax && line.includes('/') ? findIterations(line) : null),
  stepOf([first, done, total], _, context) {
    if (done === undefined || total === undefined) return first ?? null;
    return stepAt(context, first ?? 0, done, total);
  },
};

/** Its counts: epoch, iterations done, all of them; without an epoch iterations alone; none of an evaluation. */
function findIterations(line: string): Finding | null {
  const found = place.exec(line.slice(0, headMax));
  if (found === null) return null;
  const [whole, mode, , iterMode] = found;
  const isEvaluation = evaluation.test(mode ?? iterMode ?? '') || evaluation.test(line.slice(0, found.index));
  const from = found.index + whole.length;
  const stated = separatedIn(line, from);
  for (const statement of statementsIn(line, from)) stated.set(statement.name, statement);
  const metrics = [...stated.values()].filter(({ name }) => isMetricName(name) && !timing.test(name));
  const isOfLineAlone = isWithinRun(line, from);
  if (!metrics.some(({ name }) => namesMetric(name))) return { ...nothingStated, isOfLineAlone };
  const places = (placeOf(found, 2) === null ? [4] : [2, 4, 5]).map((group) => placeOf(found, group));
  return {
    counts: isEvaluation ? [] : places.filter((each) => each !== null),
    statements: metrics.map((statement) => named(statement, isEvaluation)),
    isOfLineAlone,
  };
}

/**
 * Lines that name an epoch and no step: `Epoch 3: train_loss=0.5 val_loss=0.6`, `epoch 1: perplexity: 12.3 eval_loss: 2.51` (accelerate's
 * examples). The epoch is the step, as in a table with a row an epoch, where the stream counts no iterations.
 */
export const epochSummaryReader: LineReader = {
  format: 'epoch summaries',
  find: ({ line, namesStep }) =>
    line.length <= lineMax && !(namesStep && /step|iter/i.test(line)) ? findSummary(line) : null,
  stepOf: ([epoch = null], _, { epochs }) => (epochs === undefined ? epoch : null),
};

function findSummary(line: string): Finding | null {
  const found = summary.exec(line.slice(0, headMax));
  const epoch = found === null ? null : placeOf(found, 1);
  if (found === null || epoch === null) return null;
  if (statesSettings(line)) return nothingStated;
  const from = found.index + found[0].length;
  const stated = separatedIn(line, from);
  for (const statement of statementsIn(line, from))
    if (!stated.has(statement.name) && isMetricName(statement.name)) stated.set(statement.name, statement);
  const isOfLineAlone = isWithinRun(line, from);
  if (![...stated.keys()].some((name) => canonicalName(name) !== null))
    return { ...nothingStated, isOfLineAlone };
  const statements = [...stated.values()].map((each) => named(each, false));
  return { counts: [epoch], statements, isOfLineAlone };
}

const summary =
  /(?:^|- |\] |\| |: )epoch[ \t:#=]{0,3}\[?(\d{1,9})(?:[ \t]?\/[ \t]?\d{1,9})?\]?[ \t]{0,4}[:,|;-]/di;

const timing = /^(?:(?:last_)?(?:data_)?time|data|mem|\w{1,24}_cost)$/i;

/** Null where iterations were not seen before in an epoch that is not the first. */
function stepAt(context: TrainContext, epoch: number, done: number, total: number): number | null {
  const before = context.epochs;
  const first = epoch === 0 || before?.first === 0 ? 0 : 1;
  let goesOn = before?.goesOn ?? null;
  if (before !== undefined && epoch > before.epoch)
    goesOn ??= done > before.done && before.total === total && before.done < total;
  context.epochs = { first, epoch, done, total, goesOn };
  return goesOn === true ? done : (epoch - first) * total + done;
}
