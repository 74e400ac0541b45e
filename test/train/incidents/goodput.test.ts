import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Ledger } from '../../../src/train/incidents/goodput.ts';
import { RunFailures } from '../../../src/train/incidents/run-failures.ts';
import { Training } from './training.ts';

const minute = 60_000;

function ledger(trainings: readonly Training[], now: number | null = null): Ledger {
  const failures = new RunFailures();
  for (const { facts } of trainings) failures.take(facts);
  const found = failures.ledger({ now });
  expect(found).not.toBeNull();
  return found ?? ({} as Ledger);
}

test('steps, checkpoints, evaluations, the start, and what nothing is known of', () => {
  const training = new Training()
    .phase('init')
    .wait(2 * minute)
    .steps(100);
  training
    .phase('checkpoint')
    .wait(3 * minute)
    .steps(100);
  training
    .wait(4 * minute)
    .point({ eval_loss: 2 })
    .steps(100);
  training.wait(5 * minute).steps(100);
  expect(ledger([training])).toEqual({
    attempts: 1,
    totalMs: 400_000 + 14 * minute,
    productiveMs: 399_000,
    lostMs: 0,
    stepsLost: 0,
    restartMs: 0,
    checkpointMs: 3 * minute,
    evalMs: 4 * minute,
    // With the first step: how long it took by itself nobody can tell.
    startupMs: 2 * minute + 1_000,
    idleMs: 5 * minute,
    atRisk: { checkpointStep: 100, steps: 300, ms: 300_000 },
  });
});

describe('a restart', () => {
  test('into a file of its own costs its time, and the steps since the checkpoint', () => {
    const before = new Training()
      .steps(100)
      .phase('checkpoint')
      .wait(1_000)
      .phase('checkpoint', 'ends')
      .steps(50);
    const after = new Training({ attempt: 1, from: before.time + 10 * minute });
    after.step = 100;
    after.steps(200);
    const found = ledger([before, after]);
    expect(found).toMatchObject({
      attempts: 2,
      stepsLost: 50,
      lostMs: 50_000,
      restartMs: 10 * minute + 1_000,
    });
    // Of the attempt before: this one has not completed one.
    expect(found.atRisk).toMatchObject({ checkpointStep: 100, steps: 200 });
  });

  test('into the same file, too', () => {
    const training = new Training().steps(150).wait(10 * minute);
    training.step = 100;
    training.steps(200);
    const found = ledger([training]);
    expect(found.stepsLost).toBe(49);
    expect(found.lostMs).toBe(49_000);
    expect(found.restartMs).toBe(10 * minute - 2_000);
  });

  test('from the beginning costs all', () => {
    const before = new Training().steps(150);
    const after = new Training({ attempt: 1, from: before.time + minute }).steps(200);
    expect(ledger([before, after])).toMatchObject({ stepsLost: 150, lostMs: 150_000 });
  });

  test('epochs that count from the beginning are none', () => {
    const training = new Training();
    for (let epoch = 0; epoch < 4; epoch += 1) {
      training.step = 0;
      training.steps(100);
    }
    expect(ledger([training])).toMatchObject({ stepsLost: 0, lostMs: 0, restartMs: 0, atRisk: null });
  });

  test("a launcher's file that holds all attempts counts once", () => {
    const console = new Training({ stream: 'console' }).steps(200);
    const first = new Training({ rank: 0 }).steps(90);
    const second = new Training({ rank: 0, attempt: 1, from: first.time + 20_000 }).steps(90);
    expect(ledger([console, first, second]).totalMs).toBe(200_000 - 1_000);
  });
});

test('processes that write to one file without a name make no steps again', () => {
  const training = new Training();
  for (let i = 1; i <= 300; i += 1) {
    for (const step of [i, i - 2, i - 1]) {
      training.step = Math.max(step, 1);
      training.wait(300).point({ loss: 2 });
    }
  }
  expect(ledger([training])).toMatchObject({ stepsLost: 0, lostMs: 0, restartMs: 0 });
});

test('silence until somebody ended the run is unknown time', () => {
  const training = new Training()
    .steps(100)
    .wait(60 * minute)
    .observe('terminated', 'root', 'sure');
  expect(ledger([training])).toMatchObject({ productiveMs: 99_000, idleMs: 60 * minute });
});

test('nothing is at risk of a run that is through', () => {
  const training = new Training().steps(100).phase('checkpoint').steps(50).observe('finished');
  expect(ledger([training]).atRisk).toBeNull();
});

test('a checkpoint that was only begun does not count', () => {
  const training = new Training().steps(100).phase('checkpoint').steps(50).phase('checkpoint');
  expect(ledger([training]).atRisk).toMatchObject({ checkpointStep: 100, steps: 50 });
});

test('without times of their own: nothing from files, the times of the reader under way', () => {
  const training = new Training({ isDated: false }).steps(100);
  const failures = new RunFailures();
  failures.take(training.facts);
  expect(failures.ledger()).toBeNull();
  expect(failures.ledger({ now: training.time })).toMatchObject({ productiveMs: 99_000, totalMs: 99_000 });
});

test('the parts make up the whole, which is the time from the first sign to the last', () => {
  const work = fc.oneof(
    fc.record({
      do: fc.constant('steps' as const),
      n: fc.integer({ min: 1, max: 60 }),
      ms: fc.integer({ min: 1, max: 5_000 }),
    }),
    fc.record({
      do: fc.constantFrom('checkpoint' as const, 'eval' as const, 'wait' as const, 'back' as const),
      ms: fc.integer({ min: 0, max: 900_000 }),
    }),
    fc.record({
      do: fc.constant('restart' as const),
      ms: fc.integer({ min: 0, max: 900_000 }),
      to: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(fc.array(work, { maxLength: 30 }), (works) => {
      const trainings = [new Training().steps(1)];
      const begin = trainings[0]?.time ?? 0;
      for (const each of works) {
        const training = trainings.at(-1);
        if (training === undefined) continue;
        if (each.do === 'steps') training.steps(each.n, { ms: each.ms });
        else if (each.do === 'checkpoint' || each.do === 'eval') training.phase(each.do).wait(each.ms);
        else if (each.do === 'wait') training.wait(each.ms);
        else if (each.do === 'back') {
          training.step = Math.floor(training.step / 2);
          training.wait(each.ms);
        } else if (each.do === 'restart') {
          const next = new Training({ attempt: trainings.length, from: training.time + each.ms });
          next.step = Math.floor(training.step * each.to);
          trainings.push(next.steps(1));
        }
      }
      const end = trainings.at(-1)?.facts.at(-1)?.time ?? 0;
      const failures = new RunFailures();
      for (const { facts } of trainings) failures.take(facts);
      const found = failures.ledger();
      expect(found === null).toBe(end === begin);
      if (found === null) return;
      const { attempts, totalMs, stepsLost, atRisk, ...parts } = found;
      for (const part of Object.values(parts)) expect(part).toBeGreaterThanOrEqual(0);
      expect(attempts).toBe(trainings.length);
      expect(stepsLost).toBeGreaterThanOrEqual(0);
      expect(atRisk?.steps ?? 0).toBeGreaterThanOrEqual(0);
      expect(totalMs).toBeCloseTo(end - begin, 3);
      expect(Object.values(parts).reduce((a, b) => a + b)).toBeCloseTo(totalMs, 3);
    }),
    { numRuns: 200 },
  );
});
