/**
 * Consoles of reinforcement learning that count on one line and tell on the next: rl_games (common/a2c_common.py, print_statistics;
 * so Isaac Gym and Isaac Lab) `fps step: 112918 fps step and policy inference: 104337 fps total: 78179 epoch: 1/150 frames: 65536`, then
 * `saving next best rewards:  [5771.39]`; Sample Factory (algo/runners/runner.py) `Fps is (10 sec: 20070.1, …). Total num frames: 81920. …`, then `Avg episode
 * reward: [(0, '4.567')]`; Dopamine (discrete_domains/run_experiment.py) `Starting iteration 0`, then `Average undiscounted return per training episode: 12.34`.
 *
 * Steps are frames, as in their TensorBoard files, and where rl_games before version 1.5 prints none, its epochs; Dopamine's are iterations.
 */
import type { FactBody } from '../core/fact.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader, TrainContext } from './reader.ts';

const lineMax = 1024;
const statistics =
  /^fps step: ([\d.]{1,20}) fps step and policy inference: ([\d.]{1,20}) {1,2}fps total: ([\d.]{1,20}) epoch: (\d{1,12})(?:\/(\d{1,12}))?(?: frames: (\d{1,18})(?:\/(\d{1,18}))?)?$/;
const rates = ['fps step', 'fps step and policy inference', 'fps total'];
const best = /^saving next (best rewards): {1,2}\[?([^\s[\]]{1,40})\]?$/;
const frames = /(?:^|\] |- )Fps is [\d(].{0,120}\. Total num frames: (\d{1,18})\. Throughput: /;
const rewards = /(?:^|\] |- )(Avg episode (?:reward|cost)): \[(.{0,400})\]$/;
const ofPolicy = /\((\d{1,4}), '([^']{1,40})'\)|'(\d{1,4}): ([^']{1,40})'/g;
const iteration = /\] Starting iteration (\d{1,12})$/;
const averages =
  /\] (Average (?:undiscounted return per (?:training|evaluation) episode|training steps per second)): (\S{1,40})$/;

export const reinforcementReader: FactReader = {
  format: 'rl_games, Sample Factory, Dopamine',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isOfLoop(line),
  matches: ({ line }) => isOfLoop(line),
  read: ({ line }, context) =>
    readStatistics(line, context) ?? readCount(line, context) ?? readMeasured(line, context),
};

const words =
  /^fps step: |^saving next best rewards|Fps is |Avg episode |Starting iteration |Average (?:undisc|training)/;

function isOfLoop(line: string): boolean {
  return line.length <= lineMax && words.test(line);
}

function readStatistics(line: string, context: TrainContext): FactBody[] | null {
  const [, step, inference, total, epoch, epochs, done, all] = statistics.exec(line) ?? [];
  if (epoch === undefined) return null;
  const count = Number(done ?? epoch);
  const last = done === undefined ? epochs : all;
  context.round = count;
  return [step, inference, total].flatMap((text = '', i) => {
    const value = readNumber(text);
    if (value === null) return [];
    const point = printedPoint(count, rates[i] ?? '', value, text);
    return [last === undefined ? point : { ...point, total: Number(last) }];
  });
}

/** A line that does no more than to count. */
function readCount(line: string, context: TrainContext): FactBody[] | null {
  const count = frames.exec(line)?.[1];
  if (count !== undefined) {
    context.round = Number(count);
    return [{ kind: 'progress', step: context.round, total: null, rate: null, label: null }];
  }
  const begun = iteration.exec(line)?.[1];
  if (begun === undefined) return null;
  context.round = Number(begun);
  return [];
}

function readMeasured(line: string, { round }: TrainContext): FactBody[] | null {
  const [, name = '', text = ''] = best.exec(line) ?? averages.exec(line) ?? [];
  const value = readNumber(text);
  if (value !== null) return [printedPoint(round ?? null, name, value, text)];
  const [, reward, list = ''] = rewards.exec(line) ?? [];
  if (reward === undefined) return null;
  return [...list.matchAll(ofPolicy)].flatMap(([, policy, mean, before, old]) => {
    const printed = mean ?? old ?? '';
    const number = readNumber(printed);
    const which = Number(policy ?? before);
    const named = which === 0 ? reward : `${reward} of policy ${which}`;
    return number === null ? [] : [printedPoint(round ?? null, named, number, printed)];
  });
}
