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

test('without a step of its own a result is of the step that was counted last', () => {
  const epoch = (number: number, accuracy: number) =>
    [
      `Epoch: [${number}]  [ 0/100]  eta: 0:00:10  lr: 0.1  img/s: 400.1  loss: 6.5 (6.5)  time: 0.1  data: 0.01  max mem: 100`,
      `Epoch: [${number}]  [90/100]  eta: 0:00:01  lr: 0.1  img/s: 400.1  loss: 6.1 (6.2)  time: 0.1  data: 0.01  max mem: 100`,
      'Test:  [ 0/50]  eta: 0:00:05  loss: 5.5 (5.5)  acc1: 10.0 (10.0)  time: 0.1  data: 0.01  max mem: 100',
      `Test:  Acc@1 ${accuracy} Acc@5 28.5`,
    ].join('\n');
  const points = pointsOf(`Test:  Acc@1 1.5 Acc@5 5.5\n${epoch(0, 12.5)}\n${epoch(1, 13.5)}\n`);
  expect(points.filter(([, name]) => name === 'Acc@1')).toEqual([
    [null, 'Acc@1', 1.5],
    [90, 'Acc@1', 12.5],
    [190, 'Acc@1', 13.5],
  ]);
});
