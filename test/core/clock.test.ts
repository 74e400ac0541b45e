import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';

const longMs = 60 * 60_000;

describe('systemClock', () => {
  it('does not sleep when the signal has aborted', async () => {
    await expect(systemClock.sleep(longMs, AbortSignal.abort(new Error('why')))).resolves.toBeUndefined();
  });

  it('wakes up when the signal aborts, without an error', async () => {
    const abort = new AbortController();
    const sleep = systemClock.sleep(longMs, abort.signal);
    abort.abort(new Error('why'));
    await expect(sleep).resolves.toBeUndefined();
  });

  it('sleeps as long as it is told, by its own measure', async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(20);
    // A timer may fire a fraction of a millisecond early.
    expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(19);
  });

  it('tells wall time in ms since the epoch', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
  });
});
