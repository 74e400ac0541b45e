import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { keyPaths } from '../../src/config/key-paths.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configSchema } from '../../src/config/schema.ts';

const secrets = Object.fromEntries(
  [
    'KAFKA_PASSWORD',
    'ELASTICSEARCH_API_KEY',
    'ZOOKEEPER_PASSWORD',
    'CABOOSE_TOKEN',
    'CABOOSE_METRICS_TOKEN',
  ].map((name) => [name, 'a-secret-of-some-length']),
);
const needs = {
  'agent.yaml': ['source', 'transport'],
  'indexer.yaml': ['transport', 'index', 'lease'],
  'two-clusters.yaml': ['source', 'transport', 'index', 'lease'],
  'up.yaml': ['source', 'transport', 'index'],
  'routed.yaml': ['source', 'transport', 'index', 'lease'],
  'secured.yaml': ['source', 'transport', 'index', 'lease'],
} as const;

describe('the example configs', () => {
  it.each(readdirSync('config').filter((name) => name.endsWith('.yaml')))('%s is valid', async (name) => {
    const required = Object.entries(needs).find(([file]) => file === name)?.[1];
    expect(required, 'say here what the example is for').toBeDefined();
    const env = { HOSTNAME: 'box', ...secrets };
    await expect(
      loadConfig({ file: `config/${name}`, cwd: process.cwd(), env, needs: required ?? [] }),
    ).resolves.toBeDefined();
  });
});

describe('docs/CONFIG.md', () => {
  const documented = [...readFileSync('docs/CONFIG.md', 'utf8').matchAll(/^\|\s*`([A-Za-z.]+)`/gm)].map(
    ([, key]) => key,
  );

  it('names every key', () => {
    const sections = new Set(['source', 'transport', 'index', 'lease']);
    expect(
      keyPaths(configSchema).filter((path) => !sections.has(path) && !documented.includes(path)),
    ).toEqual([]);
  });

  it('names no key that does not exist', () => {
    const known = keyPaths(configSchema);
    expect(documented.filter((key) => key !== undefined && !known.includes(key))).toEqual([]);
  });
});
