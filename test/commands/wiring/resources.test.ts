import { expect, it } from 'vitest';
import { originResolver, laneResolver, routedOrigin } from '../../../src/commands/wiring/origin.ts';
import { readSegment } from '../../../src/commands/wiring/reading.ts';
import { withSamples } from '../../../src/commands/wiring/resources.ts';
import { sourcePatterns } from '../../../src/commands/wiring/tail.ts';
import { absolutePaths } from '../../../src/config/paths.ts';
import { configSchema } from '../../../src/config/schema.ts';
import type { RawConfig } from '../../../src/config/schema.ts';
import { kindLabel, resourcesKind } from '../../../src/core/resources.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';

const sample = '/logs/state/resources/run=my%2Erun/attempt=2/1795670000123.jsonl';

function rulesOf(source: RawConfig['source'], env: Record<string, string> = {}, more: RawConfig = {}) {
  const raw = { source: { include: ['/logs/**'], ...source }, state: { dir: '/logs/state' }, ...more };
  const config = absolutePaths(configSchema.parse(raw), '/');
  if (!config.source) throw new Error('no source');
  const patterns = sourcePatterns(config.source);
  const rules = withSamples(
    {
      patterns,
      laneOf: laneResolver(config.source),
      isSnapshot: () => true,
      originOf: originResolver(config.source, patterns.roots, env),
    },
    config,
    env,
  );
  return { ...rules, originOf: routedOrigin(config, rules.originOf) };
}

it('follows the samples, and nothing else of the state directory', () => {
  const { patterns } = rulesOf({});
  expect(patterns.roots).toContain('/logs/state/resources');
  expect(patterns.matches(sample)).toBe(true);
  expect(patterns.prunes('/logs/state/resources/run=my%2Erun')).toBe(false);
  expect(patterns.matches('/logs/train.log')).toBe(true);
  for (const other of [
    '/logs/state/cuts.journal',
    '/logs/state/resources/x.jsonl',
    '/logs/state/spool/1.jsonl',
  ])
    expect(patterns.matches(other)).toBe(false);
});

it('is told of samples, and of nothing else', () => {
  const { isTold } = rulesOf({});
  expect([sample, '/logs/state/resources', '/logs/state', '/logs/train.log'].map(isTold)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

it('looks for samples of earlier processes only where there are some, when none are taken', () => {
  const { patterns } = rulesOf({}, {}, { agent: { resources: { enabled: false } } });
  expect(patterns.roots).toEqual(['/logs']);
});

it('keeps the rules of all other files', () => {
  const { laneOf, isSnapshot, originOf } = rulesOf({ run: 'r' });
  expect([laneOf('/logs/train.log'), isSnapshot('/logs/a'), originOf('/logs/a').run]).toEqual([
    'bulk',
    true,
    'r',
  ]);
  expect([laneOf(sample), isSnapshot(sample)]).toEqual(['fast', false]);
});

it('takes run and attempt from the path, rank and labels from config and environment', () => {
  const { originOf } = rulesOf(
    {
      labels: { team: 'a' },
      pathPatterns: ['attempt={attempt}/', 'resources/{rank}'],
      run: 'other',
      attempt: 7,
    },
    { RANK: '3', POD_NAME: 'p' },
  );
  expect(originOf(sample)).toEqual({
    run: 'my.run',
    attempt: 2,
    rank: 3,
    labels: { team: 'a', pod: 'p', [kindLabel]: resourcesKind },
  });
});

it('sends samples where the labels of the run lead', () => {
  const { originOf } = rulesOf(
    { labels: { team: 'a' } },
    {},
    {
      transport: { kafka: { brokers: ['k:1'] } },
      routes: [{ when: { labels: { team: 'a' } }, topicPrefix: 'team-a' }],
    },
  );
  expect(originOf(sample)).toMatchObject({ topicPrefix: 'team-a' });
});

it('lets no user call a stream of its own a stream of samples', () => {
  const parsed = configSchema.safeParse({ source: { labels: { [kindLabel]: resourcesKind } } });
  expect(parsed.error?.issues[0]?.message).toContain("Caboose's own");
});

it('makes points of samples, and no events', () => {
  const text = '{"time":"2026-11-26T04:40:15.000Z","machine":{"load_1m":4}}\n';
  const options = { timeZone: 'UTC', now: 0 };
  const labels = { [kindLabel]: resourcesKind };
  const first = readSegment(null, carried(segmentOf(text, { labels })), options);
  const torn = readSegment(
    first.document,
    carried(segmentOf('{"time":', { labels, start: text.length })),
    options,
  );
  for (const { closed, open, openFacts, document } of [first, torn]) {
    expect([closed, open, openFacts, document.events]).toEqual([[], [], [], 0]);
  }
  expect(first.facts).toMatchObject([{ name: 'resource.machine.load_1m', value: 4, step: null, host: 'h' }]);
  expect(torn.facts).toEqual([]);
  expect(torn.document.end).toBe(text.length + 8);
});
