import { describe, expect, it } from 'vitest';
import { lanes } from '../../src/core/segment.ts';
import type { Lane } from '../../src/core/segment.ts';
import { Budget } from '../../src/tail/budget.ts';
import { FakeClock } from '../fakes/clock.ts';

/** A budget over a clock and a CPU meter that the test holds in its hands. */
class Bench {
  readonly clock = new FakeClock();
  #cpuSeconds = 100;
  readonly budget: Budget;

  constructor(limits: { cpuMax?: number; bytesPerSecondMax?: number }) {
    const { cpuMax = null, bytesPerSecondMax = null } = limits;
    const { clock } = this;
    this.budget = new Budget({ cpuMax, bytesPerSecondMax, clock, cpuSeconds: () => this.#cpuSeconds });
  }

  /** The pause of bulk after so many seconds in which so much was used. */
  async pauseMs(
    seconds: number,
    used: { cpuSeconds?: number; bytes?: number },
    lane: Lane = 'bulk',
  ): Promise<number> {
    await this.clock.advance(seconds * 1000);
    this.#cpuSeconds += used.cpuSeconds ?? 0;
    this.budget.spend(lane, used.bytes ?? 0);
    return this.budget.pauseMs(lane);
  }
}

describe('Budget', () => {
  it('never pauses without limits', async () => {
    expect(await new Bench({}).pauseMs(0, { cpuSeconds: 99, bytes: 1e12 })).toBe(0);
  });

  it('does not count what the process had used before', async () => {
    expect(await new Bench({ cpuMax: 0.25 }).pauseMs(0, {})).toBe(0);
  });

  it('pauses until the CPU used is within the ceiling', async () => {
    const bench = new Bench({ cpuMax: 0.25 });
    expect(await bench.pauseMs(1, { cpuSeconds: 0.5 })).toBe(1000);
    expect(bench.budget.isCpuSpent).toBe(true);
    expect(await bench.pauseMs(1, {})).toBe(0);
    expect(bench.budget.isCpuSpent).toBe(false);
    expect(await bench.pauseMs(1, { cpuSeconds: 0.25 })).toBe(0);
  });

  it('lets both lanes read every ten seconds though other work of the process uses up all the CPU', async () => {
    const bench = new Bench({ cpuMax: 0.25 });
    const turns = { fast: 0, bulk: 0 };
    for (let second = 0; second < 200; second += 1) {
      await bench.pauseMs(1, { cpuSeconds: 0.5 });
      for (const lane of lanes) {
        const pauseMs = bench.budget.pauseMs(lane);
        expect(pauseMs).toBeLessThanOrEqual(10_000);
        if (pauseMs === 0) turns[lane] += 1;
      }
      if (bench.budget.pauseMs('bulk') === 0) for (const lane of lanes) bench.budget.spend(lane, 1000);
    }
    for (const lane of lanes) expect(turns[lane]).toBeGreaterThan(17);
    for (const lane of lanes) expect(turns[lane]).toBeLessThan(30);
    // When the other work is over, it is not paid back for minutes.
    expect(await bench.pauseMs(11, {})).toBe(0);
    expect(bench.budget.isCpuSpent).toBe(false);
  });

  it('pauses until the bytes sent are within the ceiling', async () => {
    const bench = new Bench({ bytesPerSecondMax: 1000 });
    expect(await bench.pauseMs(1, { bytes: 3000 })).toBe(2000);
    expect(await bench.pauseMs(0.5, {})).toBe(1500);
    expect(await bench.pauseMs(1.5, {})).toBe(0);
  });

  it('pauses for the tighter of both', async () => {
    const bench = new Bench({ cpuMax: 0.5, bytesPerSecondMax: 1000 });
    expect(await bench.pauseMs(0, { cpuSeconds: 1, bytes: 1000 })).toBe(2000);
  });

  it('saves up two seconds of quiet, and no more, so that a burst goes through at once', async () => {
    const bench = new Bench({ bytesPerSecondMax: 1000 });
    await bench.pauseMs(3600, {});
    expect(await bench.pauseMs(0, { bytes: 2000 })).toBe(0);
    expect(await bench.pauseMs(0, { bytes: 1 })).toBe(1);
  });

  it('lets the fast lane run ahead for a second of debt', async () => {
    const bench = new Bench({ bytesPerSecondMax: 1000 });
    expect(await bench.pauseMs(0, { bytes: 1000 }, 'fast')).toBe(0);
    expect(bench.budget.pauseMs('bulk')).toBe(1000);
    expect(await bench.pauseMs(0, { bytes: 500 }, 'fast')).toBe(500);
  });

  it('gives bulk a turn after five seconds, where the fast lane keeps the debt up', async () => {
    const bench = new Bench({ bytesPerSecondMax: 1000 });
    await bench.pauseMs(0, { bytes: 900 }, 'fast');
    expect(await bench.pauseMs(1, { bytes: 1500 }, 'fast')).toBe(400);
    for (let second = 0; second < 5; second += 1) {
      expect(bench.budget.pauseMs('bulk')).toBeGreaterThan(0);
      await bench.pauseMs(1, { bytes: 950 }, 'fast');
    }
    await bench.pauseMs(0.5, {}, 'fast');
    expect(bench.budget.pauseMs('bulk')).toBe(0);
    bench.budget.spend('bulk', 100);
    expect(bench.budget.pauseMs('bulk')).toBeGreaterThan(0);
  });

  it('reads a quarter of a second at once, within bounds', () => {
    const atOnce = (bytesPerSecondMax: number) => new Bench({ bytesPerSecondMax }).budget.bytesAtOnce;
    expect([65_536, 1_048_576, 1e9].map(atOnce)).toEqual([65_536, 262_144, 880 * 1024]);
  });

  it('takes no notice of a jump of the wall clock', async () => {
    const bench = new Bench({ bytesPerSecondMax: 1000 });
    bench.clock.jumpWall(3_600_000);
    expect(await bench.pauseMs(0, { bytes: 1000 })).toBe(1000);
  });
});
