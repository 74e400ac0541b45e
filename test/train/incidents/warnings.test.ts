import { describe, expect, test } from 'vitest';
import { blameOf } from '../../../src/train/incidents/blame.ts';
import { RunFailures } from '../../../src/train/incidents/run-failures.ts';
import type { RunCause } from '../../../src/train/incidents/run-failures.ts';
import { readFacts } from '../../../src/train/read-facts.ts';
import { eventsOf } from '../../events/helpers.ts';
import { start, Training } from './training.ts';

function told(trainings: readonly Training[], now: number | null = null): RunCause[] {
  const failures = new RunFailures();
  for (const { facts } of trainings) failures.take(facts);
  return failures.causes({ now });
}

function ofText(text: string): string[] {
  const failures = new RunFailures();
  let context: Record<string, unknown> = {};
  for (const event of eventsOf(text)) {
    const read = readFacts(event, context);
    context = read.context;
    failures.take(read.facts);
  }
  return failures.causes().map((cause) => `${cause.class} ${cause.role}`);
}

const minute = 60_000;
const attempts = (count: number, everyMs: number, isDated = true) =>
  Array.from({ length: count }, (_, attempt) =>
    new Training({ attempt, isDated, from: start + attempt * everyMs }).steps(20),
  );

describe('a run that is started again and again', () => {
  test('is told with how far it came', () => {
    const [cause] = told(attempts(5, 5 * minute));
    expect(cause).toMatchObject({
      class: 'restart-storm',
      role: 'warning',
      attempt: 4,
      message: 'started 5 times within 20 min: none came further than step 20',
    });
  });

  test('now and then is none, nor one that is over', () => {
    expect(told(attempts(5, 50 * minute))).toEqual([]);
    expect(told(attempts(3, minute))).toEqual([]);
    const storm = attempts(5, minute);
    expect(told(storm, start + 5 * minute)).toHaveLength(1);
    expect(told(storm, start + 200 * minute)).toEqual([]);
  });

  test('from files without times nothing is known', () => {
    expect(told(attempts(5, minute, false))).toEqual([]);
    expect(told(attempts(5, minute, false), start + 6 * minute)).toHaveLength(1);
  });

  test('comes after its failures', () => {
    const trainings = attempts(4, minute).map((training) => training.observe('cuda-oom', 'root', 'sure'));
    expect(told(trainings).map((cause) => cause.class)).toEqual(['cuda-oom', 'restart-storm']);
  });
});

describe('overflows of the loss scale', () => {
  const overflow =
    '[deepspeed] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: 65536, reducing to 32768\n';
  const step = (n: number) => `step=${n}, skipped=0, lr=[0.001], mom=[(0.9, 0.999)]\n`;
  const taken = step(10) + step(20) + step(30);

  test('in a row are a failure', () => {
    expect(ofText(taken + overflow.repeat(10))).toEqual(['overflow root']);
    expect(ofText(taken + (overflow.repeat(10) + step(40)) + overflow.repeat(3))).toEqual(['overflow root']);
  });

  test('now and then are none, however many', () => {
    const text = Array.from({ length: 40 }, (_, i) => step(10 * i + 40) + overflow).join('');
    expect(ofText(taken + text)).toEqual([]);
  });

  test('while the scale is searched for are none', () => {
    expect(ofText(overflow.repeat(30))).toEqual([]);
    expect(ofText(overflow.repeat(60))).toEqual(['overflow root']);
  });

  test('of which Megatron-LM counts all steps, and skips them', () => {
    const line = (n: number, skipped: number) =>
      ` iteration ${String(n).padStart(8)}/    6000 | consumed samples: 80 | learning rate: 2.5E-04 |${skipped === 0 ? ' lm loss: 4.37E+00 |' : ''} loss scale: 1.0 | grad norm: 2.9 | number of skipped iterations: ${String(skipped).padStart(3)} | number of nan iterations:   0 |\n`;
    const good = Array.from({ length: 5 }, (_, i) => line(100 * (i + 1), 0)).join('');
    const bad = Array.from({ length: 12 }, (_, i) => line(600 + 100 * i, 100)).join('');
    expect(ofText(good + bad)).toEqual(['overflow root']);
    expect(ofText(good + bad + line(1_800, 0))).toEqual([]);
    const mixed = Array.from({ length: 40 }, (_, i) => line(600 + 100 * i, i % 2 === 0 ? 100 : 0)).join('');
    expect(ofText(good + mixed + line(4_600, 100))).toEqual([]);
  });
});

test('a gradient norm that is no number three times, far apart, is none', () => {
  const step = (n: number, norm: string) => `step=${n} loss=1.5 grad_norm=${norm}\n`;
  const seldom = [1, 2, 3].map((i) => step(10 * i, 'inf') + step(10 * i + 1, '0.3')).join('');
  expect(ofText(seldom + step(50, 'inf'))).toEqual([]);
  expect(ofText(step(1, '0.3') + step(2, 'inf') + step(3, 'inf') + step(4, 'inf'))).toEqual(['nan root']);
});

describe('blame', () => {
  const failing = (run: string, text: string) => {
    const failures = new RunFailures();
    let context: Record<string, unknown> = {};
    for (const event of eventsOf(text, { run, host: 'localhost' })) {
      const read = readFacts(event, context);
      context = read.context;
      failures.take(read.facts);
    }
    return { run, causes: failures.causes() };
  };
  const killed = (host: string) => `srun: error: ${host}: task 3: Killed\n`;

  test('names the machine on which runs fail first', () => {
    expect(
      blameOf([failing('a', killed('n7')), failing('b', killed('n2')), failing('c', killed('n7'))]),
    ).toEqual([
      { host: 'n7', gpu: null, failures: 2, runs: ['a', 'c'], classes: ['killed'] },
      { host: 'n2', gpu: null, failures: 1, runs: ['b'], classes: ['killed'] },
    ]);
  });

  test('not for what no machine can help, nor one without a name', () => {
    const report =
      '[0]:\n  time      : 2026-11-23_10:02:26\n  host      : n7\n  rank      : 0 (local_rank: 0)\n  exitcode  : -11 (pid: 7)\n';
    expect(blameOf([failing('a', report)])).toMatchObject([{ host: 'n7', classes: ['crash'] }]);
    expect(blameOf([failing('a', report.replace('n7', 'localhost'))])).toEqual([]);
    const wrong = 'Traceback (most recent call last):\n  File "a.py", line 1, in <module>\nValueError: no\n';
    expect(blameOf([failing('a', wrong)])).toEqual([]);
  });
});
