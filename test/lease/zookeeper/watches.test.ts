import { expect, test } from 'vitest';
import { Watches } from '../../../src/lease/zookeeper/watches.ts';

test('an event ends the watches that it answers, and each watcher hears it once', () => {
  const watches = new Watches();
  const heard: string[] = [];
  const both = (): void => void heard.push('both');
  watches.add('data', '/a', both);
  watches.add('exists', '/a', both);
  watches.add('children', '/a', () => heard.push('children'));
  watches.add('data', '/b', () => heard.push('other path'));
  watches.fire({ type: 'changed', path: '/a' });
  expect(heard).toEqual(['both']);
  watches.fire({ type: 'changed', path: '/a' });
  expect(heard).toEqual(['both']);
  watches.fire({ type: 'deleted', path: '/a' });
  expect(heard).toEqual(['both', 'children']);
  expect(watches.portions()).toEqual([{ data: ['/b'], exists: [], children: [] }]);
});

test('a removed watcher hears nothing and is not set again', () => {
  const watches = new Watches();
  const heard: string[] = [];
  const watcher = (): void => void heard.push('x');
  watches.add('exists', '/a', watcher);
  watches.remove(watcher);
  watches.fire({ type: 'created', path: '/a' });
  expect(heard).toEqual([]);
  expect(watches.portions()).toEqual([]);
});

test('many watches go in portions that fit a request', () => {
  const watches = new Watches();
  const paths = Array.from({ length: 1000 }, (_, i) => `/${String(i).padStart(999, '0')}`);
  for (const path of paths) watches.add('data', path, () => undefined);
  const portions = watches.portions();
  expect(portions.length).toBe(8);
  expect(portions.flatMap(({ data }) => data)).toEqual(paths);
});
