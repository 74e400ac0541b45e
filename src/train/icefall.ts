/**
 * icefall, of k2 and the next Kaldi (egs/…/train.py, with utils.py's MetricsTracker): `Epoch 1, batch 50, loss[loss=0.51, simple_loss=0.41, over
 * 5000.00 frames. ], tot_loss[loss=0.61, …, over 200000.00 frames. ], batch size: 12, lr: 1.00e-03`. Batches are counted in each epoch. What is in
 * `tot_loss` has `tot_` before its name, as in its TensorBoard files. Its `Epoch 1, validation: loss=0.4, …` has no step.
 */
import { isMetricName } from './canonical.ts';
import { isWithinRun } from './line-shapes.ts';
import type { LineReader } from './reader.ts';
import { named, placeOf } from './stated.ts';
import type { Finding, Statement } from './stated.ts';
import { statementsIn } from './statements.ts';

const head = /\bEpoch (\d{1,9}), (?:batch (\d{1,9})|(validation)(?: on \S{1,64})?(?=:)|(?=validation loss))/d;
const group = /(?:^|, |: )(\w{0,32}?)(?:_?loss)?\[([^\]]{1,2048})\]/g;
const headMax = 256;
const lineMax = 8192;

export const icefallReader: LineReader = {
  format: 'icefall',
  find: ({ line, namesRound }) =>
    namesRound && line.length <= lineMax && line.includes('frames') && line.includes('Epoch ')
      ? findStated(line)
      : null,
};

function findStated(line: string): Finding | null {
  const found = head.exec(line.slice(0, headMax));
  if (found === null) return null;
  const batch = placeOf(found, 2);
  const inGroups: Statement[] = [];
  const others: Statement[] = [];
  let at = found.index + found[0].length;
  const isOfLineAlone = isWithinRun(line, at);
  group.lastIndex = at;
  for (let part = group.exec(line); part !== null; part = group.exec(line)) {
    const [whole, of = '', inside = ''] = part;
    const end = part.index + whole.length;
    const prefix = of === '' || of === 'train' ? '' : `${of}_`;
    for (const each of statementsIn(line, end - 1 - inside.length, end - 1))
      inGroups.push({ ...each, name: prefix + each.name });
    others.push(...statementsIn(line, at, part.index));
    at = end;
  }
  others.push(...statementsIn(line, at));
  const stated = [...inGroups, ...others.filter(({ name }) => isMetricName(name) && name !== 'size')];
  return {
    counts: batch === null ? [] : [batch],
    statements: stated.map((each) => named(each, batch === null)),
    isOfLineAlone,
  };
}
