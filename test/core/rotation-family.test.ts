import { expect, it } from 'vitest';
import { rotationFamily } from '../../src/core/rotation-family.ts';

it.each([
  ['/logs/train.log.1', '/logs/train.log'],
  ['/logs/train.log.9999', '/logs/train.log'],
  ['/logs/train.log.3.gz', '/logs/train.log'],
  ['/logs/train.log-20261123', '/logs/train.log'],
  ['/logs/train.log.20261123', '/logs/train.log'],
  ['/logs/train.log-20261123.zst', '/logs/train.log'],
  ['/logs/train.log-20261123-1795429032', '/logs/train.log'],
  ['/logs/train.log.2026-11-23', '/logs/train.log'],
  ['/logs/train.log.2026-11-23_10-24-06', '/logs/train.log'],
  ['/logs/train.log.2026-11-23T10-24-06.gz', '/logs/train.log'],
  ['train.log.1', 'train.log'],
  ['/logs/metrics.0', '/logs/metrics'],
])('%s is of the family %s', (path, family) => expect(rotationFamily(path)).toBe(family));

it.each([
  '/logs/train.log',
  '/logs/rank-0.log',
  '/logs/train.log.gz',
  '/logs/train.log.12345',
  '/logs/slurm-123456.out',
  '/logs.1/train.log',
  '/logs/.1',
  '/logs/v1.2.3-rc',
  '',
])('%s is a family of its own', (path) => expect(rotationFamily(path)).toBe(path));

it('takes one suffix off, so that the family of a family is not the question', () => {
  expect(rotationFamily('/logs/train.log.1.2')).toBe('/logs/train.log.1');
});
