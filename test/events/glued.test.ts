/** Prints of processes that share a pipe, and come between the text and the line end of each other. */
import { describe, expect, test } from 'vitest';
import { gluedAt, unfinishedStart } from '../../src/events/glued.ts';
import { eventsOf } from './helpers.ts';

describe('one line is the events of each', () => {
  test.each([
    ['dicts', "{'loss': 1.2, 'epoch': 0.1}", "{'loss': 1.3, 'epoch': 0.1}"],
    ['JSON', '{"rank": 1, "step": 2, "loss": 2.9}', '{"rank": 0, "step": 4, "loss": 2.6}'],
    ['statements', 'step 4 loss 2.6818', 'step 8 loss 2.4350'],
    ['small numbers', 'step=4 loss=2.6818 lr=1.0e-04', 'step=8 loss=2.4350 lr=1.0e-04'],
    ['ranks', '[rank 2] step 4: loss 2.6644', '[rank 1] step 9: loss 2.2901'],
    ['epochs', 'Epoch 1/60, Accuracy: 50%', 'Epoch 2/60, Accuracy: 51%'],
    ['heads', '2026-11-26 20:56:45 INFO step=12 loss=2.0974', '2026-11-26 20:56:46 INFO step=2 loss=2.8771'],
    ['heads in brackets', '[2026-11-26 20:56:45] step=12 loss=2', '[2026-11-26 20:56:46] step=2 loss=3'],
  ])('%s', (_, one, other) => {
    const text = `${one}${other}${one}\n\n\n${other}\n`;
    const events = eventsOf(text);
    expect(events.map(({ message }) => message)).toEqual([one, other, one, other]);
    expect(events.map(({ start, end }) => text.slice(start, end))).toEqual([one, other, one, other]);
  });

  test('in colour', () => {
    const text = '\x1b[32mstep 4\x1b[0m loss 2.5\x1b[32mstep 8\x1b[0m loss 2.4\n';
    expect(eventsOf(text).map(({ message }) => message)).toEqual(['step 4 loss 2.5', 'step 8 loss 2.4']);
  });
});

test.each([
  'acc: 0.5 | top5acc: 0.9 | acc: 0.6',
  'loss 0.5 (loss 0.4) val_loss 0.3',
  'step 1 of (5)step, step 2',
  '[INFO] a [INFO] b',
  '2026-11-23 10:00:00 from 2026-11-22 09:00:00 to 2026-11-23 10:00:00',
  '{a}{b}',
  'data1/data2/data3',
])('is one text: %s', (line) => {
  expect(gluedAt(line)).toBe(-1);
});

test.each([
  ['step 4 loss 2.5st', 2],
  ['step 4 loss 2.5step ', 5],
  ['step 4 loss 2.5', 0],
  ["{'loss': 1.2}{", 1],
  ['2026-11-26 20:56:45 loss=2.02026-11-26 2', 12],
  ['[rank 1] loss 2.0[', 1],
])('what may begin another print is not shown of a line that may go on: %s', (line, length) => {
  expect(unfinishedStart(line)).toBe(length);
});
