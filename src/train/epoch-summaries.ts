/**
 * Lines that name an epoch, or an episode, and no step: `Epoch 3: train_loss=0.5 val_loss=0.6`, `epoch 1: perplexity: 12.3 eval_loss: 2.51` (accelerate's
 * examples), `[Epoch 7/10] loss: 0.29`, `====> Epoch: 12 Average loss: 106.1` (PyTorch's examples), `Epoch[0] Train-accuracy=0.51` (MXNet),
 * `epoch: 1, lr: 1.00e-03 - train loss: 2.34 - valid loss: 1.91, valid PER: 45.1` (SpeechBrain's train_log.txt). The epoch is the step, as in a
 * table with a row an epoch, where the stream counts no iterations; it may stand behind what is told of it, too. RecBole: `epoch 0 training [time:
 * 1.23s, train loss: 12.3]` (trainer/trainer.py); OGB's examples: `Run: 01, Epoch: 01, Loss: 0.12, Train: 98.12%, …`; Catalyst: `train (1/3) accuracy01: 0.5 |
 * loss: 1.2 | …` and, before version 21, `1/3 * Epoch 1 (train): accuracy01=0.5 | loss=1.2` (callbacks/misc.py, core/logger), what stands there is the data loader.
 */
import { canonicalName, isMetricName } from './canonical.ts';
import { endOf, metricsIn, noNumber } from './epoch-lines.ts';
import { isWithinRun } from './line-shapes.ts';
import { namesMeasure } from './metric-words.ts';
import { linesBelow } from './reader.ts';
import type { FactReader, LineReader, TrainContext } from './reader.ts';
import { namesEpoch } from './restarts.ts';
import { separatedIn, statedIn } from './separated-statements.ts';
import { countAt, named, nothingAlone, nothingStated, placeOf, pointsAt } from './stated.ts';
import type { Finding, Place } from './stated.ts';
import { statesSettings, stepIn } from './statements.ts';

const lineMax = 4096;
const headMax = 320;

export const epochSummaryReader: LineReader = {
  format: 'epoch summaries',
  find: ({ line, namesRound, namesStep }) =>
    namesRound && line.length <= lineMax && namesEpoch(line) && !(namesStep && /step|iter/i.test(line))
      ? findSummary(line)
      : line.includes('/') && line.length <= lineMax
        ? findLoader(line)
        : null,
  stepOf([epoch = null, ofEvaluation], _, context) {
    if (ofEvaluation === undefined || (context.epochs === undefined && context.countsSteps !== true))
      return epochStep(epoch, context);
    return endOf(epoch ?? NaN, context);
  },
};

function findSummary(line: string): Finding | null {
  const found = summary.exec(line.slice(0, headMax)) ?? epochBehind.exec(line);
  const epoch = found === null ? null : placeOf(found, 1);
  if (found === null || epoch === null || statesSettings(line)) return null;
  const end = found.index + found[0].length;
  const isBehind = end === line.length;
  const stated = [...(isBehind ? statedIn(line.slice(0, found.index)) : statedIn(line, end)).values()];
  const isOfLineAlone = isWithinRun(line, end);
  const isValidation =
    ofValidation.test(found[0]) ||
    validationBefore.test(line.slice(0, found.index + 1)) ||
    (!isBehind && validationBehind.test(line.slice(end - 1, end + behindMax)));
  if (!stated.some(({ name }) => canonicalName(name) !== null || namesMeasure(name)))
    return isOfLineAlone ? nothingAlone : nothingStated;
  const counts = isValidation ? [epoch, noNumber] : [epoch];
  return { counts, statements: stated.map((each) => named(each, isValidation)), isOfLineAlone };
}

/** Catalyst: the epoch of a data loader. */
const loader =
  /^(?:\[[^\]]{8,40}\] )?([A-Za-z][\w-]{0,30}) \((\d{1,9})\/(\d{1,9})\) (?=[\w/@.-]{1,60}: [\d.-])/d;
const isOfTraining = /^_?train/i;

function findLoader(line: string): Finding | null {
  const found = loader.exec(line);
  const epoch = found === null ? null : placeOf(found, 2);
  if (found === null || epoch === null) return null;
  const from = found[0].length;
  const metrics = metricsIn(line, from);
  if (!metrics.some(({ name }) => namesMeasure(name))) return null;
  const isValidation = !isOfTraining.test(found[1] ?? '');
  return {
    counts: isValidation ? [epoch, noNumber] : [epoch],
    total: placeOf(found, 3),
    statements: metrics.map((each) => named(each, isValidation)),
  };
}

