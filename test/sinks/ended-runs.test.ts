import { describe, expect, it } from 'vitest';
import type { Fact } from '../../src/core/fact.ts';
import { EndedRuns } from '../../src/sinks/ended-runs.ts';
import { FakeClock } from '../fakes/clock.ts';

const factOf = (attempt: number, observed = 0) => ({ run: 'r', attempt, observed }) as Fact;

describe('runs that have ended', () => {
  it('are over when their grace is, earlier attempts with them, later ones not', async () => {
    const clock = new FakeClock();
    const ended = new EndedRuns(clock, 1000);
    ended.add(factOf(1));
    expect(ended.includes(factOf(1))).toBe(false);
    await clock.advance(1001);
    expect([0, 1, 2].map((attempt) => ended.includes(factOf(attempt)))).toEqual([true, true, false]);
    expect([0, 1, 2].map((attempt) => ended.isOverFor({ run: 'r', attempt }))).toEqual([true, true, false]);
    expect(ended.isOverFor({ run: 'another', attempt: 0 })).toBe(false);
  });

  it('go on after all when a point comes that was seen well after the end', async () => {
    const clock = new FakeClock();
    const ended = new EndedRuns(clock, 1000);
    ended.add(factOf(0, 5000));
    await clock.advance(2000);
    expect(ended.includes(factOf(0, 6001))).toBe(false);
    expect(ended.isOverFor({ run: 'r', attempt: 0 })).toBe(false);
  });

  it('are forgotten after a time, and the oldest when there are too many', async () => {
    const clock = new FakeClock();
    const ended = new EndedRuns(clock, 0);
    for (let run = 0; run <= 1000; run += 1) ended.add({ ...factOf(0), run: `r${run}` });
    await clock.advance(1);
    expect(['r0', 'r1', 'r1000'].map((run) => ended.isOverFor({ run, attempt: 0 }))).toEqual([
      false,
      true,
      true,
    ]);
    await clock.advance(100);
    ended.forget(100);
    expect(ended.isOverFor({ run: 'r1', attempt: 0 })).toBe(false);
  });
});
