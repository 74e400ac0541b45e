import { describe, expect, it } from 'vitest';
import { routedOrigin } from '../../../src/commands/wiring/origin.ts';
import { routedPrefixes, router } from '../../../src/commands/wiring/routes.ts';
import { configSchema } from '../../../src/config/schema.ts';

const config = configSchema.parse({
  transport: { kafka: { brokers: ['127.0.0.1:9092'], topicPrefix: 'own' } },
  routes: [
    { when: { path: '**/eval/**' }, topicPrefix: 'own-eval', indexPrefix: 'own-eval' },
    { when: { path: '*.csv', labels: { team: 'vision' } }, indexPrefix: 'tables' },
    { when: { labels: { team: 'vision', tier: '1' } }, topicPrefix: 'vision' },
    { when: { labels: { team: 'vision' } }, topicPrefix: 'own-eval' },
  ],
});

describe('router', () => {
  it.each([
    ['/logs/eval/a.log', {}, { topicPrefix: 'own-eval', indexPrefix: 'own-eval' }],
    ['/logs/eval/deep/a.csv', { team: 'vision' }, { topicPrefix: 'own-eval', indexPrefix: 'own-eval' }],
    ['/logs/evaluation/a.log', {}, {}],
    ['/logs/a.csv', { team: 'vision' }, { indexPrefix: 'tables' }],
    ['/logs/a.csv', { team: 'speech' }, {}],
    ['/logs/a.log', { team: 'vision', tier: '1', more: 'x' }, { topicPrefix: 'vision' }],
    ['/logs/a.log', { team: 'vision', tier: '2' }, { topicPrefix: 'own-eval' }],
  ])('%s with %j goes to %j', (path, labels, expected) => {
    expect(router(config.routes)({ path, labels })).toEqual(expected);
  });

  it('names each prefix once', () => {
    expect(routedPrefixes(config, 'topicPrefix')).toEqual(['own-eval', 'vision']);
    expect(routedPrefixes(config, 'indexPrefix')).toEqual(['own-eval', 'tables']);
  });
});

it('the agent names the topic of every stream, also of one that no route speaks of', () => {
  const origin = { run: 'r', attempt: 0, rank: null, labels: {} };
  const originOf = routedOrigin(config, () => origin);
  expect(originOf('/logs/eval/a.log').topicPrefix).toBe('own-eval');
  expect(originOf('/logs/a.log').topicPrefix).toBe('own');
  const local = configSchema.parse({ transport: { local: {} } });
  expect(routedOrigin(local, () => origin)('/logs/a.log')).toEqual(origin);
});
