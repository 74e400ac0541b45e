import { expect, test } from 'vitest';
import { pointsOf } from './points-of.ts';

test.each([
  ['[Epoch 7/10] loss: 0.5', [[7, 'loss', 0.5]]],
  ['2025-06-01 12:00:00,123 [INFO] Train loss: 0.5 at epoch 3', [[3, 'Train loss', 0.5]]],
  ['Epoch 3 - Average Train Loss: 0.5', [[3, 'Average Train Loss', 0.5]]],
  [
    'Epoch 5 | Train Loss: 0.25 | Val Acc: 85.5%',
    [
      [5, 'Train Loss', 0.25],
      [5, 'Val Acc', 85.5],
    ],
  ],
  ['Episode 10/500, Total Reward: 25.0', [[10, 'Total Reward', 25]]],
  ['Epoch 3 of 10 done in 12.5 s', []],
  ['Epoch 1: saving model to /x/ep=1-loss=0.5.ckpt', []],
  ['Epoch 2: val_loss did not improve from 0.5', []],
  ['Episode 3 of the series is out, 5 stars', []],
])('%s', (line, points) => {
  expect(pointsOf(line)).toEqual(points);
});

test('where the stream counts iterations, an epoch is no step', () => {
  const text = 'Epoch [1/3], Step [100/600], Loss: 0.5\nEpoch 1: val_loss=0.25\n';
  expect(pointsOf(text)).toEqual([
    [100, 'Loss', 0.5],
    [null, 'val_loss', 0.25],
  ]);
});
