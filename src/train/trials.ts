/**
 * Searches for hyperparameters, a line for each trial that ended: Optuna (study/study.py, `_log_completed_trial`; 5.0, run) `Trial 3 finished with value:
 * 0.97 and parameters: {'x': 1.2}. Best is trial 0 with value: 0.5.`, of several objectives `values: [0.9, 4.0]`, of named ones `{'loss': 0.97}`; before
 * version 2 `Finished trial#3 with value: 0.97 with parameters: …` and `Finished trial#3 resulted in value: 0.97. Current best …`. FLAML
 * (automl/automl.py; 2.7, run) counts on one line, `iteration 3, current learner lgbm`, and tells on another, ` at 0.4s,\testimator lgbm's best error=3.7e-03,\tbest
 * estimator rf's best error=1.2e-03`. The trial is the step.
 */
import type { FactBody } from '../core/fact.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf } from './stated.ts';

const lineMax = 8192;
const headMax = 256;
const optuna =
  /(?:^|[\]:] ?|- )(?:Trial (\d{1,9}) finished with values?: |Finished trial#(\d{1,9}) (?:with|resulted in) value: )/;
const single = /^([^\s{[]{1,40}?)(?: and parameters: | with parameters: |\. Current best )/;
const list = /^\[([^\]{}]{1,1024})\] and parameters: /;
const named = /^\{([^{}]{1,2048})\} and parameters: /;
const pair = /'([^']{1,100})': ([^\s,']{1,40})(?=, '|$)/g;
const flamlIteration = /\] \{\d{1,6}\} INFO - iteration (\d{1,9}), current learner \S{1,100}$/;
const flamlErrors =
  /\] \{\d{1,6}\} INFO - {1,3}at \S{1,20}s,\t(estimator \S{1,100}'s best error)=(\S{1,40}),\t(best estimator) \S{1,100}('s best error)=(\S{1,40})$/;

export const trialReader: FactReader = {
  format: 'Optuna, FLAML',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isOfSearch(line),
  matches: ({ line }) => isOfSearch(line),
  read: ({ line }, context) => (line.includes('} INFO - ') ? readFlaml(line, context) : readOptuna(line)),
};

function isOfSearch(line: string): boolean {
  if (line.length > lineMax) return false;
  return (
    (line.includes('inished ') && optuna.test(line.slice(0, headMax))) ||
    (line.includes('} INFO - ') && (flamlIteration.test(line) || flamlErrors.test(line)))
  );
}

function readOptuna(line: string): FactBody[] | null {
  const found = optuna.exec(line.slice(0, headMax));
  if (found === null) return null;
  const [head, trial, older] = found;
  const told = line.slice(found.index + head.length);
  const points = pointsOf(valuesIn(told), Number(trial ?? older), false);
  // Trials that run side by side end in any order: none of them tells of a restart.
  return points.length > 0 ? points.map((each) => ({ ...each, restart: 0 })) : null;
}

function valuesIn(told: string): [name: string, text: string][] {
  const value = single.exec(told)?.[1];
  if (value !== undefined) return [['value', value]];
  const values = list.exec(told)?.[1];
  if (values !== undefined) return values.split(', ', 64).map((text, i) => [`values[${i}]`, text]);
  const byName = named.exec(told)?.[1] ?? '';
  return Array.from(byName.matchAll(pair), ([, name = '', text = '']) => [name, text]);
}

function readFlaml(line: string, context: TrainContext): FactBody[] | null {
  const begun = flamlIteration.exec(line)?.[1];
  if (begun !== undefined) {
    context.round = Number(begun);
    return [];
  }
  const [, name = '', error = '', best = '', suffix = '', bestError = ''] = flamlErrors.exec(line) ?? [];
  return [
    [name, error],
    [best + suffix, bestError],
  ].flatMap(([of = '', text = '']) => {
    const value = readNumber(text);
    return value === null ? [] : [printedPoint(context.round ?? null, of, value, text)];
  });
}
