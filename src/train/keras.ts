/**
 * Keras' consoles (keras/utils/progbar.py, versions 2 and 3): `Epoch 1/4`, then a bar which is redrawn with running means over the epoch:
 * `32/32 ━━━━━━━━━━━━━━━━━━━━ 1s 18ms/step - accuracy: 0.0859 - loss: 4.1383`, or `32/32 [======] - 1s 18ms/step - loss: …`, or, with
 * `verbose=2`, one line: `32/32 - 1s - 18ms/step - loss: …`. Only its last state counts. A point's step is the epoch from 0 on, as in the
 * files of CSVLogger and of the TensorBoard callback. A bar without an epoch is of `evaluate` or `predict`: no points of the training;
 * or, with metrics of a validation, of a training of one epoch.
 *
 * What a callback prints at the end of an epoch stands before the bar's last state, which then is another bar of the same count: the one before says
 * which time is left, not which it took. In version 3 both look alike where an epoch takes less than a second: then the second one adds only what the
 * first has not (`val_loss`).
 */
import type { FactBody } from '../core/fact.ts';
import { isMetricName } from './canonical.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader, TrainContext } from './reader.ts';

const epochLine = /^Epoch (\d{1,9})\/\d{1,9}\s*$/;
const bar =
  /^\s{0,12}(\d{1,12})\/(\d{1,12}|Unknown) (?:━{1,100} |\[[=>.]{1,100}\] - |- |(?<=Unknown ))(?:(ETA: )|(\d{1,9})(?:[smu:]|h))/;
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
    delete context.ended;
    return [];
  },
};

function isOfKeras(line: string): boolean {
  return epochLine.test(line) || bar.test(line);
}

function readBar(line: string, context: TrainContext): FactBody[] {
  const [, done, total, left, shown] = bar.exec(line) ?? [];
  const [, time, unit] = stepTime.exec(line) ?? [];
  const rate = Number(time) > 0 ? perSecond[unit as keyof typeof perSecond] / Number(time) : null;
  const { epoch } = context;
  const progress: FactBody = {
    kind: 'progress',
    step: Number(done),
    total: total === 'Unknown' ? null : Number(total),
    rate,
    label: epoch === undefined ? null : `Epoch ${epoch}`,
  };
  // What takes longer than is shown shows the time that is left.
  const isLeft = left !== undefined || (shown === '0' && rate !== null && Number(done) > rate + 1);
  if (done !== total || isLeft) return [progress];
  const metrics = metricsOf(line);
  const ended = endedBy(metrics, Number(total), context);
  delete context.epoch;
  delete context.ended;
  if (ended === null) return [progress];
  context.ended = { ...ended, names: metrics.map(([name]) => name) };
  const added = metrics.filter(([name]) => !ended.names.includes(name));
  return [progress, ...added.map((metric) => printedPoint(ended.step, ...metric))];
}

type Metric = [name: string, value: number, text: string];

/** The epoch whose bar is whole, and what was read of it; null: it is of no training. */
function endedBy(metrics: readonly Metric[], total: number, { epoch, ended }: TrainContext): Ended | null {
  if (epoch !== undefined) return { step: epoch - 1, total, names: [] };
  if (ended?.total === total && metrics.some(([name]) => !ended.names.includes(name))) return ended;
  // A training of one epoch does not say that it begins.
  return metrics.some(([name]) => name.startsWith('val_')) ? { step: 0, total, names: [] } : null;
}

type Ended = NonNullable<TrainContext['ended']>;

/** What stands between ` - `, as `name: number`. */
export function metricsOf(line: string): Metric[] {
  return line
    .split(' - ')
    .slice(0, metricsMax)
    .flatMap((part): Metric[] => {
      const [, name = '', text = ''] = metric.exec(part.trim()) ?? [];
      const value = readNumber(text);
      return value === null || name === 'ETA' || !isMetricName(name) ? [] : [[name, value, text]];
    });
}
