/**
 * icefall, of k2 and the next Kaldi (egs/…/train.py, with utils.py's MetricsTracker): `Epoch 1, batch 50, loss[loss=0.51, simple_loss=0.41, over
 * 5000.00 frames. ], tot_loss[loss=0.61, …, over 200000.00 frames. ], batch size: 12, lr: 1.00e-03`. Batches are counted in each epoch. What is in
 * `tot_loss` has `tot_` before its name, as in its TensorBoard files. Its `Epoch 1, validation: loss=0.4, …` has no step.
 */
import { isMetricName } from './canonical.ts';
import type { FactReader } from './reader.ts';
import { pointsOf } from './separated-statements.ts';
import { statementsIn } from './statements.ts';

const head = /\bEpoch (\d{1,9}), (?:batch (\d{1,9})|(validation)(?: on \S{1,64})?(?=:)|(?=validation loss))/;
const group = /(?:^|, |: )(\w{0,32}?)(?:_?loss)?\[([^\]]{1,2048})\]/g;
const headMax = 256;
const lineMax = 8192;

export const icefallReader: FactReader = {
  format: 'icefall',
  kinds: ['line'],
  matches: ({ line, namesRound }) =>
    namesRound &&
    line.length <= lineMax &&
    line.includes('frames') &&
    line.includes('Epoch ') &&
    head.test(line.slice(0, headMax)),
  read({ line }) {
    const found = head.exec(line.slice(0, headMax));
    if (found === null) return null;
    const rest = line.slice(found.index + found[0].length);
    const named: [name: string, text: string][] = [];
    for (const [, of = '', inside = ''] of rest.matchAll(group)) {
      const prefix = of === '' || of === 'train' ? '' : `${of}_`;
      for (const [name, , text] of statementsIn(inside)) named.push([prefix + name, text]);
    }
    for (const [name, , text] of statementsIn(rest.replaceAll(group, '')))
      if (isMetricName(name) && name !== 'size') named.push([name, text]);
    return pointsOf(named, found[2] === undefined ? null : Number(found[2]), found[2] === undefined);
  },
};
