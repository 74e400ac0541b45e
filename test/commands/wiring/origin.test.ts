import { expect, it } from 'vitest';
import { laneResolver, originResolver } from '../../../src/commands/wiring/origin.ts';
import { configSchema } from '../../../src/config/schema.ts';

const source = configSchema.parse({ source: { include: ['/logs/**'] } }).source ?? expect.fail('no source');

it.each([
  ['/logs/metrics.jsonl', 'fast'],
  ['/logs/a/b/stderr.log', 'fast'],
  ['/logs/events.out.tfevents.1700000000.host', 'fast'],
  ['/logs/job.err', 'fast'],
  ['/logs/wandb/run-1/run-1.wandb', 'fast'],
  ['/logs/mlruns/0/f8396f04dd934dd99c008a87c986e077/metrics/train/loss', 'fast'],
  ['/logs/.hidden.csv', 'fast'],
  ['/logs/train.log', 'bulk'],
  ['/stderr/train.log', 'bulk'],
])('%s goes by the %s lane', (path, lane) => expect(laneResolver(source)(path)).toBe(lane));

it('matches a pattern with a slash against the whole path', () => {
  const laneOf = laneResolver({ ...source, lanes: { fast: ['/logs/hot/**'] } });
  expect([laneOf('/logs/hot/a/b.log'), laneOf('/logs/cold/b.log')]).toEqual(['fast', 'bulk']);
});

it('names a run after the deepest directory that is followed', () => {
  const originOf = originResolver(source, ['/logs', '/logs/deep'], {});
  expect(originOf('/logs/a/b/train.log').run).toBe('logs');
  expect(originOf('/logs/deep/train.log').run).toBe('deep');
  expect(originOf('/logs/deeper/train.log').run).toBe('logs');
});

it('names a run after the directory of a single file', () => {
  expect(originResolver(source, [import.meta.filename], {})(import.meta.filename).run).toBe('wiring');
});
