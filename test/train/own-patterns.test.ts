import { expect, test } from 'vitest';
import { eventsOf } from '../events/helpers.ts';
import { ownReaders } from '../../src/train/own-patterns.ts';
import type { OwnPattern } from '../../src/train/own-patterns.ts';
import { readFacts } from '../../src/train/read-facts.ts';

function pointsOf(text: string, patterns: OwnPattern[], path?: string): unknown[] {
  const own = ownReaders(patterns);
  return eventsOf(text, path === undefined ? {} : { path }).flatMap((event) =>
    readFacts(event, {}, own).facts.flatMap((fact) =>
      fact.kind === 'point' ? [[fact.step, fact.name, fact.value]] : [],
    ),
  );
}

const loss = { match: 'it=(?P<step>\\d+) L=(?P<loss>\\S+)(?: lr=(?P<lr>\\S+))?' };

test('named groups are points; what holds no number is none', () => {
  expect(pointsOf('it=3 L=2.5 lr=0.1\nit=4 L=nan\nit=5 L=bad lr=0.2\n', [loss])).toEqual([
    [3, 'loss', 2.5],
    [3, 'lr', 0.1],
    [4, 'loss', NaN],
    [5, 'lr', 0.2],
  ]);
});

test('points gives names, and chooses', () => {
  expect(pointsOf('it=3 L=2.5 lr=0.1\n', [{ ...loss, points: { 'train/loss': 'loss' } }])).toEqual([
    [3, 'train/loss', 2.5],
  ]);
});

test('the first pattern that finds a number counts, before any known format; other lines are read as ever', () => {
  const other = { match: 'step=(?P<step>\\d+).*acc=(?P<top1>\\S+)' };
  expect(pointsOf('step=1 loss=2.5 acc=0.5\nstep=2 loss=2.4\n', [loss, other])).toEqual([
    [1, 'top1', 0.5],
    [2, 'loss', 2.4],
  ]);
});

test('without a group of that name there is no step', () => {
  expect(pointsOf('L 2.5\n', [{ match: '^L (?P<loss>\\S+)$' }])).toEqual([[null, 'loss', 2.5]]);
});

test('they come before what is known of a file by its name, too', () => {
  const path = `/runs/${'0'.repeat(32)}/metrics/loss`;
  const value = { match: '^\\d+ (?P<mine>\\S+) (?P<step>\\d+)$' };
  expect(pointsOf('1700000000000 2.5 7\n', [value], path)).toEqual([[7, 'mine', 2.5]]);
  expect(pointsOf('1700000000000 2.5 7\n', [], path)).toEqual([[7, 'loss', 2.5]]);
});
