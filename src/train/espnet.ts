/**
 * ESPnet (espnet2/train/reporter.py): `1epoch:train:1-100batch: iter_time=0.1, loss=36.0, acc=0.5, optim0_lr0=1.0e-04, …` while it trains, and for a
 * whole epoch `1epoch results: [train] loss=30.2, …, time=10 minutes and 1.2 seconds, …, [valid] loss=25.1, …`, whose points have `train/` and `valid/`
 * before their names, as in its TensorBoard files, and the epoch for a step. Batches are counted in each epoch; FunASR
 * tells the updates as well, `2epoch:train:1-50batch:50num_updates: …`, which are the step then.
 */
import { isMetricName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import type { LineReader } from './reader.ts';
import { named, placeOf } from './stated.ts';
import type { Finding, NamedStatement } from './stated.ts';
import { statementsIn } from './statements.ts';

const head =
  /\b(\d{1,9})epoch(?::(\w{1,32}):\d{1,9}-(\d{1,9})batch:(?:(\d{1,12})num_updates:)? | results: (?=\[))/d;
const side = /\[(\w{1,32})\] ([^[\]]{1,4096})/g;
const headMax = 256;
const lineMax = 16 * 1024;

export const espnetReader: LineReader = {
  format: 'ESPnet',
  find: ({ line, namesRound }) =>
    namesRound && line.length <= lineMax && (line.includes('epoch:') || line.includes('epoch results: '))
      ? findStated(line)
      : null,
};

function findStated(line: string): Finding | null {
  const found = head.exec(line.slice(0, headMax));
  const epoch = found === null ? null : placeOf(found, 1);
  if (found === null || epoch === null) return null;
  const from = found.index + found[0].length;
  const batch = placeOf(found, 4) ?? placeOf(found, 3);
  if (batch !== null) return { counts: [batch], statements: metricsIn(line, from, line.length, '') };
  side.lastIndex = from;
  const statements: NamedStatement[] = [];
  for (let part = side.exec(line); part !== null; part = side.exec(line)) {
    const [whole, name = '', text = ''] = part;
    const end = part.index + whole.length;
    statements.push(...metricsIn(line, end - text.length, end, `${name}/`));
  }
  return { counts: [epoch], statements };
}

function metricsIn(line: string, from: number, to: number, prefix: string): NamedStatement[] {
  return statementsIn(line, from, to)
    .filter(({ name }) => isMetricName(name) && (namesMetric(name) || /(?:^|_)lr_?\d/.test(name)))
    .map((statement) => named({ ...statement, name: prefix + statement.name }, false));
}
