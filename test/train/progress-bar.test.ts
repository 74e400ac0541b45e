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
  ['Epoch 1/5:  45%|██ | 450/1000 [00:10<00:12, 45.0batch/s]', { done: 450, total: 1000, rate: 45 }],
  ['data: 45%|██ | 450/1000 [00:10<00:12, 1.2MB/s]', { done: 450, rate: null }],
  [
    'epoch 1:  45% (450 of 1000) |####      | Elapsed Time: 0:00:10 ETA: 0:00:12',
    { label: 'epoch 1', done: 450, total: 1000, etaMs: 12_000 },
  ],
  [
    '⠹ train ━━━━━━━━╺━━━ 8/40 0:00:01 0:00:04',
    { label: 'train', done: 8, total: 40, rate: null, etaMs: 4000 },
  ],
  ['train ━━━━━━━━╺━━━  20% 8/40 0:00:01', { label: 'train', done: 8, total: 40, etaMs: null }],
  [
    'train  18% ━━━━━━━━╸━━━ 7/40  [ 0:00:00 < 0:00:02 , 32 it/s ]',
    { label: 'train', done: 7, total: 40, rate: 32, etaMs: 2000 },
  ],
  [
    '   1/3   0G   4.19   2.712   8   64: 75% ━━━━━━━━━─── 3/4 5.6it/s 0.3s<0.2s',
    { label: 'Epoch 1/3', done: 3, total: 4, rate: 5.6, etaMs: 200 },
  ],
  [
    '   1/3   0G   4.976   3.1   8   64: 0% ──────────── 0/4  0.2s',
    { label: 'Epoch 1/3', done: 0, total: 4, rate: null, etaMs: null },
  ],
  [
    '   12/300   9.1G   0.5   8   640: 45% ━━━━━╸────── 450/1000 1.2Kit/s 1:02<1:02:03',
    { label: 'Epoch 12/300', done: 450, total: 1000, rate: 1200, etaMs: 3_723_000 },
  ],
  [
    '      Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 50% ━━━━━━────── 1/2 2.5s/it 2.5s<2.5s',
    { label: 'validation', done: 1, total: 2, rate: 0.4, etaMs: 2500 },
  ],
  [
    'Epoch 1/3 : |██████████------------------------------| 25.00% [1/4 00:00<00:12 0.53]',
    { label: 'Epoch 1/3', done: 1, total: 4, rate: null, etaMs: 12_000 },
  ],
  ['Train: 10/20 48.98it/s', { label: 'Train', done: 10, total: 20, rate: 48.98, etaMs: null }],
  ['Train 50.0% 10/20 00:00', { label: 'Train', done: 10, total: 20, rate: null, etaMs: null }],
  [
    // stable-baselines3 2.9, whose bar is of `tqdm.rich`.
    ' 100% ━━━━━━━━━━━━━━ 1,536/1,500  [ 0:00:01 < 0:00:00 , 902 it/s ]',
    { done: 1536, total: 1500, rate: 902, etaMs: 0 },
  ],
  [
    'train  [#######-------]  10/40  00:00:12',
    { label: 'train', done: 10, total: 40, rate: null, etaMs: 12_000 },
  ],
  ['[#######-------]  10/40', { label: null, done: 10, total: 40, etaMs: null }],
  [
    'train |██████      | ▂▄▆ 23/40 [57%] in 1s (~8s, 31.1/s)',
    { label: 'train', done: 23, total: 40, rate: 31.1, etaMs: 8000 },
  ],
  [
    'train |████████████| 40/40 [100%] in 1.3s (31.08/s) ',
    { label: 'train', done: 40, total: 40, rate: null },
  ],
  ['Training: [=====>      ]  45%', { label: 'Training', done: 45, total: 100 }],
])('%s', (row, expected) => {
  expect(readBar(row)).toMatchObject(expected);
});

test.each([
  'foo.bin  45%[=====>   ]  12.3M  1.2MB/s',
  '[=====>   ] 45%',
  'train ━━━━━━ 25% 0:00:01',
  '┏━━━┳━━━┓',
  'a [00:01] b',
  '3/4 done',
])('no count: %s', (row) => {
  expect(readBar(row)).toBeNull();
});

test('tqdm-loggable counts by the thousand', () => {
  const text =
    '2024-06-01T12:00:00 - INFO - Progress on:train 1.50kit/10.0kit rate:2.0it/s remaining:01:10:50 elapsed:00:10 postfix:loss=4.5\n';
  expect(eventsOf(text).flatMap((event) => readFacts(event, {}).facts)).toMatchObject([
    { kind: 'progress', step: 1500, total: 10_000, rate: 2, label: 'train' },
  ]);
});

test('a display tells the progress of each of its bars', () => {
  const states = eventsOf(fixture('enlighten-pty.log')).filter(({ kind }) => kind === 'progress');
  const last = states.at(-1);
  expect(last && readFacts(last, {}).facts).toMatchObject([
    { kind: 'progress', step: 20, total: 20 },
    { kind: 'progress', step: 10, total: 10 },
  ]);
});
