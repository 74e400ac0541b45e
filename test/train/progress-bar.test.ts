/** What progress bars tell: rows of tqdm, enlighten, rich and Lightning, alone and in displays on several rows. */
import { expect, test } from 'vitest';
import { eventsOf, fixture } from '../events/helpers.ts';
import { readBar } from '../../src/train/progress-bar.ts';
import { readFacts } from '../../src/train/read-facts.ts';

test.each([
  [
    '  5%|▌   | 3/60 [00:06<01:54,  2.00s/it]',
    { label: null, done: 3, total: 60, rate: 0.5, etaMs: 114_000 },
  ],
  [
    'epoch:  50%|██ | 1/2 [1:00:00<1:00:00, ?it/s]',
    { label: 'epoch', done: 1, total: 2, rate: null, etaMs: 3_600_000 },
  ],
  ['Train  30%|███ |  6/20 [00:11<00:26, 0.54 it/s]', { done: 6, total: 20, rate: 0.54, etaMs: 26_000 }],
  [
    'Epoch 0/2  ━━━━━━━━╸━━━ 14/20 0:00:01 • 0:00:02 340.33it/s v_num: 0 train_loss: 4.283',
    { label: 'Epoch 0/2', done: 14, total: 20, rate: 340.33, etaMs: 2000 },
  ],
  ['Epoch 0/2  ━━━━━━━━ 0/20 0:00:00 • -:--:-- 0.00it/s', { done: 0, total: 20, rate: null, etaMs: null }],
  ['12it [00:01, 9.50it/s]', { done: 12, total: null, rate: 9.5, etaMs: null }],
])('%s', (row, expected) => {
  expect(readBar(row)).toMatchObject(expected);
});

test.each(['train ━━━━━━ 25% 0:00:01', '┏━━━┳━━━┓', 'a [00:01] b', '3/4 done'])('no count: %s', (row) => {
  expect(readBar(row)).toBeNull();
});

test('a display tells the progress of each of its bars', () => {
  const states = eventsOf(fixture('enlighten-pty.log')).filter(({ kind }) => kind === 'progress');
  const last = states.at(-1);
  expect(last && readFacts(last, {}).facts).toMatchObject([
    { kind: 'progress', step: 20, total: 20 },
    { kind: 'progress', step: 10, total: 10 },
  ]);
});
