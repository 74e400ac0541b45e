import { describe, expect, it } from 'vitest';
import { Budget } from '../../src/tail/budget.ts';
import { FakeClock } from '../fakes/clock.ts';

/** A budget over a clock and a CPU meter that the test holds in its hands. */
class Bench {
  readonly clock = new FakeClock();
  #cpuSeconds = 100;
  readonly #budget: Budget;

  constructor(limits: { cpuMax?: number; bytesPerSecondMax?: number }) {
    const { cpuMax = null, bytesPerSecondMax = null } = limits;
    const { clock } = this;
    this.#budget = new Budget({ cpuMax, bytesPerSecondMax, clock, cpuSeconds: () => this.#cpuSeconds });
  }

  /** The pause after so many seconds in which so much was used. */
  async pauseMs(seconds: number, used: { cpuSeconds?: number; bytes?: number }): Promise<number> {
    await this.clock.advance(seconds * 1000);
    this.#cpuSeconds += used.cpuSeconds ?? 0;
    return Math.round(this.#budget.pauseMs(used.bytes ?? 0));
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
    expect(await bench.pauseMs(1, {})).toBe(0);
    expect(await bench.pauseMs(1, { cpuSeconds: 0.25 })).toBe(0);
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

  it('pauses five seconds at most at a time, and remembers the rest', async () => {
    const bench = new Bench({ bytesPerSecondMax: 1000 });
    expect(await bench.pauseMs(0, { bytes: 8000 })).toBe(5000);
    expect(await bench.pauseMs(5, {})).toBe(3000);
  });

  it('takes no notice of a jump of the wall clock', async () => {
    const bench = new Bench({ bytesPerSecondMax: 1000 });
    bench.clock.jumpWall(3_600_000);
    expect(await bench.pauseMs(0, { bytes: 1000 })).toBe(1000);
  });
});
