import { expect, test } from 'vitest';
import { pointsOf } from './points-of.ts';

test.each([
  '[rank0]: ',
  '[default0]:',
  '[1,0]<stdout>:',
  '[trainer0]:',
  'ddp/0 [0]:',
  'ddp/1 [0]:',
  '(TrainActor pid=12) ',
  '[pod/train-0/main] ',
])('statements behind %s are those of the line without it', (prefix) => {
  const lines = [
    "{'loss': 1.5, 'epoch': 0.1}",
    '0:\tlearn: 0.5\ttotal: 5ms',
    '[step=3/9]',
    '    train/loss=0.25',
  ];
  expect(pointsOf(lines.map((line) => `${prefix}${line}\n`).join(''))).toEqual([
    [null, 'loss', 1.5],
    [0, 'learn', 0.5],
    [3, 'train/loss', 0.25],
  ]);
});

test('the step of a print is not that of a bar that the launcher has read elsewhere', () => {
  const bar = (done: number) => `[default0]: ${done}0%|█ | ${done}/20 [00:00<00:00, 46.78it/s]\n`;
  expect(pointsOf(`${bar(0)}[default0]:{'loss': 1.5, 'epoch': 0.1}\n${bar(4)}`)).toEqual([
    [null, 'loss', 1.5],
  ]);
});
