import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readCgroup } from '../../src/resources/cgroup.ts';
import { infinibandSource } from '../../src/resources/infiniband.ts';
import { machineSource } from '../../src/resources/machine.ts';
import { parseGpus } from '../../src/resources/nvidia-smi.ts';
import { filesOf, fixture, textsOf } from './fixture-text.ts';

it('names every measure in METRICS.md, and no other', async () => {
  const port = infinibandSource({
    readText: async (path) => (path.endsWith('state') ? '4: ACTIVE\n' : '1\n'),
    list: async (directory) => (directory.endsWith('ports') ? ['1'] : ['mlx5_0']),
  });
  const machine = machineSource({ readText: textsOf(filesOf('proc', '/proc')), exists: async () => true });
  const readings = [
    ...(await readCgroup(textsOf(filesOf('cgroup', '/cg')), '/cg')),
    ...(await machine.read()),
    ...(await port.read()),
    ...parseGpus(fixture('nvidia-smi/h100.csv')),
  ];
  const measures = readings.flatMap(({ group, values, counters }) =>
    [...Object.keys(values), ...Object.keys(counters)].map((name) => `caboose_resource_${group}_${name}`),
  );
  const page = readFileSync(join(import.meta.dirname, '../../docs/METRICS.md'), 'utf8');
  const told = (page.match(/\bcaboose_resource_\w+/g) ?? []).filter(
    (name) => !/_(?:series|dropped_points_total)$/.test(name),
  );
  expect([...new Set(told)].toSorted()).toEqual([...new Set(measures)].toSorted());
});
