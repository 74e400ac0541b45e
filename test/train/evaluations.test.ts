import { expect, test } from 'vitest';
import { pointsOf } from './points-of.ts';

test.each([
  [
    '2025-06-01 12:00:00 - INFO - eval_loss: 1.5, eval_accuracy: 0.5',
    [
      [null, 'eval_loss', 1.5],
      [null, 'eval_accuracy', 0.5],
    ],
  ],
  ['Test: [  10/48]  Time: 0.1 (0.2)  Loss:   1.5 ( 1.25)', []],
  ['eval_steps: 100, eval_loss_threshold: 0.5', []],
  ['eval at step 5: eval_loss=1.5', [[5, 'eval_loss', 1.5]]],
  ['val acc of the parser is unknown', []],
])('%s', (line, points) => {
  expect(pointsOf(line)).toEqual(points);
});
