/** Runs that are well: of none is anything told, at no moment while it is under way, nor of its files. */
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../../src/core/fact.ts';
import { RunFailures } from '../../../src/train/incidents/run-failures.ts';
import { normal, random, Training } from './training.ts';
import type { TrainingOptions } from './training.ts';

const minute = 60_000;

/** Looks when something was read, and just before it is. */
function toldUnderWay(facts: readonly Fact[]): string[] {
  const failures = new RunFailures();
  const told = new Set<string>();
  const look = (now: number) => {
    for (const { class: name, message } of failures.causes({ now })) told.add(`${name}: ${message}`);
  };
  let before = 0;
  for (const [i, fact] of facts.toSorted((a, b) => a.observed - b.observed).entries()) {
    if (i > 0 && fact.observed - before > 30_000) look(fact.observed - 1);
    failures.take([fact]);
    before = fact.observed;
    if (i % 40 === 0) look(before);
  }
  look(before + minute);
  return [...told];
}

const noisy = (seed: number, noise: number, mean: (step: number) => number) => {
  const next = random(seed);
  return (step: number) => ({ loss: mean(step) + noise * normal(next) });
};
const falling = (seed: number) => noisy(seed, 0.05, (step) => 2 + 4 / (1 + step / 50));

const runs: [string, (options: TrainingOptions) => Training[]][] = [
  ['plain', (options) => [new Training(options).steps(600, { values: falling(1) })]],
  [
    'evaluations that take 20 minutes, and say so',
    (options) => {
      const run = new Training(options);
      for (let i = 0; i < 6; i += 1)
        run
          .steps(100, { values: falling(2) })
          .phase('eval')
          .wait(20 * minute)
          .point({ eval_loss: 2 });
      return [run];
    },
  ],
  [
    'evaluations with a bar of their own, of 40 minutes',
    (options) => {
      const run = new Training(options);
      for (let i = 0; i < 3; i += 1) {
        run.steps(100, { values: falling(3) });
        for (let n = 1; n <= 40; n += 1)
          run.wait(minute).tell({ kind: 'progress', step: n, total: 40, rate: 1, label: 'Evaluating' });
      }
      return [run];
    },
  ],
  [
    'evaluations of four minutes that nothing tells of',
    (options) => {
      const run = new Training(options);
      for (let i = 0; i < 8; i += 1) run.steps(100, { values: falling(4) }).wait(4 * minute);
      return [run];
    },
  ],
  [
    'checkpoints of 15 minutes',
    (options) => {
      const run = new Training(options);
      for (let i = 0; i < 5; i += 1)
        run
          .steps(100, { values: falling(5) })
          .phase('checkpoint')
          .wait(15 * minute)
          .phase('checkpoint', 'ends');
      return [run];
    },
  ],
  [
    'a first step that compiles for 20 minutes',
    (options) => [
      new Training(options)
        .phase('compile')
        .wait(20 * minute)
        .steps(300, { values: falling(6) }),
    ],
  ],
  [
    'warm restarts of the learning rate',
    (options) => {
      const next = random(7);
      const rate = (step: number) => 0.01 * (1 + Math.cos((Math.PI * (step % 150)) / 150));
      const values = (step: number) => ({
        loss: 1 + 4 / (1 + step / 50) + (step >= 150 ? 150 * rate(step) : 0) + 0.02 * normal(next),
        learning_rate: rate(step),
      });
      return [new Training(options).steps(900, { values })];
    },
  ],
  [
    'reinforcement learning: a loss of both signs, steps of any length',
    (options) => {
      const next = random(8);
      const values = () => ({ loss: (0.1 * normal(next)) / Math.sqrt(-Math.log(1 - next())) });
      const ms = () => 2_000 + 60_000 * next() ** 4;
      return [new Training(options).steps(800, { values, ms })];
    },
  ],
  [
    'epochs that count from the beginning, with a pause and a lower loss each',
    (options) => {
      const run = new Training(options);
      for (let epoch = 1; epoch <= 5; epoch += 1) {
        run.step = 0;
        run.wait(2 * minute).steps(150, { values: noisy(epoch, 0.02, (step) => (3 - step / 300) / epoch) });
      }
      return [run];
    },
  ],
  [
    'a restart from a checkpoint, in the same file',
    (options) => {
      const values = falling(9);
      const run = new Training(options)
        .steps(300, { values })
        .wait(4 * minute)
        .phase('init')
        .wait(10 * minute);
      run.step = 200;
      return [run.steps(300, { values })];
    },
  ],
  [
    'an attempt that goes on where another one ended',
    (options) => {
      const values = falling(10);
      const before = new Training(options).steps(300, { values });
      const after = new Training({ ...options, attempt: 1, from: before.time + 4 * minute });
      after.step = 250;
      return [before, after.steps(300, { values })];
    },
  ],
  [
    'gradient accumulation: a step takes five minutes',
    (options) => [new Training(options).steps(80, { ms: 5 * minute, values: falling(11) })],
  ],
  [
    'every 50th step is printed',
    (options) => [new Training(options).steps(5_000, { every: 50, values: falling(12) })],
  ],
  [
    'a batch that grows step by step',
    (options) => [
      new Training(options).steps(1_000, { ms: (step) => 1_000 + 3 * step, values: falling(13) }),
    ],
  ],
  [
    'four ranks in step',
    (options) => {
      const next = random(14);
      const runs = [0, 1, 2, 3].map((rank) => new Training({ ...options, rank }));
      const begin = runs[0]?.time ?? 0;
      for (let step = 1; step <= 300; step += 1)
        for (const run of runs) {
          run.step = step;
          run.time = begin + step * 1_000 + Math.floor(40 * next());
          run.point({ loss: 2 + 0.05 * normal(next), tokens_per_sec: 1_000 + 50 * normal(next) });
        }
      return runs;
    },
  ],
  [
    'only the first of four ranks prints all steps',
    (options) => [0, 1, 2, 3].map((rank) => new Training({ ...options, rank }).steps(rank === 0 ? 900 : 30)),
  ],
  [
    'a first epoch that fills the cache, and is slower',
    (options) => [
      new Training(options).steps(600, { ms: (step) => (step < 200 ? 3_000 : 1_000), values: falling(15) }),
    ],
  ],
];

describe.each([
  ['dated, under way', { delayMs: 700 }],
  ['not dated, under way', { isDated: false }],
] as [string, TrainingOptions][])('%s', (_, options) => {
  test.each(runs)('%s', (__, make) => {
    expect(toldUnderWay(make(options).flatMap(({ facts }) => facts))).toEqual([]);
  });
});

describe('files', () => {
  const asleep: (typeof runs)[number] = [
    'a laptop that slept over night',
    (options) => [
      new Training(options)
        .steps(300, { values: falling(16) })
        .wait(9 * 60 * minute)
        .steps(300, { values: falling(17) }),
    ],
  ];
  test.each([...runs, asleep])('%s', (_, make) => {
    const failures = new RunFailures();
    for (const { facts } of make({})) failures.take(facts);
    expect(failures.causes()).toEqual([]);
  });
});
