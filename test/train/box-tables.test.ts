import { expect, test } from 'vitest';
import { pointsOf } from './points-of.ts';

const table = (title: string, rows: readonly string[]) =>
  [
    '╭──────────────╮',
    `│ ${title} │`,
    '├──────────────┤',
    ...rows.map((row) => `│ ${row} │`),
    '╰──────────────╯',
  ].join('\n');

test("the metrics of a trial's result have its iteration for a step", () => {
  const rows = ['checkpoint_dir_name', 'time_total_s      0.1', 'training_iteration   7', 'loss   0.52'];
  expect(pointsOf(table('Trial train_fn_0 result', rows))).toEqual([[7, 'loss', 0.52]]);
});

test('values that go on over lines, and tables of something else, state none', () => {
  const wrapped = table('Test metric      DataLoader 0', [
    'test_loss    0.3123',
    '             459339',
    'test_acc   0.91',
  ]);
  expect(pointsOf(wrapped)).toEqual([[null, 'test_acc', 0.91]]);
  expect(pointsOf(table('Name      Value', ['loss   0.5', 'training_iteration   7']))).toEqual([]);
});
