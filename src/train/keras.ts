/**
 * Keras' consoles (keras/utils/progbar.py, versions 2 and 3): `Epoch 1/4`, then a bar which is redrawn with running means over the epoch:
 * `32/32 ━━━━━━━━━━━━━━━━━━━━ 1s 18ms/step - accuracy: 0.0859 - loss: 4.1383`, or `32/32 [======] - 1s 18ms/step - loss: …`, or, with
 * `verbose=2`, one line: `32/32 - 1s - 18ms/step - loss: …`. Only its last state counts. A point's step is the epoch from 0 on, as in the
 * files of CSVLogger and of the TensorBoard callback. A bar without an epoch is of `evaluate` or `predict`: no points of the training.
 */
import type { FactBody } from '../core/fact.ts';
import { isMetricName } from './canonical.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader, TrainContext } from './reader.ts';

const epochLine = /^Epoch (\d{1,9})\/\d{1,9}\s*$/;
const bar =
  /^\s{0,12}(\d{1,12})\/(\d{1,12}|Unknown) (?:━{1,100} |\[[=>.]{1,100}\] - |- )(?:ETA: |\d{1,9}(?:[smu:]|h))/;
const stepTime = /(\d{1,9})(us|ms|s)\/(?:step|sample)/;
const perSecond = { us: 1e6, ms: 1e3, s: 1 } as const;
const metric = /^([A-Za-z_][\w ./@-]{0,127}): (\S{1,40})$/;
const lineMax = 8192;
const metricsMax = 256;

export const kerasReader: FactReader = {
  format: 'Keras',
  kinds: ['progress', 'line'],
  mayMatchLine: ({ line }) => isOfKeras(line),
  matches: ({ line }) => isOfKeras(line),
  read({ line }, context) {
    const epoch = epochLine.exec(line)?.[1];
    if (epoch === undefined) return readBar(line.slice(0, lineMax), context);
    context.epoch = Number(epoch);
    return [];
  },
};

function isOfKeras(line: string): boolean {
  return epochLine.test(line) || bar.test(line);
}

function readBar(line: string, context: TrainContext): FactBody[] {
  const [, done, total] = bar.exec(line) ?? [];
  const [, time, unit] = stepTime.exec(line) ?? [];
  const progress: FactBody = {
    kind: 'progress',
    step: Number(done),
    total: total === 'Unknown' ? null : Number(total),
    rate: Number(time) > 0 ? perSecond[unit as keyof typeof perSecond] / Number(time) : null,
    label: context.epoch === undefined ? null : `Epoch ${context.epoch}`,
  };
  if (context.epoch === undefined || done !== total) return [progress];
  const step = context.epoch - 1;
  delete context.epoch;
  return [progress, ...metricsOf(line).map((metric) => printedPoint(step, ...metric))];
}

/** What stands between ` - `, as `name: number`. */
export function metricsOf(line: string): [name: string, value: number, text: string][] {
  return line
    .split(' - ')
    .slice(0, metricsMax)
    .flatMap((part): [string, number, string][] => {
      const [, name = '', text = ''] = metric.exec(part.trim()) ?? [];
      const value = readNumber(text);
      return value === null || name === 'ETA' || !isMetricName(name) ? [] : [[name, value, text]];
    });
}