const ofValidation =
  /(?:eval|val|valid|test)(?:uation|idation|ing)? epoch|\((?:val|valid|test|infer)\w{0,24}\):$/i;

/** Ignite's examples: `Validation Results - Epoch: 1  Avg accuracy: 0.60 Avg loss: 0.67`. */
const validationBefore =
  /(?:^|[\s\])>|:-])(?:valid(?:ation)?|val|eval(?:uation)?|test(?:ing)?|dev)(?: (?:set|results?|metrics?))?[\])]?[ \t]{0,4}[-:|,[(]?$/i;
const validationBehind =
  /^[\s[(|:;,-]{1,6}(?:valid(?:ation)?|val|eval(?:uation)?|test(?:ing)?|dev)(?: (?:set|results?|metrics?))?(?:[\])]|[ \t]{0,2}[|:;,-] )/i;
const behindMax = 40;

const summary =
  /(?:^|[-\]|:>] ?|\[|,\d{3} |end of |in |INFO {1,4}|^Run: \d{1,4}, |^\d{1,9}\/\d{1,9} \* )(?:(?:train|eval|val|valid|test)(?:uation|idation|ing)? )?epoch[ \t:#=]{0,3}(?:\[ {0,8})?(\d{1,9})(?:[ \t]?\/[ \t]?\d{1,9})?\]?(?: \(\w{1,30}\):| \([\d.]{1,12} ?s\):|[ \t]{0,4}[:,|;-]| done:|[ \t]{1,4}(?=[A-Za-z]))/di;

const epochBehind = /(?:, |\| ?|- |\(| at )epoch[ :=#]{1,3}(\d{1,9})\)?$/di;

const rowsMax = 16;

/**
 * An epoch of which the lines below tell: `Epoch: 01 | Epoch Time: 0m 12s`, then `\tTrain Loss: 2.345 | Train PPL:  10.4` and `\t Val. Loss: 2.1 |  Val. PPL:
 * 8.1` (the loop of many tutorials on PyTorch).
 */
export const epochBlockReader: FactReader = {
  format: 'epoch summaries',
  kinds: ['line'],
  mayMatchLine: () => false,
  matches: ({ event, line }) =>
    event.message.includes('\n') && line.length <= headMax && namesEpoch(line) && summary.test(line),
  read({ event, line }, context) {
    const place = placeIn(line);
    if (place === null || statesSettings(line) || statedIn(line).size > 0) return null;
    const rows = linesBelow(event).split('\n', rowsMax + 1);
    if (rows.length > rowsMax || rows.some((row) => row.length > headMax)) return null;
    const step = epochStep(countAt(line, place), context);
    const facts = rows.flatMap((row) => {
      const stated = [...separatedIn(row).values()].filter(({ name }) => isMetricName(name));
      const isMetric = stated.some(({ name }) => canonicalName(name) !== null || namesMeasure(name));
      return isMetric && stepIn(row) === null
        ? pointsAt(
            row,
            step,
            stated.map((each) => named(each, false)),
          )
        : [];
    });
    return facts.length > 0 ? facts : null;
  },
};

function placeIn(line: string): Place | null {
  const found = summary.exec(line);
  return found === null ? null : placeOf(found, 1);
}

/** Lines of an episode, which is the step: `Episode 10, Total Reward: 25.0` of many loops that learn by reinforcement. */
export const episodeReader: LineReader = {
  format: 'episodes',
  find: ({ line, namesRound }) =>
    namesRound && line.length <= lineMax && /episode/i.test(line) ? findEpisode(line) : null,
};

function findEpisode(line: string): Finding | null {
  const found = episode.exec(line.slice(0, headMax));
  const step = found === null ? null : placeOf(found, 1);
  if (found === null || step === null || statesSettings(line)) return null;
  const from = found.index + found[0].length;
  const metrics = metricsIn(line, from);
  const isOfLineAlone = isWithinRun(line, from);
  if (!metrics.some(({ name }) => namesMeasure(name))) return isOfLineAlone ? nothingAlone : null;
  return { counts: [step], statements: metrics.map((each) => named(each, false)), isOfLineAlone };
}

const episode =
  /(?:^|[-\]|:>] ?|\[|,\d{3} )(?:episode|ep)[ \t:#=]{0,3}\[?[ \t]{0,8}(\d{1,12})(?:[ \t]?\/[ \t]?\d{1,12})?\]?[\t ,:|;-]{1,6}(?=\D)/di;

/** The step of what is told of a whole epoch: null where the stream counts iterations. */
export function epochStep(epoch: number | null, { epochs }: TrainContext): number | null {
  return epochs === undefined ? epoch : null;
}
