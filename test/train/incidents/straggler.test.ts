import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../../src/core/fact.ts';
import { RunFailures } from '../../../src/train/incidents/run-failures.ts';
import { normal, random, start, Training } from './training.ts';

function stragglers(trainings: readonly Training[]): string[] {
  const failures = new RunFailures();
  for (const { facts } of trainings) failures.take(facts);
  return failures.causes().flatMap((cause) => (cause.class === 'straggler' ? [cause.message] : []));
}

const ranks = [0, 1, 2, 3];

describe('a rank that is slower than the others', () => {
  test('by the rate that it states', () => {
    const trainings = ranks.map((rank) =>
      new Training({ rank }).steps(60, {
        values: () => ({ loss: 2, tokens_per_sec: rank === 2 ? 700 : 1_000 }),
      }),
    );
    expect(stragglers(trainings)).toEqual([
      'rank 2 is slower than the others: its tokens_per_sec is 70 % of theirs, step after step',
    ]);
  });

  test('by its steps, where ranks do not wait', () => {
    const trainings = ranks.map((rank) =>
      new Training({ rank }).steps(rank === 1 ? 100 : 150, { ms: rank === 1 ? 1_500 : 1_000 }),
    );
    expect(stragglers(trainings)[0]).toMatch(
      /^rank 1 is slower than the others: a step takes it 1\.5 s, them 1 s; it is at step 100, they at 150$/,
    );
  });

  test('by when it tells its steps', () => {
    const trainings = ranks.map((rank) =>
      new Training({ rank, from: start + (rank === 3 ? 600 : 0) }).steps(100),
    );
    expect(stragglers(trainings)).toEqual([
      'rank 3 is the last to tell each step, 600 ms behind the others (a step takes 1 s)',
    ]);
  });
});

describe('ranks that are well', () => {
  test('whatever the order and the jitter', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.double({ min: 0, max: 0.3, noNaN: true }),
        (seed, jitter) => {
          const next = random(seed);
          const ends = Array.from({ length: 100 }, (_, i) => start + i * 1_000);
          const trainings = ranks.map((rank) => {
            const training = new Training({ rank });
            for (const end of ends) {
              training.time = end + Math.round(200 * jitter * Math.abs(normal(next)));
              training.step += 1;
              training.point({ loss: 2, tps: 1_000 * (1 + jitter * normal(next)) });
            }
            return training;
          });
          expect(stragglers(trainings)).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('a clock that is wrong', () => {
    for (const skew of [40, 60_000, 3_600_000])
      expect(
        stragglers(
          ranks.map((rank) => new Training({ rank, from: start + (rank === 3 ? skew : 0) }).steps(100)),
        ),
      ).toEqual([]);
    const elsewhere = ranks.map((rank) =>
      new Training({ rank, host: `n${rank}`, from: start + (rank === 3 ? 600 : 0) }).steps(100),
    );
    expect(stragglers(elsewhere)).toEqual([]);
  });

  test('ranks of two kinds, half of them slower', () => {
    const trainings = ranks.map((rank) =>
      new Training({ rank }).steps(100, { ms: rank < 2 ? 1_000 : 1_600 }),
    );
    expect(stragglers(trainings)).toEqual([]);
  });

  test('one that prints more seldom', () => {
    const trainings = ranks.map((rank) => new Training({ rank }).steps(600, { every: rank === 0 ? 1 : 10 }));
    expect(stragglers(trainings)).toEqual([]);
  });

  test('one whose log ends early', () => {
    const trainings = ranks.map((rank) => new Training({ rank }).steps(rank === 2 ? 60 : 600));
    expect(stragglers(trainings)).toEqual([]);
  });
});

test('the order of the streams does not count, nor that facts come twice', () => {
  const trainings = ranks.map((rank) =>
    new Training({ rank }).steps(rank === 1 ? 100 : 150, { ms: rank === 1 ? 1_500 : 1_000 }),
  );
  const causes = (facts: readonly Fact[][]) => {
    const failures = new RunFailures();
    for (const some of facts) failures.take(some);
    return failures.causes();
  };
  const facts = trainings.map((training) => training.facts);
  const expected = causes(facts);
  expect(expected).toHaveLength(1);
  expect(causes(facts.toReversed())).toEqual(expected);
  expect(causes([...facts, ...facts])).toEqual(expected);
});
