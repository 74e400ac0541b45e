import { expect, it } from 'vitest';
import { deviceOf, groupOf, holdsResources, isResource, resourceNames } from '../../src/core/resources.ts';

it.each([
  ['gpu', '0', 'power_watts'],
  ['infiniband', 'mlx5_0:1', 'active'],
  ['network', 'eth0.100', 'errors_total'],
  ['machine', null, 'load_1m'],
])('names a measure so that group and device can be told: %s %s %s', (group, device, measure) => {
  const names = resourceNames(group, device, measure);
  expect(names.canonical).toBe(`resource.${group}.${measure}`);
  expect(isResource(names)).toBe(true);
  expect(deviceOf(names)).toBe(device);
  expect(groupOf(names)).toBe(group);
});

it('is not what a trainer calls so', () => {
  for (const point of [
    { name: 'resource.gpu.power', canonical: null },
    { name: 'loss', canonical: 'loss' },
  ]) {
    expect([isResource(point), deviceOf(point), groupOf(point)]).toEqual([false, null, null]);
  }
});

it('is said of a stream by a label alone', () => {
  expect(holdsResources({ labels: { 'caboose.kind': 'resources' } })).toBe(true);
  expect(holdsResources({ labels: { kind: 'resources' } })).toBe(false);
  expect(holdsResources({ labels: {} })).toBe(false);
});
