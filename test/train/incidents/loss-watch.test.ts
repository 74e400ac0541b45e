import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RunFailures } from '../../../src/train/incidents/run-failures.ts';
import { normal, random, Training } from './training.ts';

function jumps(training: Training): string[] {
  const failures = new RunFailures();
  failures.take(training.facts);
  return failures.causes().flatMap((cause) => (cause.class === 'spike' ? [cause.message] : []));
}

function ofLosses(losses: readonly number[], rates: readonly number[] = []): string[] {
  const training = new Training();
  for (const [i, loss] of losses.entries())
    training.steps(1, { values: () => ({ loss, ...(rates[i] !== undefined && { lr: rates[i] }) }) });
  return jumps(training);
}

/** A loss that falls, with noise. */
function falling(count: number, seed: number, noise = 0.1): number[] {
  const next = random(seed);
  return Array.from({ length: count }, (_, i) => 2 + 4 / (1 + i / 50) + noise * normal(next));
}

describe('a loss that jumps', () => {
  test('and does not come down', () => {
    const [message] = ofLosses([...falling(300, 1), ...falling(50, 2).map((loss) => loss + 8)]);
    expect(message).toMatch(
      /^loss jumped from 2\.\d+ to 1[2-4]\.\d+ at step 301, and has not come down since$/,
    );
  });

  test('and comes down again', () => {
    const losses = falling(400, 1).map((loss, i) => (i >= 300 && i < 310 ? loss + 8 : loss));
    expect(ofLosses(losses)[0]).toMatch(/at step 301, and came down again after 10 values$/);
  });

  test('at whatever step, noise and height', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.integer({ min: 150, max: 400 }),
        fc.double({ min: 0.005, max: 0.15, noNaN: true }),
        fc.double({ min: 5, max: 100, noNaN: true }),
        (seed, at, noise, height) => {
          const losses = falling(500, seed, noise).map((loss, i) => (i >= at ? loss + height : loss));
          expect(ofLosses(losses)[0]).toMatch(new RegExp(`at step ${at + 1}, and has not`));
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('a loss that is well does not', () => {
  test('whatever its noise', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1e6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (seed, noise) => {
          expect(ofLosses(falling(1_000, seed, noise))).toEqual([]);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('as in reinforcement learning: of both signs, with heavy tails', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
        const next = random(seed);
        // Student's t with two degrees of freedom: its variance is infinite.
        const losses = Array.from(
          { length: 2_000 },
          () => (0.02 * normal(next)) / Math.sqrt(-Math.log(1 - next())),
        );
        expect(ofLosses(losses)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test('a single outlier', () => {
    expect(ofLosses(falling(400, 3).map((loss, i) => (i % 100 === 99 ? loss * 10 : loss)))).toEqual([]);
  });

  test('warm restarts of the learning rate', () => {
    const rates = Array.from({ length: 600 }, (_, i) => 0.01 * (1 + Math.cos((Math.PI * (i % 150)) / 150)));
    const losses = falling(600, 4, 0.01).map((loss, i) => loss + (i >= 150 ? 300 * (rates[i] ?? 0) : 0));
    expect(ofLosses(losses, rates)).toEqual([]);
  });

  test('epochs, at the begin of which it falls', () => {
    expect(ofLosses(falling(900, 5, 0.02).map((loss, i) => loss / (1 + Math.floor(i / 300))))).toEqual([]);
  });

  test('a run that goes back to a checkpoint', () => {
    const training = new Training().steps(400, { values: (step) => ({ loss: 8 * 0.99 ** step }) });
    training.step = 50;
    expect(jumps(training.steps(400, { values: (step) => ({ loss: 8 * 0.99 ** step }) }))).toEqual([]);
  });

  test('the loss of a small step size that is all but constant', () => {
    expect(ofLosses(Array.from({ length: 300 }, (_, i) => 1 + (i > 200 ? 0.2 : 0)))).toEqual([]);
  });
});
