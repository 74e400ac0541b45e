/**
 * The console of PaddlePaddle's `Model.fit` (hapi/progressbar.py, hapi/callbacks.py): `Epoch 1/2`, then with `verbose=2` a line every few iterations,
 * `step 10/80 - loss: 1.1840 - acc: 0.3906 - 7ms/step`, with `verbose=1` a bar, `step 80/80 [=====] - loss: …`, of which the last state counts; the same
 * between `Eval begin...` and `Eval samples: 256`. The step goes on over the epochs; an evaluation has that of the training before it, and its last line is
 * its result.
 */
import type { FactBody } from '../core/fact.ts';
import { metricsOf } from './keras.ts';
import { progressOf } from './progress-bar.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf } from './stated.ts';

const state =
  /^step {1,8}(\d{1,12})\/(\d{1,12}) (\[[=>.]{1,100}\] )?- .{1,4000} - (\d{1,9})(us|ms|s)\/step\s{0,400}$/;
const perSecond: Readonly<Record<string, number>> = { us: 1e6, ms: 1e3, s: 1 };
const begins = 'Eval begin...';
const ends = /^Eval samples: \d{1,12}$/;
const lineMax = 8192;

export const paddleHapiReader: FactReader = {
  format: 'PaddlePaddle, Model.fit',
  kinds: ['line', 'progress'],
  mayMatchLine: ({ line }) => isOfHapi(line),
  matches: ({ line }) => isOfHapi(line),
  read({ line }, context) {
    const found = state.exec(line);
    if (found !== null) return readState(line, found, context);
    if (line === begins) context.evaluates = true;
    else delete context.evaluates;
    return [];
  },
};

function isOfHapi(line: string): boolean {
  if (line.startsWith('step ')) return line.length <= lineMax && state.test(line);
  return line === begins || ends.test(line);
}

function readState(
  line: string,
  [, doneText, totalText, bar, time, unit = '']: RegExpExecArray,
  context: TrainContext,
): FactBody[] {
  const [done, total] = [Number(doneText), Number(totalText)];
  const { epoch, evaluates } = context;
  const seconds = Number(time) / (perSecond[unit] ?? 1);
  const label = epoch === undefined ? null : `Epoch ${epoch}`;
  const progress = progressOf({ label, done, total, rate: seconds > 0 ? 1 / seconds : null, etaMs: null });
  const isWhole = done === total;
  if (!isWhole && (evaluates === true || bar !== undefined)) return [progress];
  if (evaluates !== true && epoch !== undefined) context.round = (epoch - 1) * total + done;
  const pairs = metricsOf(line).map(([name, , text]): [string, string] => [name, text]);
  return [progress, ...pointsOf(pairs, context.round ?? null, evaluates === true)];
}
