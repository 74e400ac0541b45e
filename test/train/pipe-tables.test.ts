import { expect, test } from 'vitest';
import { pointsOf } from './points-of.ts';

test('a column that counts is the step of the others', () => {
  const table = [
    '| Step | Training Loss | Validation Loss |',
    '|------|---------------|-----|',
    '| 500 | 1.25 | 1.5 |',
  ];
  expect(pointsOf(table.join('\n'))).toEqual([
    [500, 'Training Loss', 1.25],
    [500, 'Validation Loss', 1.5],
  ]);
});

test('rows of classes, and tables without a rule or a metric, state none', () => {
  expect(pointsOf('| category | AP |\n|:---|:---|\n| person | 50.1 |')).toEqual([]);
  expect(pointsOf('| AP | AP50 |\n| 1 | 2 |')).toEqual([]);
  expect(pointsOf('| a | b |\n|---|---|\n| 1 | 2 |')).toEqual([]);
});
