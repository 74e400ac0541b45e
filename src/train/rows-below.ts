/**
 * Rows of names and numbers below a line that counts. PyMARL and EPyMARL (utils/logging.py, `print_recent_stats`): `[INFO 12:00:00] my_main Recent Stats |
 * t_env:      10027 | Episode:      100`, then cells of 33 characters, four in a row, `ep_length_mean:           26.5000\tepsilon:                   0.8100`.
 * RecBole (trainer/trainer.py; 1.2, run): `valid result: `, then `recall@5 : 0.025    mrr@5 : 0.005`, of the epoch whose training was told last.
 */
import type { FactBody } from '../core/fact.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf } from './stated.ts';

const lineMax = 4096;
const cellsMax = 64;
const stats = /(?:^|\s)Recent Stats \| t_env: {1,10}(\d{1,15}) \| Episode: {1,8}\d{1,12}$/;
const result = /(?:^|\s)(?:valid|test) result: ?$/;
const statsCell = /^(?=.{33})([\w./-]{1,100}): {0,32}([\d.e+-]{1,40}|nan|inf|-inf)$/;
const resultCell = /^([\w@./-]{1,100}) : ([\d.e+-]{1,40}|nan|inf|-inf)$/;
const startsCell = /^[\w@./-]{1,100}(?::| : ) {0,32}[\d.ni+-]/;

export const rowsBelowReader: FactReader = {
  format: 'PyMARL, RecBole',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isOfRows(line),
  matches: ({ line }) => isOfRows(line),
  read: ({ line }, context) => readHead(line, context) ?? readRow(line, context),
};

function isOfRows(line: string): boolean {
  if (line.length > lineMax) return false;
  if (!line.includes(':')) return false;
  if (startsCell.test(line) && (line.includes(' : ') || line.includes(':  '))) return true;
  if (line.includes('Recent Stats')) return stats.test(line);
  return line.includes(' result:') && result.test(line);
}

function readHead(line: string, context: TrainContext): FactBody[] | null {
  const step = stats.exec(line)?.[1];
  if (step !== undefined) {
    context.below = { step: Number(step), kind: 'stats' };
    return [];
  }
  if (!result.test(line)) return null;
  context.below = { step: context.counted ?? null, kind: 'result' };
  return [];
}

function readRow(line: string, context: TrainContext): FactBody[] | null {
  const { below } = context;
  if (below?.kind !== 'stats' && below?.kind !== 'result') return null;
  const isOfStats = below.kind === 'stats';
  const row = isOfStats ? line.replace(/\t$/, '') : line.trimEnd();
  const cells = row.split(isOfStats ? '\t' : '    ', cellsMax).map((cell) => {
    const [, name, text = ''] = (isOfStats ? statsCell : resultCell).exec(cell) ?? [];
    return name === undefined ? null : ([name, text] as [string, string]);
  });
  const stated = cells.filter((cell) => cell !== null);
  const isRow = stated.length === cells.length;
  // A result is one row, stats end where something else is told.
  if (!isOfStats || !isRow) delete context.below;
  return isRow ? pointsOf(stated, below.step, !isOfStats) : null;
}
