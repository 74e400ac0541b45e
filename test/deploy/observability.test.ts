import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { createTrainGauges } from '../../src/sinks/prometheus.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../fakes/clock.ts';
import { deployDir, readDeployFile, yamlDocuments } from './deploy-files.ts';
import type { Tree } from './deploy-files.ts';

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;
if (!hasPromtool) console.warn('promtool is not installed: rules and scrape configs are not checked');

/** What it has to say against its input: nothing, or all that it wrote. */
function complaints(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('promtool', args, {
    cwd: `${deployDir}prometheus`,
    encoding: 'utf8',
  });
  return status === 0 ? '' : `exit ${status}: ${stdout}${stderr}`;
}

describe.skipIf(!hasPromtool)('promtool', () => {
  it('accepts the rules', () => expect(complaints('check', 'rules', 'rules.yaml')).toBe(''));
  it('runs the tests of the rules', () => expect(complaints('test', 'rules', 'rules.test.yaml')).toBe(''));
  it('accepts the scrape config of compose', () =>
    expect(complaints('check', 'config', 'prometheus.yaml')).toBe(''));

  it('accepts the scrape config of Kubernetes', () => {
    const dir = mkdtempSync(join(tmpdir(), 'caboose-scrape-'));
    try {
      // Debian's promtool is built without the discovery of Kubernetes: its line is exchanged, the rest is checked.
      const text = readDeployFile('prometheus/kubernetes.yaml').replace(
        /kubernetes_sd_configs: .*/,
        'static_configs: []',
      );
      expect(text).toContain('static_configs');
      writeFileSync(
        join(dir, 'kubernetes.yaml'),
        text.replace('rules.yaml', `${deployDir}prometheus/rules.yaml`),
      );
      expect(complaints('check', 'config', join(dir, 'kubernetes.yaml'))).toBe('');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('the rules', () => {
  const groups = yamlDocuments('prometheus/rules.yaml')[0]!['groups'] as Tree[];
  const rules = groups.flatMap((group) => group['rules'] as Tree[]);

  it('use only metrics that Caboose has', async () => {
    const trainRegistry = new Registry();
    createTrainGauges({ registry: trainRegistry, clock: new FakeClock() });
    const names = new Set(
      [...createMetrics().registry.getMetricsAsArray(), ...trainRegistry.getMetricsAsArray()].map(
        ({ name }) => name,
      ),
    );
    const used = rules.flatMap(({ expr }) => (expr as string).match(/\bcaboose_\w+/g) ?? []);
    expect(used.length).toBeGreaterThan(10);
    const own = used.filter((name) => !/^caboose_train_(?:loss|step)$/.test(name));
    for (const name of own) expect([...names]).toContain(name.replace(/_(?:bucket|sum|count)$/, ''));
  });

  it('say what to do, are tested and documented', () => {
    const guide = readFileSync(`${deployDir}../docs/DEPLOY.md`, 'utf8');
    const tests = readDeployFile('prometheus/rules.test.yaml');
    const alerts = rules.filter((rule) => rule['alert'] !== undefined);
    for (const { alert, labels, annotations } of alerts) {
      expect(guide).toContain(`\`${alert}\``);
      expect(labels.severity).toMatch(/^(?:warning|critical)$/);
      expect(annotations.summary.length).toBeGreaterThan(10);
      expect(annotations.action.length).toBeGreaterThan(10);
    }
    const untested = alerts.filter(({ alert }) => !tests.includes(`alertname: ${alert}`));
    expect(untested).toEqual([]);
  });
});

describe('the saved objects of Kibana', () => {
  const objects = readDeployFile('kibana/saved-objects.ndjson')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Tree);
  const ids = new Set(objects.map(({ type, id }) => `${type}/${id}`));

  it('are unique, and refer to each other only', () => {
    expect(ids.size).toBe(objects.length);
    for (const { references } of objects) {
      for (const { type, id } of references as Tree[]) expect(ids).toContain(`${type}/${id}`);
    }
  });

  it('are data views with a time field, and searches whose source names its reference', () => {
    const views = objects.filter(({ type }) => type === 'index-pattern');
    for (const { attributes } of views) {
      expect(attributes.timeFieldName).toBe('@timestamp');
      expect(attributes.title).toMatch(/^caboose-(?:logs-\*|metrics-\*|incidents)$/);
    }
    const searches = objects.filter(({ type }) => type === 'search');
    for (const { attributes, references } of searches) {
      const source = JSON.parse(attributes.kibanaSavedObjectMeta.searchSourceJSON) as Tree;
      expect((references as Tree[]).map(({ name }) => name)).toEqual([source['indexRefName']]);
      expect(source['query'].language).toBe('kuery');
      expect(attributes.columns.length).toBeGreaterThan(2);
    }
    expect([views.length, searches.length]).toEqual([3, 3]);
  });
});
