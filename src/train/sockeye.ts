/**
 * Sockeye's lines of a checkpoint, of which the first one tells the updates so far, and the next ones what was measured: `Checkpoint [1]\tUpdates=1000 Epoch=1
 * Samples=64000 Time-cost=120.123 Updates/sec=8.325`, then `Checkpoint [1]\tTrain-perplexity=123.45` and `Checkpoint [1]\tValidation-perplexity=99.4`
 * (training.py, versions 1.18 to 3.1).
 */
import type { FactBody } from '../core/fact.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf } from './stated.ts';

const lineMax = 2048;
const checkpoint = /(?:^|\] )Checkpoint \[\d{1,9}\]\t(?:Updates=(\d{1,12}) |(?=Train-|Validation-))/;
const statement = /(?:^|\t)((?:Train|Validation)-[\w-]{1,60})=(\S{1,40})(?=\t|$)/g;

export const sockeyeReader: FactReader = {
  format: 'Sockeye',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isOfOne(line),
  matches: ({ line }) => isOfOne(line),
  read: ({ line }, context) => readCheckpoint(line, context),
};

function isOfOne(line: string): boolean {
  return line.length <= lineMax && line.includes('Checkpoint [');
}

function readCheckpoint(line: string, context: TrainContext): FactBody[] | null {
  const found = checkpoint.exec(line);
  if (found === null) return null;
  const [head, updates] = found;
  if (updates !== undefined) {
    context.round = Number(updates);
    return [];
  }
  const stated = line.slice(found.index + head.length).matchAll(statement);
  return pointsOf(
    Array.from(stated, ([, name = '', text = '']): [string, string] => [name, text]),
    context.round ?? null,
    false,
  );
}
