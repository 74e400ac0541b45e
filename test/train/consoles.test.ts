/**
 * Consoles of many frameworks, as their sources print them: of `NAME.log` these points are read and no others, `NAME.points`, a line each:
 * step (`-`: none), name, value, canonical name.
 *
 * Written by real runs: mmengine-epochs and mmengine-iterations (0.10.7), composer-evaluations (0.32.1), open-clip-epochs (3.3.0), ultralytics-8-4-bars and
 * ultralytics-8-4-narrow (8.4.190, a terminal of 80 columns), flair-iterations (0.15.1), ignite-evaluations (0.5.5), trainer-evaluates-behind (transformers 5.24.0),
 * coqui-evaluations (coqui-tts-trainer 0.4.0), lm-eval (0.4.13; its second table after its sources), rich-live (15.0.0, on a terminal).
 */
import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { PointFact } from '../../src/core/fact.ts';
import { eventsOf } from '../events/helpers.ts';
import { readFacts } from '../../src/train/read-facts.ts';

const folder = new URL('../fixtures/consoles/', import.meta.url);
const textOf = (name: string) => readFileSync(new URL(name, folder), 'utf8');
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.log'))
  .map((name) => name.slice(0, -'.log'.length));

function pointFacts(text: string): PointFact[] {
  let memory: Record<string, unknown> = {};
  return eventsOf(text).flatMap((event) => {
    const { facts, context } = readFacts(event, memory);
    memory = context;
    return facts.filter((fact) => fact.kind === 'point');
  });
}

function pointsOf(text: string): string[] {
  return pointFacts(text).map(
    ({ step, name, value, canonical }) =>
      `${step ?? '-'}  ${name} = ${value}${canonical === null ? '' : `  (${canonical})`}`,
  );
}

test.each(names)('%s', (name) => {
  expect(pointsOf(textOf(`${name}.log`))).toEqual(textOf(`${name}.points`).split('\n').filter(Boolean));
});

test('iterations that go on over the epochs are left as they are', () => {
  const lines = [
    'Epoch 1, Step 50/300, Loss: 3',
    'Epoch 2, Step 150/300, Loss: 2',
    'Epoch 3, Step 250/300, Loss: 1',
  ];
  expect(pointsOf(lines.join('\n'))).toEqual([
    '50  Loss = 3  (loss)',
    '150  Loss = 2  (loss)',
    '250  Loss = 1  (loss)',
  ]);
});

test.each([
  ['a statement', 'step 120/2000 | loss 2.5', [2000]],
  ['Megatron-LM', ' iteration       10/    6000 | consumed samples: 80 | lm loss: 4.36E+00 |', [6000]],
  ['an epoch of several', 'Epoch [2/5], Step [100/600], Loss: 0.6', [3000]],
  [
    'iterations that go on',
    'Epoch 1, Step 50/300, Loss: 3\nEpoch 2, Step 150/300, Loss: 2',
    [undefined, 300],
  ],
  ['iterations alone', 'Iter(train) [  500/20000]  lr: 1.0e-02  loss: 2.3', [20_000]],
  ['an epoch of nobody knows how many', 'Epoch(train)  [1][ 50/100]  lr: 1.0e-02  loss: 2.3', [undefined]],
  ['a record', '{"current_steps": 5, "total_steps": 100, "loss": 2.5}', [100]],
  ['no word of it', 'step 120 | loss 2.5', [undefined]],
])('the last step is known from %s', (_, text, totals) => {
  const losses = pointFacts(text).filter(({ canonical }) => canonical === 'loss');
  expect(losses.map(({ total }) => total)).toEqual(totals);
});
