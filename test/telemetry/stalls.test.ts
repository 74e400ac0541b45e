import { beforeEach, describe, expect, it } from 'vitest';
import type { Logger } from '../../src/core/logger.ts';
import { createHealth } from '../../src/telemetry/health.ts';
import type { Health } from '../../src/telemetry/health.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { StallWatch } from '../../src/telemetry/stalls.ts';
import { FakeClock } from '../fakes/clock.ts';

describe('the stall watchdog', () => {
  let clock: FakeClock;
  let metrics: ReturnType<typeof createMetrics>;
  let health: Health;
  let watch: StallWatch;
  let told: string[];
  const stop = new AbortController();

  beforeEach(() => {
    clock = new FakeClock();
    metrics = createMetrics();
    health = createHealth(clock);
    told = [];
    const tell = (fields: object, message: string) =>
      void told.push(`${(fields as { part: string }).part}: ${message}`);
    const logger: Logger = { debug: tell, info: tell, warn: tell, error: tell };
    watch = new StallWatch({ clock, logger, metrics });
    watch.register(health);
    void watch.run(stop.signal);
  });

  const stalls = async (part: string) =>
    (await metrics.stalls.get()).values.find(({ labels }) => labels.part === part)?.value;
  const reason = async (probe: 'readiness' | 'liveness') =>
    (await health[probe]()).checks['progress']?.reason;

  it('tells work that does not end: by name, for how long, and where it stands', async () => {
    const work = watch.part('tail').begin('walking');
    expect(await stalls('tail')).toBe(0);
    await clock.advance(60_000);
    work.progress('reading');
    await clock.advance(115_000);
    expect(told).toEqual([]);
    expect((await health.readiness()).ok).toBe(true);
    await clock.advance(10_000);
    expect(told).toEqual(['tail: a part makes no progress']);
    expect(await reason('readiness')).toBe('tail makes no progress since 125 s (reading)');
    expect(await reason('liveness')).toBeUndefined();
    await clock.advance(60_000);
    expect(await stalls('tail')).toBe(1);
  });

  it('is not alive when it cannot recover, and alive again when it does', async () => {
    const work = watch.part('batch').begin('bulk 3: taking it in');
    await clock.advance(610_000);
    expect(await reason('liveness')).toContain('batch makes no progress since 610 s');
    work.end();
    await clock.advance(5_000);
    expect((await health.liveness()).ok).toBe(true);
    expect((await health.readiness()).ok).toBe(true);
    expect(told).toEqual(['batch: a part makes no progress', 'batch: a part makes progress again']);
  });

  it('does not call the outage of a server a stall, however long', async () => {
    let away: string | null = 'connect ECONNREFUSED';
    watch.part('batch', { excuse: () => away }).begin('bulk 3: taking it in');
    await clock.advance(1_200_000);
    expect(told).toEqual([]);
    away = null;
    await clock.advance(110_000);
    expect(told).toEqual([]);
    await clock.advance(20_000);
    expect(told).toEqual(['batch: a part makes no progress']);
  });

  it('counts only the piece of work that stands, not those that come and go beside it', async () => {
    const part = watch.part('batch');
    part.begin('fast 1');
    for (let i = 0; i < 30; i += 1) {
      const other = part.begin('bulk 2');
      await clock.advance(5_000);
      other.end();
    }
    expect(await reason('readiness')).toContain('(fast 1)');
  });

  it('never restarts what a restart would not help', async () => {
    watch.part('tail', { hopelessAfterMs: null }).begin('reading');
    await clock.advance(900_000);
    expect((await health.readiness()).ok).toBe(false);
    expect((await health.liveness()).ok).toBe(true);
  });

  it('tells a blocked event loop afterwards, and holds it against no other part', async () => {
    watch.part('tail').begin('reading');
    await clock.advance(5_000);
    // As a process that was stopped sees it: much time at once.
    clock.leap(900_000);
    await clock.advance(5_000);
    expect(told).toEqual(['event-loop: the process did not run for a while']);
    expect(await stalls('event-loop')).toBe(1);
    expect((await health.liveness()).ok).toBe(true);
    await clock.advance(60_000);
    expect(told).toHaveLength(1);
  });
});
