import { expect, test } from 'vitest';
import { pointsOf } from './points-of.ts';

test('statements below a line that names the step are of that step', () => {
  expect(
    pointsOf('[step=10/1000,epoch=0]\n    train/CrossEntropyLoss=9.5\n    train/Perplexity=13,521'),
  ).toEqual([
    [10, 'train/CrossEntropyLoss', 9.5],
    [10, 'train/Perplexity', 13521],
  ]);
});

test('batches of later epochs count on', () => {
  expect(pointsOf('[epoch=2][batch=3/50]:\n\t Train loss/train/total: 2.5')).toEqual([
    [53, 'loss/train/total', 2.5],
  ]);
});

test('a block without a metric, and a result without its iteration, state none', () => {
  expect(pointsOf('[step=10/1000]\n    first=1\n    second=2')).toEqual([]);
  expect(pointsOf('Result for query_12:\n  rows: 5\n  loss: 5')).toEqual([]);
});
