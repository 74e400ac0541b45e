/**
 * scikit-learn's verbose output, of versions 1.0 to 1.9: `Iteration 1, loss = 0.51`, and below it `Validation score: 0.81`
 * (neural_network/_multilayer_perceptron.py); `-- Epoch 1`, then `Norm: 1.23, NNZs: 20, Bias: 0.1, T: 1000, Avg. loss: 0.52, Objective: 0.53`
 * (linear_model/_sgd_fast.pyx); `[1/5] 1 tree, 31 leaves, max depth = 8, train loss: 0.64, val loss: 0.66, in 0.1s`
 * (ensemble/_hist_gradient_boosting/gradient_boosting.py); `Iteration 0, inertia 1234.5.` and `Minibatch step 2/14: mean batch inertia: 3.42, ewa
 * inertia: 3.42` (cluster/_kmeans.py; `cost` in decomposition/_nmf.py); `iteration: 1 of max_iter: 3, perplexity: 6.3352` (decomposition/_lda.py);
 * `[BernoulliRBM] Iteration 1, pseudo-likelihood = -3.24, time = 0.01s` (neural_network/_rbm.py). Its tables are read by column-tables.ts.
 */
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';
import type { FactBody } from '../core/fact.ts';
import { pointsOf } from './stated.ts';
import { readNumber } from './numbers.ts';

const epoch = /^-- Epoch (\d{1,9})$/;
const iteration = /^Iteration (\d{1,9}), (?:(loss) = (\S{1,40})|(inertia) (\S{1,40}?)\.?)$/;
/** Of the epoch or iteration that was told before. */
const below = /^(?:Norm: .{0,200}, (?=Avg\. loss: )|(?=Validation score: ))/;
const rounds =
  /^\[(\d{1,9})\/\d{1,9}\] \d{1,9} trees?, \d{1,9} leaves(?: on average)?, max depth = \d{1,9}, (?=train |val )/;
const counted =
  /^(?:Minibatch step (\d{1,9})\/(\d{1,9}): (?=mean batch )|iteration: (\d{1,9}) of max_iter: (\d{1,9}), (?=perplexity: )|\[BernoulliRBM\] Iteration (\d{1,9}), (?=pseudo-likelihood = ))/;
const measured =
  /((?:mean batch|ewa) (?:inertia|cost)|perplexity|pseudo-likelihood)(?:: | = )([^\s,]{1,40})/g;
const statement = /(Avg\. loss|Objective|Validation score|(?:train|val) (?:loss|score)): ([^\s,]{1,40})/g;

export const sklearnReader: FactReader = {
  format: 'scikit-learn',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isOfSklearn(line),
  matches: ({ line }) => isOfSklearn(line),
  read({ line }, context) {
    const counts = counted.exec(line);
    if (counts !== null) return readCounted(line, counts);
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
    return step === undefined ? null : pointsOf(statementsIn(line, statement), step, false);
  },
};

function readCounted(line: string, [, batch, batches, pass, passes, round]: RegExpExecArray): FactBody[] {
  const last = batches ?? passes;
  const points = pointsOf(statementsIn(line, measured), Number(batch ?? pass ?? round), false);
  return last === undefined ? points : points.map((each) => ({ ...each, total: Number(last) }));
}

function* statementsIn(line: string, pattern: RegExp): Generator<[name: string, text: string]> {
  for (const [, name = '', text = ''] of line.matchAll(pattern)) yield [name, text];
}

const beginning =
  /^(?:-- Epoch |Iteration |Norm: |Validation score: |\[|Minibatch step |iteration: \d{1,9} of )/;

function isOfSklearn(line: string): boolean {
  return (
    beginning.test(line) &&
    (epoch.test(line) || iteration.test(line) || below.test(line) || rounds.test(line) || counted.test(line))
  );
}
