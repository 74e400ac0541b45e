import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PointFact } from '../../src/core/fact.ts';
import { readFacts } from '../../src/train/read-facts.ts';
import { eventsOf } from '../events/helpers.ts';

const line = (step: number, value = 4.5) => `step ${step}: loss=${value}`;

function pointsIn(lines: readonly string[], path = '/logs/train.log'): PointFact[] {
  let memory: Record<string, unknown> = {};
  const points: PointFact[] = [];
  for (const event of eventsOf(`${lines.join('\n')}\n`, { path })) {
    const read = readFacts(event, memory);
    // As a stream document keeps it.
    memory = JSON.parse(JSON.stringify(read.context)) as Record<string, unknown>;
    for (const fact of read.facts) if (fact.kind === 'point') points.push(fact);
  }
  return points;
}

const restarts = (lines: readonly string[], path?: string) =>
  pointsIn(lines, path)
    .map(({ step, restart = 0 }) => `${step}.${restart}`)
    .join(' ');

describe('restarts in one file', () => {
  it('are told by steps that go back', () => {
    const lines = [10, 20, 30, 40, 20, 30, 40, 50, 30, 40].map((step) => line(step));
    expect(restarts(lines)).toBe('10.0 20.0 30.0 40.0 20.1 30.1 40.1 50.1 30.2 40.2');
  });

  it('are none where trials of a search end in any order', () => {
    // Optuna 5.0, `n_jobs=6`.
    const trial = (n: number) =>
      `[I 2026-11-27 01:17:46,183] Trial ${n} finished with value: 0.5 and parameters: {'x': 0.5}. Best is trial 0 with value: 0.5.`;
    expect(restarts([5, 7, 8, 9, 4, 6].map(trial))).toBe('5.0 7.0 8.0 9.0 4.0 6.0');
  });

  it('are none where steps begin anew with an epoch that is told without a rank', () => {
    const epoch = (n: number) => [`Epoch ${n} begins`, ...[1, 2, 3].map((n) => `[rank 1] ${line(n)}`)];
    expect(restarts([...epoch(1), ...epoch(2), ...epoch(3)])).toBe('1.0 2.0 3.0 1.0 2.0 3.0 1.0 2.0 3.0');
  });

  it.each([
    ['an exception', 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: x'],
    ['words of resuming', 'INFO Resuming from checkpoint-20'],
    ['a checkpoint that is read', 'loaded model state from checkpoint 20'],
  ])('are told by one step behind %s', (_, text) => {
    const lines = [line(10), line(20), line(30), text, line(30), line(40)];
    expect(restarts(lines)).toBe('10.0 20.0 30.0 30.1 40.1');
  });

  it('are none where the steps go on', () => {
    const text = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: caught';
    expect(restarts([line(10), line(20), text, line(30)])).toBe('10.0 20.0 30.0');
  });

  it('are told in records and rows', () => {
    const record = (step: number, epoch: number) => JSON.stringify({ step, epoch, loss: 4.25 });
    const records = [record(10, 0.1), record(20, 0.2), record(30, 0.3), record(10, 0.1), record(20, 0.2)];
    expect(restarts(records, '/logs/train.jsonl')).toBe('10.0 20.0 30.0 10.1 20.1');
    const run = '/mlruns/0/f8396f04dd934dd99c008a87c986e077/metrics/loss';
    const metrics = [1, 2, 3, 1, 2].map((step) => `179542859855${step} 4.5 ${step}`);
    expect(restarts(metrics, run)).toBe('1.0 2.0 3.0 1.1 2.1');
  });

  it('are none where each epoch counts its steps anew', () => {
    const epochs = [1, 2, 3].flatMap((epoch) =>
      [10, 20, 30].map((step) => `epoch ${epoch} step ${step} loss: 4.5`),
    );
    expect(restarts(epochs)).not.toMatch(/\.1/);
    const headed = [1, 2].flatMap((epoch) => [`Epoch ${epoch}`, ...[10, 20, 30].map((step) => line(step))]);
    expect(restarts(headed)).not.toMatch(/\.1/);
  });

  it('are counted for each rank, by the names of each', () => {
    const of = (rank: number, step: number) => `[rank${rank}]: ${line(step)}`;
    const lines = [
      of(0, 10),
      of(1, 10),
      of(0, 20),
      of(1, 20),
      of(0, 30),
      of(1, 30),
      of(1, 10),
      of(0, 10),
      of(1, 20),
    ];
    const found = pointsIn(lines).map(({ rank, step, restart = 0 }) => `${rank}:${step}.${restart}`);
    expect(found.slice(6)).toEqual(['1:10.1', '0:10.1', '1:20.1']);
  });

  it('are none where processes print beside each other, a step behind', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 10, maxLength: 60 }), (order) => {
        // Two processes in lockstep: neither is more than a step ahead.
        const at = [0, 0];
        const lines: string[] = [];
        for (const first of order) {
          const who = at[0] === at[1] ? Number(!first) : Number(at[0]! > at[1]!);
          at[who]! += 10;
          lines.push(line(at[who]!));
        }
        expect(restarts(lines)).not.toMatch(/\.1/);
      }),
    );
  });

  it('give every point a life in which steps only grow, whatever the resumes', () => {
    const lives = fc.array(
      fc.record({ from: fc.integer({ min: 0, max: 50 }), count: fc.integer({ min: 3, max: 20 }) }),
      {
        minLength: 1,
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(lives, (plan) => {
        let reached = -1;
        const lines: string[] = [];
        const expected: string[] = [];
        let restart = 0;
        plan.forEach(({ from, count }, i) => {
          // Each life begins at least three steps behind the end of the one before.
          const start = i === 0 ? from : Math.max(0, Math.min(from, reached - 2));
          if (i > 0) restart += 1;
          for (let step = start; step < start + count; step += 1) {
            lines.push(line(step));
            expected.push(`${step}.${restart}`);
          }
          reached = start + count - 1;
        });
        expect(restarts(lines)).toBe(expected.join(' '));
      }),
    );
  });

  it('remember little, whatever the names and ranks', () => {
    let memory: Record<string, unknown> = {};
    const lines = Array.from(
      { length: 3000 },
      (_, i) => `[rank${i % 300}]: step ${i}: loss=1.5 m${i}=2.5 constructor=3`,
    );
    for (const event of eventsOf(`${lines.join('\n')}\n`)) memory = readFacts(event, memory).context;
    expect(JSON.stringify(memory['restarts']).length).toBeLessThan(40_000);
  });
});
