/** Holds the project together: who may import whom, no dead files, nothing undocumented. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../src/config/schema.ts';
import { systemClock } from '../src/core/clock.ts';
import type { PointFact } from '../src/core/fact.ts';
import { createTrainGauges } from '../src/sinks/prometheus.ts';
import { createMetrics } from '../src/telemetry/metrics.ts';
import type { CanonicalName } from '../src/train/canonical.ts';
import { keyPathsOf, undocumented } from './structure/documented.ts';
import { deadFiles, importBreaches, processBreaches, deadExports } from './structure/rules.ts';
import { projectRoot, readSources } from './structure/source-files.ts';

const sources = readSources(['src']);
const metricsPage = readFileSync(join(projectRoot, 'docs', 'METRICS.md'), 'utf8');

describe('the files of src', () => {
  it('import only what their room may know', () => {
    expect(importBreaches(sources)).toEqual([]);
  });

  it('leave the process to main.ts', () => {
    expect(processBreaches(sources)).toEqual([]);
  });

  it('are all needed by main.ts', () => {
    expect(deadFiles(sources, 'src/main.ts')).toEqual([]);
  });

  it('export nothing that nobody uses', () => {
    expect(deadExports(sources, readSources(['src', 'test', 'bench']))).toEqual([]);
  });
});

describe('the documentation', () => {
  it('names every key of the configuration', () => {
    const page = readFileSync(join(projectRoot, 'docs', 'CONFIG.md'), 'utf8');
    const keys = keyPathsOf(configSchema);
    expect(keys).toContain('transport.kafka.brokers');
    expect(undocumented(keys, page)).toEqual([]);
  });

  it("names every metric of Caboose's own, and no other", () => {
    const names = ownNames(createMetrics().registry);
    expect(undocumented(names, metricsPage)).toEqual([]);
    expect(documentedNames().filter((name) => !isTrainName(name) && !names.includes(name))).toEqual([]);
  });

  it("names every metric of the training's, and no other", () => {
    const registry = new Registry();
    createTrainGauges({ registry, clock: systemClock }).take([
      ...Object.keys(canonicalNames).map((name) => point(name, name)),
      point('throughput', null),
    ]);
    const names = ownNames(registry);
    expect(names).toContain('caboose_train_loss');
    expect(undocumented(names, metricsPage)).toEqual([]);
    // Which measures of resources there are is for test/resources/documented.test.ts to say.
    const documented = documentedNames().filter((name) => name.startsWith('caboose_train_'));
    expect(documented.filter((name) => !names.includes(name))).toEqual([]);
  });
});

/** Complete by type: a canonical name more or less does not compile. */
const canonicalNames: Record<CanonicalName, true> = {
  loss: true,
  validation_loss: true,
  learning_rate: true,
  grad_norm: true,
  accuracy: true,
  validation_accuracy: true,
  perplexity: true,
  validation_perplexity: true,
  tokens_per_second: true,
  samples_per_second: true,
  loss_scale: true,
  mfu: true,
};

function ownNames(registry: Registry): string[] {
  return registry
    .getMetricsAsArray()
    .map(({ name }) => name)
    .filter((name) => name.startsWith('caboose_'));
}

function documentedNames(): string[] {
  return [...new Set(metricsPage.match(/\bcaboose_\w+/g))];
}

function isTrainName(name: string): boolean {
  return /^caboose_(?:train|resource)_/.test(name);
}

function point(name: string, canonical: string | null): PointFact {
  const now = systemClock.now();
  return {
    kind: 'point',
    id: `event-${name}`,
    event: 'event',
    run: 'run',
    attempt: 0,
    rank: 0,
    stream: 'stream',
    path: '/logs/train.log',
    start: 0,
    end: 1,
    time: now,
    observed: now,
    step: 1,
    name,
    canonical,
    value: 1,
  };
}
