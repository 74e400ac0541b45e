/**
 * scikit-learn's verbose output, of versions 1.0 to 1.9: `Iteration 1, loss = 0.51`, and below it `Validation score: 0.81`
 * (neural_network/_multilayer_perceptron.py); `-- Epoch 1`, then `Norm: 1.23, NNZs: 20, Bias: 0.1, T: 1000, Avg. loss: 0.52, Objective: 0.53`
 * (linear_model/_sgd_fast.pyx); `[1/5] 1 tree, 31 leaves, max depth = 8, train loss: 0.64, val loss: 0.66, in 0.1s`
 * (ensemble/_hist_gradient_boosting/gradient_boosting.py); `Iteration 0, inertia 1234.5.` (cluster/_kmeans.py). Its tables are read by
 * column-tables.ts.
 */
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';
import { pointsOf } from './stated.ts';
import { readNumber } from './numbers.ts';

const epoch = /^-- Epoch (\d{1,9})$/;
const iteration = /^Iteration (\d{1,9}), (?:(loss) = (\S{1,40})|(inertia) (\S{1,40}?)\.?)$/;
/** Of the epoch or iteration that was told before. */
const below = /^(?:Norm: .{0,200}, (?=Avg\. loss: )|(?=Validation score: ))/;
const rounds =
  /^\[(\d{1,9})\/\d{1,9}\] \d{1,9} trees?, \d{1,9} leaves(?: on average)?, max depth = \d{1,9}, (?=train |val )/;
const statement = /(Avg\. loss|Objective|Validation score|(?:train|val) (?:loss|score)): ([^\s,]{1,40})/g;

export const sklearnReader: FactReader = {
  format: 'scikit-learn',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isOfSklearn(line),
  matches: ({ line }) => isOfSklearn(line),
  read({ line }, context) {
    const begun = epoch.exec(line)?.[1];
    if (begun !== undefined) {
      context.round = Number(begun);
      return [];
    }
    const stated = iteration.exec(line);
    if (stated !== null) {
      const [, count = '', loss, lossText = '', inertia = '', inertiaText = ''] = stated;
      const text = loss === undefined ? inertiaText : lossText;
      const value = readNumber(text);
      if (value === null) return null;
      context.round = Number(count);
      return [printedPoint(context.round, loss ?? inertia, value, text)];
    }
    const round = rounds.exec(line)?.[1];
    const step = round === undefined ? context.round : Number(round);
    return step === undefined ? null : pointsOf(statementsIn(line), step, false);
  },
};

function* statementsIn(line: string): Generator<[name: string, text: string]> {
  for (const [, name = '', text = ''] of line.matchAll(statement)) yield [name, text];
}

const beginning = /^(?:-- Epoch |Iteration |Norm: |Validation score: |\[)/;

function isOfSklearn(line: string): boolean {
  return (
    beginning.test(line) &&
    (epoch.test(line) || iteration.test(line) || below.test(line) || rounds.test(line))
  );
}
