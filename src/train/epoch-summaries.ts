/**
 * Lines that name an epoch, or an episode, and no step: `Epoch 3: train_loss=0.5 val_loss=0.6`, `epoch 1: perplexity: 12.3 eval_loss: 2.51` (accelerate's
 * examples), `[Epoch 7/10] loss: 0.29`, `====> Epoch: 12 Average loss: 106.1` (PyTorch's examples), `Epoch[0] Train-accuracy=0.51` (MXNet),
 * `epoch: 1, lr: 1.00e-03 - train loss: 2.34 - valid loss: 1.91, valid PER: 45.1` (SpeechBrain's train_log.txt). The epoch is the step, as in a
 * table with a row an epoch, where the stream counts no iterations; it may stand behind what is told of it, too.
 */
import { canonicalName } from './canonical.ts';
import { metricsIn } from './epoch-lines.ts';
import { namesMeasure } from './metric-words.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf, separatedIn, withOthersIn } from './separated-statements.ts';
import { statesSettings } from './statements.ts';

const lineMax = 4096;
const headMax = 320;

export const epochSummaryReader: FactReader = {
  format: 'epoch summaries',
  kinds: ['line'],
  matches: ({ line, namesRound }) =>
    namesRound &&
    line.length <= lineMax &&
    /epoch/i.test(line) &&
    (summary.test(line.slice(0, headMax)) || epochBehind.test(line)) &&
    !/step|iter/i.test(line),
  read({ line }, context) {
    const found = summary.exec(line.slice(0, headMax)) ?? epochBehind.exec(line);
    if (found === null || statesSettings(line)) return null;
    const isBehind = found.index + found[0].length === line.length;
    const rest = isBehind ? line.slice(0, found.index) : line.slice(found.index + found[0].length);
    const named = withOthersIn(rest, separatedIn(rest));
    if (![...named.keys()].some((name) => canonicalName(name) !== null || namesMeasure(name))) return [];
    return pointsOf(named, epochStep(found[1] ?? '', context), false);
  },
};

const summary =
  /(?:^|[-\]|:>] ?|\[|,\d{3} |end of |in )epoch[ \t:#=]{0,3}\[?(\d{1,9})(?:[ \t]?\/[ \t]?\d{1,9})?\]?(?:[ \t]{0,4}[:,|;-]| done:|[ \t]{1,4}(?=[A-Za-z]))/i;

const epochBehind = /(?:, |\| ?|- |\(| at )epoch[ :=#]{1,3}(\d{1,9})\)?$/i;

/** Lines of an episode, which is the step: `Episode 10, Total Reward: 25.0` of many loops that learn by reinforcement. */
export const episodeReader: FactReader = {
  format: 'episodes',
  kinds: ['line'],
  matches: ({ line, namesRound }) =>
    namesRound && line.length <= lineMax && /episode/i.test(line) && episode.test(line.slice(0, headMax)),
  read({ line }) {
    const found = episode.exec(line.slice(0, headMax));
    if (found === null || statesSettings(line)) return null;
    const named = metricsIn(line.slice(found.index + found[0].length));
    return named.some(([name]) => namesMeasure(name)) ? pointsOf(named, Number(found[1]), false) : null;
  },
};

const episode =
  /(?:^|[-\]|:>] ?|\[|,\d{3} )(?:episode|ep)[ \t:#=]{0,3}\[?[ \t]{0,8}(\d{1,12})(?:[ \t]?\/[ \t]?\d{1,12})?\]?[\t ,:|;-]{1,6}(?=\D)/i;

/** The step of what is told of a whole epoch: null where the stream counts iterations. */
export function epochStep(epoch: string, { epochs }: TrainContext): number | null {
  return epochs === undefined ? Number(epoch) : null;
}
