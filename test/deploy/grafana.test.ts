import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deployDir, readDeployFile, yamlDocuments } from './deploy-files.ts';
import type { Tree } from './deploy-files.ts';

interface Panel {
  id: number;
  type: string;
  title: string;
  datasource?: { uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string }[];
}

const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;

describe.each(['training.json', 'shipping.json'])('the dashboard %s', (file) => {
  const dashboard = JSON.parse(readDeployFile(`grafana/dashboards/${file}`)) as Tree;
  const panels = dashboard['panels'] as Panel[];
  const variables = dashboard['templating'].list as Tree[];
  const expressions = [
    ...panels.flatMap(({ targets }) => (targets ?? []).map(({ expr }) => expr)),
    ...variables.flatMap(({ definition }) => (definition === undefined ? [] : [definition as string])),
  ];

  it('uses only metrics that are documented', () => {
    const documented = readFileSync(`${deployDir}../docs/METRICS.md`, 'utf8');
    const used = new Set(expressions.flatMap((text) => text.match(/\bcaboose_\w+/g) ?? []));
    expect(used.size).toBeGreaterThan(10);
    for (const name of used) expect(documented).toContain(`\`${name.replace(/_bucket$/, '')}\``);
  });

  it('uses only variables that it has, and its own data source', () => {
    const known = new Set(['__range', ...variables.map(({ name }) => name as string)]);
    const named = [...JSON.stringify(dashboard).matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name);
    // `$__all` is the value that stands for all of them.
    known.add('__all');
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    for (const { type, datasource } of panels)
      expect(datasource?.uid).toBe(type === 'row' ? undefined : '${datasource}');
  });

  it('has panels with names of their own beside each other', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { title, gridPos } of panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x},${y}`), `${title} lies on another panel`).toBe(false);
          taken.add(`${x},${y}`);
        }
      }
    }
  });

  it.skipIf(!hasPromtool)('has expressions that Prometheus understands', () => {
    const rules = panels
      .flatMap(({ targets }) => targets ?? [])
      .map(({ expr }, at) => ({ record: `panel:${at}`, expr: expr.replace('$__range', '1h') }));
    const dir = mkdtempSync(join(tmpdir(), 'caboose-grafana-'));
    try {
      const path = join(dir, 'rules.yaml');
      writeFileSync(path, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
      const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', path], {
        encoding: 'utf8',
      });
      expect(`${stdout}${stderr}`).toContain(`${rules.length} rules found`);
      expect(status).toBe(0);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

it('compose finds the dashboards where it looks for them', () => {
  const grafana = yamlDocuments('compose.yaml')[0]!['services'].grafana as Tree;
  const [provider] = yamlDocuments('grafana/provisioning/dashboards/caboose.yaml')[0]!['providers'] as Tree[];
  const [source] = yamlDocuments('grafana/provisioning/datasources/prometheus.yaml')[0]![
    'datasources'
  ] as Tree[];
  expect(grafana['volumes']).toContain(`./grafana/dashboards:${provider!['options'].path}:ro`);
  expect(source!['url']).toBe('http://prometheus:9090');
});
