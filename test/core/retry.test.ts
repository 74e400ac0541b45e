import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { backoffMs, retry } from '../../src/core/retry.ts';
import { FakeClock, settle } from '../fakes/clock.ts';

describe('backoffMs', () => {
  it.each([
    [0, 0, 50],
    [0, 0.5, 75],
    [1, 0, 100],
    [3, 0, 400],
    [4, 0, 500],
    [4, 0.5, 750],
    [1_000_000, 0.5, 750],
  ])('after attempt %d with %d drawn, waits %d ms', (attempt, drawn, expected) => {
    expect(backoffMs(attempt, { initialMs: 100, maxMs: 1000, random: () => drawn })).toBe(expected);
  });

  it('never waits less than half of what it may, nor longer than the longest', () => {
    const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(10_000), fc.integer({ min: 1, max: 10_000 }), unit, (attempt, initialMs, drawn) => {
        const ms = backoffMs(attempt, { initialMs, maxMs: 30_000, random: () => drawn });
        expect(ms).toBeGreaterThanOrEqual(initialMs / 2);
        expect(ms).toBeLessThanOrEqual(30_000);
      }),
    );
  });
});

describe('retry', () => {
  const backoff = { initialMs: 100, maxMs: 1000, random: () => 0 };

  /** Fails so many times, then answers with the number of the attempt. */
  const failing = (times: number) =>
    vi.fn(async (attempt: number) => {
      if (attempt < times) throw new Error(`failure ${attempt}`);
      return await Promise.resolve(attempt);
    });

  it('tries again after growing pauses until it works, and tells of each failure', async () => {
    const clock = new FakeClock();
    const work = failing(3);
    const told: string[] = [];
    const onFailure = (error: unknown, attempt: number) => void told.push(`${attempt} ${String(error)}`);
    const done = retry(work, { ...backoff, clock, onFailure });
    await settle();
    const calls: number[] = [work.mock.calls.length];
    for (const ms of [49, 1, 99, 1, 199, 1]) {
      await clock.advance(ms);
      calls.push(work.mock.calls.length);
    }
    expect(calls).toEqual([1, 1, 2, 2, 3, 3, 4]);
    expect(await done).toBe(3);
    expect(told).toEqual(['0 Error: failure 0', '1 Error: failure 1', '2 Error: failure 2']);
  });

  it('gives up at once on what trying again cannot mend, and does not tell of it', async () => {
    const clock = new FakeClock();
    const work = failing(9);
    const onFailure = vi.fn();
    await expect(retry(work, { ...backoff, clock, onFailure, retriable: () => false })).rejects.toThrow(
      'failure 0',
    );
    expect(work).toHaveBeenCalledOnce();
    expect(onFailure).not.toHaveBeenCalled();
  });

  it('stops waiting when the signal aborts, with the last failure', async () => {
    const clock = new FakeClock();
    const abort = new AbortController();
    const work = failing(9);
    const done = retry(work, { ...backoff, clock, signal: abort.signal });
    await settle();
    expect(clock.sleeping).toBe(1);
    abort.abort();
    await expect(done).rejects.toThrow('failure 0');
    expect(work).toHaveBeenCalledOnce();
  });

  it('tries once even when the signal has aborted already, and no more', async () => {
    const work = failing(9);
    const signal = AbortSignal.abort();
    await expect(retry(work, { ...backoff, clock: new FakeClock(), signal })).rejects.toThrow('failure 0');
    expect(work).toHaveBeenCalledOnce();
  });
});
