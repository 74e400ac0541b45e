import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Fact, PointFact } from '../../src/core/fact.ts';
import { readFacts } from '../../src/train/read-facts.ts';
import { eventsOf } from '../events/helpers.ts';

function factsOf(text: string | Buffer, path = '/logs/train.log'): Fact[] {
  let context: Record<string, unknown> = {};
  return eventsOf(text, { path }).flatMap((event) => {
    const read = readFacts(event, context);
    context = JSON.parse(JSON.stringify(read.context)) as Record<string, unknown>;
    return read.facts;
  });
}

const pointsOf = (text: string | Buffer, path?: string) =>
  factsOf(text, path)
    .filter((fact): fact is PointFact => fact.kind === 'point')
    .map(({ step, name, value }) => [step, name, value]);

const fixture = (name: string) => readFileSync(new URL(`../fixtures/logs/${name}`, import.meta.url));

describe('points', () => {
  test.each([
    [
      'step=1 loss=4.459999 grad_norm=2.9 tok/s=12,345.7',
      [
        [1, 'loss', 4.459999],
        [1, 'grad_norm', 2.9],
        [1, 'tok/s', 12345.7],
      ],
    ],
    [
      'Step 3 | loss:4.46 lr:0.00294 ',
      [
        [3, 'loss', 4.46],
        [3, 'lr', 0.00294],
      ],
    ],
    [
      '[x][train][INFO] - epoch: 0 | iter: [   2/50] | loss: 4.3 (4.4) | lr: 2.9e-03 | 12.3k tokens/s',
      [
        [2, 'loss', 4.3],
        [2, 'lr', 0.0029],
      ],
    ],
    ['step=10, skipped=0, lr=[0.001], mom=[(0.9, 0.999)]', [[10, 'lr', 0.001]]],
    [
      'step:  2  loss:  4.32  memory:  2.05GiB(2.59%)  tps: 32,846',
      [
        [2, 'loss', 4.32],
        [2, 'tps', 32846],
      ],
    ],
    ['iter 5: loss 4.5932, time 11.18ms, mfu -100.00%', [[5, 'loss', 4.5932]]],
    [
      'step 25: train loss 10.8, val loss 10.9',
      [
        [25, 'train loss', 10.8],
        [25, 'val loss', 10.9],
      ],
    ],
    [
      ' iteration       10/    6000 | consumed samples:  160 | learning rate: 5.0E-04 | lm loss: 4.36E+00 |',
      [
        [10, 'learning rate', 5e-4],
        [10, 'lm loss', 4.36],
      ],
    ],
    ['step=7 loss=nan', [[7, 'loss', NaN]]],
    [
      '{"step": 3, "loss": Infinity, "process": 12, "mem": {"alloc_gb": 0.5}}',
      [
        [3, 'loss', Infinity],
        [3, 'mem.alloc_gb', 0.5],
      ],
    ],
    ['{"log":"INFO train step=1 loss=4.95\\n","stream":"stdout"}', [[1, 'loss', 4.95]]],
  ])('%s', (text, points) => {
    expect(pointsOf(text)).toEqual(points);
  });

  test('rows of a CSV file: each filled cell, by step or by epoch', () => {
    expect(pointsOf('epoch,step,loss,val\n0,4,2.5,\n0,9,,1.5\n', '/x/metrics.csv')).toEqual([
      [4, 'loss', 2.5],
      [9, 'val', 1.5],
    ]);
    expect(pointsOf('epoch,loss\n0,2.5\n', '/x/training.csv')).toEqual([[0, 'loss', 2.5]]);
    for (const text of ['epoch;loss\n0;2.5\n', 'epoch\tloss\n0\t2.5\n', 'epoch;"a,b";loss\n0;1;2.5\n'])
      expect(pointsOf(text, '/x/training.csv')).toContainEqual([0, 'loss', 2.5]);
  });

  test('printed dicts take their step from the bar behind them', () => {
    const losses = pointsOf(fixture('hf-trainer-4-eval.log')).filter(
      ([, name]) => name === 'loss' || name === 'eval_loss',
    );
    expect(losses.slice(0, 6).map(([step, name]) => [step, name])).toEqual([
      [5, 'loss'],
      [10, 'loss'],
      [15, 'loss'],
      [20, 'loss'],
      [25, 'loss'],
      [25, 'eval_loss'],
    ]);
    expect(pointsOf("{'loss': '0', 'grad_norm': 'nan', 'epoch': '0.1'}")).toEqual([
      [null, 'loss', 0],
      [null, 'grad_norm', NaN],
    ]);
  });

  test('a bar that came to its end before the training began does not keep its bar from counting steps; one that goes on does', () => {
    const bar = (label: string, done: number, total: number) =>
      `\r${label} ${(100 * done) / total}%|█ | ${done}/${total} [00:01<00:01, 9.00it/s]`;
    const training = `${bar('', 0, 20)}\r  \r{'loss': 4.5, 'epoch': 0.5}\n${bar('', 5, 20)}\n`;
    const before = `${bar('Map:', 0, 90)}${bar('Map:', 90, 90)}\n`;
    expect(pointsOf(before + training)).toEqual([[5, 'loss', 4.5]]);
    expect(pointsOf(`${bar('Map:', 0, 90)}${bar('Map:', 60, 90)}\n${training}`)).toEqual([
      [null, 'loss', 4.5],
    ]);
  });

  test.each([
    [
      "{'eval_loss': 0.5, 'eval_PER': {'f1': 0.25, 'number': 8}, 'eval_runtime': 2.5, 'epoch': 1.0}",
      ['eval_loss', 'eval_runtime'],
    ],
    [
      "{'loss': '0.5', 'shares': [0.5, (1, '}')], 'note': \"it's, {\", 'acc': '0.75', 'epoch': '1'}",
      ['loss', 'acc'],
    ],
    ["{'eval_runtime': 2.5, 'eval_shares': [0.5]}", ['eval_runtime']],
    ["{'loss': '0.5', 'step_time': '0.25', 'epoch': '1'}", ['loss', 'step_time']],
    ["{'loss': 'mse', 'lr': 0.1, 'epoch': 10, 'layers': [1, 2]}", []],
    ["{'loss': 0.5, 'epoch': 1.0, 'layers': [1, 2}", []],
  ])('what a printed dict holds beside numbers is passed over: %s', (text, names) => {
    expect(pointsOf(text).map(([, name]) => name)).toEqual(names);
  });

  test.each([
    'Saving checkpoint at step 100 took 3.5 s',
    'step=100 saved, size=5 version=1.2.3',
    'loss: 3.5 is what we expect',
    'torch==2.1.0',
    '{"config": {"lr": 0.003}, "batch_size": 8}',
    "{'lr': 0.1, 'batch_size': 32}",
    '[Rank 0] time (ms) | fwd: 0.30 | bwd: 0.6',
    'ValueError: step 3: expected loss shape 64, got 63',
    'wandb:          train/loss 3.90248',
  ])('none in: %s', (text) => {
    expect(pointsOf(text)).toEqual([]);
  });
});

