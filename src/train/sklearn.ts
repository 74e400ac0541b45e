/**
 * scikit-learn's verbose output over lines: `-- Epoch 1`, then `Norm: 1.23, NNZs: 20, Bias: 0.1, T: 1000, Avg. loss: 0.52` (linear_model/_sgd_fast.pyx),
 * whose step is the epoch; `Iteration 0, inertia 1234.5.` (cluster/_kmeans.py). Its tables are read by column-tables.ts.
 */
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const epochLine = /^-- Epoch (\d{1,9})$/;
const norm = /^Norm: .{0,200}, (Avg\. loss): (\S{1,40})$/;
const inertia = /^Iteration (\d{1,9}), (inertia) (\S{1,40}?)\.?$/;

export const sklearnReader: FactReader = {
  format: 'scikit-learn',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isOfSklearn(line),
  matches: ({ line }) => isOfSklearn(line),
  read({ line }, context) {
    const epoch = epochLine.exec(line)?.[1];
    if (epoch !== undefined) {
      context.sgdEpoch = Number(epoch);
      return [];
    }
    const [, iteration, of, at = ''] = inertia.exec(line) ?? [];
    const [, name = of ?? '', text = at] = norm.exec(line) ?? [];
    const value = readNumber(text);
    const step = iteration === undefined ? (context.sgdEpoch ?? null) : Number(iteration);
    return value === null ? [] : [printedPoint(step, name, value, text)];
  },
};

function isOfSklearn(line: string): boolean {
  return (
    (line.startsWith('-- Epoch') && epochLine.test(line)) ||
    (line.startsWith('Norm: ') && norm.test(line)) ||
    (line.startsWith('Iteration ') && inertia.test(line))
  );
}
