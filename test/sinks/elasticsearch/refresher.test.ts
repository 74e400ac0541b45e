import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import { Refresher } from '../../../src/sinks/elasticsearch/refresher.ts';
import { FakeClock, settle } from '../../fakes/clock.ts';

let clock: FakeClock;
let refreshed: string[][];
let fails: boolean;
let tookMs: number;
let refresher: Refresher;

beforeEach(() => {
  clock = new FakeClock();
  refreshed = [];
  fails = false;
  tookMs = 0;
  refresher = new Refresher({
    refresh: async (indices) => {
      refreshed.push(indices);
      if (fails) throw new Error('busy');
      if (tookMs > 0) await clock.sleep(tookMs);
    },
    intervalMs: 250,
    clock,
    logger: silentLogger,
  });
});

describe('Refresher', () => {
  it('refreshes at once, then at most once in the interval, whatever is asked for', async () => {
    refresher.request(['a']);
    await settle();
    expect(refreshed).toEqual([['a']]);
    for (let i = 0; i < 10; i += 1) refresher.request([i % 2 === 0 ? 'a' : 'b']);
    await clock.advance(249);
    expect(refreshed).toHaveLength(1);
    await clock.advance(1);
    expect(refreshed).toEqual([['a'], ['a', 'b']]);
    await clock.advance(10_000);
    expect(refreshed).toHaveLength(2);
  });

  it('asks for nothing when nothing was written, and goes on after a failure', async () => {
    refresher.request([]);
    fails = true;
    refresher.request(['a']);
    await settle();
    fails = false;
    refresher.request(['b']);
    await clock.advance(250);
    expect(refreshed).toEqual([['a'], ['b']]);
  });

  it('leaves a server that takes long for a refresh twenty times as long for other work', async () => {
    tookMs = 100;
    refresher.request(['a']);
    await settle();
    refresher.request(['b']);
    await clock.advance(1_999);
    expect(refreshed).toEqual([['a']]);
    await clock.advance(1);
    expect(refreshed).toEqual([['a'], ['b']]);
  });

  it('does not wait for its turn when it is stopped', async () => {
    refresher.request(['a']);
    await settle();
    refresher.request(['b']);
    await refresher.stop();
    expect(refreshed).toEqual([['a']]);
  });
});
