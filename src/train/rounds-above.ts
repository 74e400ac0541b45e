/**
 * Lines that state what was measured in a round which a line above them has counted. Flower (flwr 1.42, run; server/server.py, serverapp/strategy/strategy.py): `[ROUND 1/3]`,
 * then `└──> Aggregated MetricRecord: {'train_loss': 0.5}`; before 1.2x `fit progress: (1, 1.5, {'accuracy': 0.1}, 0.21)`, and for what clients have evaluated
 * `History (loss, distributed):`, then `round 1: 4.0`. FuxiCTR (pytorch/models/rank_model.py): `************ Epoch=1 start ************`, then `Train loss: 0.451`,
 * `Evaluation @epoch 1 - batch 1000: `, `[Metrics] AUC: 0.801 - logloss: 0.441`. luz, of torch for R (callbacks.R): Keras' `Epoch 1/5`, then `Train metrics: Loss:
 * 0.33 - Acc: 0.90` and `Valid metrics: …`.
 */
import type { FactBody } from '../core/fact.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf } from './stated.ts';

const lineMax = 4096;
const round = /^INFO ?: {1,8}\[ROUND (\d{1,9})(?:\/\d{1,9})?\]$/;
const initial =
  /(?:^INFO ?: {1,8}|\| )(?:initial parameters \(loss, other metrics\): ([^\s,]{1,40}), |Initial global evaluation results: )(\{[^{}]{0,2048}\})$/;
const progress =
  /(?:^INFO ?: {1,8}|\| )fit progress: \((\d{1,9}), ([^\s,]{1,40}), (\{[^{}]{0,2048}\}), [\d.]{1,32}\)$/;
const gathered = /^INFO ?: {1,8}└──> (Aggregated )?MetricRecord: (\{[^{}]{1,2048}\})$/;
const history = /^INFO ?: {1,8}History \((loss|metrics), (distributed|centralized)(?:, \w{1,16})?\):$/;
const ofHistory = /^INFO ?: {1,8}round (\d{1,9}): (\S{1,40})$/;
const start = / INFO \*{8,} Epoch=(\d{1,9}) (start|end) \*{8,}$/;
const evaluated = / INFO Evaluation @epoch (\d{1,9}) - batch \d{1,12}: ?$/;
const ended = / INFO (?:Training finished\.|Load best model: )/;
const trainLoss = / INFO (Train loss): (\S{1,40})$/;
const metrics = / INFO (?:\[\w{1,64}\] )?\[Metrics\] (?=\w)/;
const luz = /^(Train|Valid) metrics: (?=[A-Z])/;
const pair = /'([^']{1,100})': ([^\s,'{}]{1,40})(?=[,}])/g;
const dashed = /(?:^| - )([A-Za-z]\w{0,63}): (\S{1,40})(?= - |$)/g;
const ofFlower =
  /^INFO ?:[\t ]{1,12}(?:\[ROUND|initial|Initial global|fit progress|└──>|History \(|round \d)/;
const olderFlower = ['| fit progress: (', '| initial parameters '];
const info = ' INFO ';
const ofFuxi =
  /\*{8}|Evaluation @epoch|Training finished|Load best model: |Train loss: |(?:\[\w{1,64}\] )?\[Metrics\] /y;

export const roundsAboveReader: FactReader = {
  format: 'Flower, FuxiCTR, luz',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isOfRound(line),
  matches: ({ line }) => isOfRound(line),
  read: ({ line }, context) =>
    readFlower(line.replaceAll('\t', ''), context) ?? readFuxi(line, context) ?? readLuz(line, context),
};

function isOfRound(line: string): boolean {
  if (line.length > lineMax) return false;
  if (line.startsWith('INFO')) return ofFlower.test(line) || isOfOlderFlower(line);
  const at = line.indexOf(info);
  if (at >= 0) {
    ofFuxi.lastIndex = at + info.length;
    return ofFuxi.test(line) || isOfOlderFlower(line);
  }
  return line.includes(' metrics: ') && luz.test(line);
}

function isOfOlderFlower(line: string): boolean {
  return olderFlower.some((words) => line.includes(words));
}

function readFlower(line: string, context: TrainContext): FactBody[] | null {
  const begun = round.exec(line)?.[1];
  if (begun !== undefined) {
    context.round = Number(begun);
    return [];
  }
  const [, firstLoss, first] = initial.exec(line) ?? [];
  if (first !== undefined) return ofRound(0, firstLoss, first);
  const [, done, loss, others] = progress.exec(line) ?? [];
  if (others !== undefined) return ofRound(Number(done), loss, others);
  const [, isOfClients, record] = gathered.exec(line) ?? [];
  if (record !== undefined)
    return pointsOf(pairsIn(record), context.round ?? null, isOfClients === undefined);
  return readHistory(line, context);
}

/** What the server has evaluated. */
function ofRound(step: number, loss: string | undefined, others: string): FactBody[] {
  const stated = pairsIn(others);
  return pointsOf(loss === undefined ? stated : [['loss', loss], ...stated], step, true);
}

/** Of the losses at the end, those of the server were told before. */
function readHistory(line: string, context: TrainContext): FactBody[] | null {
  const [, what, where] = history.exec(line) ?? [];
  if (what !== undefined) {
    context.below = { step: null, kind: what === 'loss' && where === 'distributed' ? 'losses' : 'told' };
    return [];
  }
  const [, of, text = ''] = ofHistory.exec(line) ?? [];
  if (of === undefined || context.below === undefined) return null;
  return context.below.kind === 'losses' ? pointsOf([['losses_distributed', text]], Number(of), true) : [];
}

function readFuxi(line: string, context: TrainContext): FactBody[] | null {
  const [, epoch, edge] = start.exec(line) ?? [];
  const current = edge === 'end' ? Number(epoch) + 1 : Number(epoch ?? evaluated.exec(line)?.[1] ?? NaN);
  if (!Number.isNaN(current)) {
    context.round = current;
    return [];
  }
  if (ended.test(line)) {
    delete context.round;
    return [];
  }
  if (context.round === undefined) return null;
  const [, name, loss = ''] = trainLoss.exec(line) ?? [];
  if (name !== undefined) return pointsOf([[name, loss]], context.round, false);
  const found = metrics.exec(line);
  return found === null
    ? null
    : pointsOf(dashedIn(line.slice(found.index + found[0].length)), context.round, true);
}

function readLuz(line: string, { epoch }: TrainContext): FactBody[] | null {
  const found = luz.exec(line);
  if (found === null || epoch === undefined) return null;
  return pointsOf(dashedIn(line.slice(found[0].length)), epoch, found[1] === 'Valid');
}

function pairsIn(dict: string): [name: string, text: string][] {
  return Array.from(dict.matchAll(pair), ([, name = '', text = '']) => [name, text]);
}

function dashedIn(text: string): [name: string, text: string][] {
  return Array.from(text.matchAll(dashed), ([, name = '', value = '']) => [name, value]);
}
