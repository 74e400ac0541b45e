import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RunFailures } from '../../../src/train/incidents/run-failures.ts';
import { normal, random, Training } from './training.ts';

function slow(training: Training): string[] {
  const failures = new RunFailures();
  failures.take(training.facts);
  return failures.causes().flatMap((cause) => (cause.class === 'slow' ? [cause.message] : []));
}

const jittered = (seed: number, jitter: number) => {
  const next = random(seed);
  return (usual: number) => Math.max(1, Math.round(usual * (1 + jitter * normal(next))));
};

describe('steps that take much longer than they did', () => {
  test('are told while they do', () => {
    const training = new Training().steps(200, { ms: 400 }).steps(60, { ms: 1_000 });
    expect(slow(training)).toEqual(['a step takes 1 s, where 400 ms was usual']);
    expect(slow(training.steps(60, { ms: 400 }))).toEqual([]);
  });

  test('by the rate that they state', () => {
    const rate = (tps: number) => () => ({ loss: 2, tps });
    const training = new Training().steps(200, { values: rate(50_000) }).steps(60, { values: rate(20_000) });
    expect(slow(training)).toEqual(['tps is 20000, where 50000 was usual']);
  });

  test('with some jitter, from 1.9 times the usual on', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.double({ min: 1.9, max: 20, noNaN: true }),
        (seed, factor) => {
          const vary = jittered(seed, 0.08);
          const training = new Training()
            .steps(150, { ms: () => vary(500) })
            .steps(80, { ms: () => vary(500 * factor) });
          expect(slow(training)).toHaveLength(1);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('steps that are well are not', () => {
  test('whatever their jitter', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.double({ min: 0, max: 0.6, noNaN: true }),
        (seed, jitter) => {
          const vary = jittered(seed, jitter);
          expect(slow(new Training().steps(1_000, { ms: () => vary(500) }))).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('every fourth one waits for data', () => {
    expect(slow(new Training().steps(800, { ms: (i) => (i % 4 === 0 ? 5_000 : 300) }))).toEqual([]);
  });

  test('one long pause, as of a machine that slept', () => {
    expect(
      slow(
        new Training()
          .steps(200)
          .wait(9 * 3_600_000)
          .steps(200),
      ),
    ).toEqual([]);
  });

  test('larger batches, at the same rate', () => {
    const values = () => ({ loss: 2, tokens_per_second: 50_000 });
    const training = new Training().steps(200, { ms: 400, values }).steps(200, { ms: 1_600, values });
    expect(slow(training)).toEqual([]);
  });

  test('evaluations in between', () => {
    const training = new Training();
    for (let i = 0; i < 20; i += 1) training.steps(30).wait(120_000).point({ eval_loss: 2 });
    expect(slow(training)).toEqual([]);
  });
});
