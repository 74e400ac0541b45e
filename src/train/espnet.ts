/**
 * ESPnet (espnet2/train/reporter.py): `1epoch:train:1-100batch: iter_time=0.1, loss=36.0, acc=0.5, optim0_lr0=1.0e-04, …` while it trains, and for a
 * whole epoch `1epoch results: [train] loss=30.2, …, time=10 minutes and 1.2 seconds, …, [valid] loss=25.1, …`, whose points have `train/` and `valid/`
 * before their names, as in its TensorBoard files, and the epoch for a step. Batches are counted in each epoch; FunASR
 * tells the updates as well, `2epoch:train:1-50batch:50num_updates: …`, which are the step then.
 */
import type { FactBody } from '../core/fact.ts';
import { isMetricName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import type { FactReader } from './reader.ts';
import { pointsOf } from './separated-statements.ts';
import { statementsIn } from './statements.ts';

const head =
  /\b(\d{1,9})epoch(?::(\w{1,32}):\d{1,9}-(\d{1,9})batch:(?:(\d{1,12})num_updates:)? | results: (?=\[))/;
const side = /\[(\w{1,32})\] ([^[\]]{1,4096})/g;
const headMax = 256;
const lineMax = 16 * 1024;

export const espnetReader: FactReader = {
  format: 'ESPnet',
  kinds: ['line'],
  matches: ({ line, namesRound }) =>
    namesRound && line.length <= lineMax && line.includes('epoch') && head.test(line.slice(0, headMax)),
  read({ line }) {
    const found = head.exec(line.slice(0, headMax));
    if (found === null) return null;
    const [whole, epoch, , batch, updates] = found;
    const rest = line.slice(found.index + whole.length);
    if (batch !== undefined) return pointsIn(rest, '', Number(updates ?? batch));
    return [...rest.matchAll(side)].flatMap(([, name = '', text = '']) =>
      pointsIn(text, `${name}/`, Number(epoch)),
    );
  },
};

function pointsIn(text: string, prefix: string, step: number): FactBody[] {
  const named = statementsIn(text).flatMap(([name, , value]): [string, string][] =>
    isMetricName(name) && (namesMetric(name) || /(?:^|_)lr_?\d/.test(name)) ? [[prefix + name, value]] : [],
  );
  return pointsOf(named, step, false);
}
