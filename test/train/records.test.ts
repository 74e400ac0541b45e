/** Records whose step has another name, or is an epoch, or stands in what they say in words. */
import { expect, test } from 'vitest';
import { pointsOf } from './points-of.ts';

const jsonl = (record: string) => pointsOf(`${record}\n`, '/logs/trainer_log.jsonl');

test.each([
  [
    '{"current_steps": 10, "total_steps": 100, "loss": 1.25, "epoch": 0.5, "percentage": 10.0}',
    [[10, 'loss', 1.25]],
  ],
  ['{"loss": 0.5, "training_iteration": 3, "time_total_s": 1.5, "config": {"lr": 0.5}}', [[3, 'loss', 0.5]]],
  ['{"loss": 0.5, "epoch": 0.25, "global_step/max_steps": "10/1000"}', [[10, 'loss', 0.5]]],
  [
    '{"train_loss": 6.5, "test_acc1": 10.5, "epoch": 4, "n_parameters": 86567656}',
    [
      [4, 'train_loss', 6.5],
      [4, 'test_acc1', 10.5],
    ],
  ],
  ['{"loss": 0.5, "epoch": 1.0}', [[null, 'loss', 0.5]]],
  ['{"epoch": 10, "lr": 0.5, "batch_size": 8}', []],
  ['{"severity": "INFO", "message": "{\'loss\': 0.5, \'epoch\': 0.25}"}', [[null, 'loss', 0.5]]],
  ['{"message": "Epoch [2/5], Step [100/600], Loss: 0.5"}', [[700, 'Loss', 0.5]]],
  ['{"event": "config", "message": "step 5: loss 0.5"}', []],
])('%s', (record, points) => {
  expect(jsonl(record)).toEqual(points);
});

test('cells of a header that is padded', () => {
  const text = '         epoch,   train/box_loss\n             1,            1.125\n';
  expect(pointsOf(text, '/runs/results.csv')).toEqual([[1, 'train/box_loss', 1.125]]);
});