test('facts have the ids, the place and the canonical name', () => {
  const [first, second] = factsOf('[default1]:[rank3]: step=1 loss=4.5 lr=0.1');
  expect(first).toMatchObject({ rank: 3, canonical: 'loss', start: 0, path: '/logs/train.log', attempt: 0 });
  expect(first?.id).toBe(`${first?.event}-0`);
  expect(second?.id).toBe(`${first?.event}-1`);
});

test('a progress bar tells step, total, rate and label', () => {
  expect(factsOf('Epoch 0:  50%|█████     | 30/60 [00:10<00:10, 2.50s/it]')).toMatchObject([
    { kind: 'progress', step: 30, total: 60, rate: 0.4, label: 'Epoch 0' },
  ]);
});

test('hostile lines take linear time', () => {
  const texts = [
    'step=1 '.repeat(9000),
    'a='.repeat(30_000),
    `step 1: ${'a '.repeat(30_000)}`,
    `{'${"': '".repeat(9000)}}`,
    `{${"'a': [, ".repeat(8000)}}`,
    `{${"'a': b c, ".repeat(6000)}}`,
    '('.repeat(60_000),
    ' ['.repeat(30_000),
    `{${'"\\"'.repeat(20_000)}NaN}`,
    '0'.repeat(60_000),
  ];
  const startedAt = performance.now();
  for (const text of texts) factsOf(text);
  expect(performance.now() - startedAt).toBeLessThan(2000);
});
