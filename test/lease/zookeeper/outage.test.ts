import { describe, expect, test } from 'vitest';
import { CabooseError } from '../../../src/core/errors.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { Outage } from '../../../src/lease/zookeeper/outage.ts';
import { FakeClock } from '../../fakes/clock.ts';

const back = { server: 'zk-1:2181', session: '0x1' };

function recorded() {
  const clock = new FakeClock();
  const told: [object, string][] = [];
  const keep = (fields: object, message: string) => void told.push([fields, message]);
  return { clock, told, outage: new Outage(clock, { ...silentLogger, warn: keep, info: keep }) };
}

describe('an outage', () => {
  test('is told once, with its first reason, and its end with how long it was', async () => {
    const { clock, told, outage } = recorded();
    outage.tell(new CabooseError('ZOOKEEPER_CONNECTION_LOST', 'reset', { hint: 'start it' }));
    await clock.advance(1200);
    outage.tell(new Error('refused'));
    expect(outage.lastsMs).toBe(1200);
    expect(outage.reason).toBe('refused');
    outage.end(back);
    expect(told).toEqual([
      [{ reason: 'reset', hint: 'start it' }, 'ZooKeeper cannot be reached: trying the servers in turn'],
      [{ ...back, outageMs: 1200 }, 'ZooKeeper connection is back'],
    ]);
  });

  test('that follows is told again; an end without one is not', () => {
    const { told, outage } = recorded();
    outage.end(back);
    expect([told, outage.lastsMs, outage.reason]).toEqual([[], null, null]);
    outage.tell(new Error('reset'));
    outage.end(back);
    outage.tell(new Error('reset'));
    expect(told).toHaveLength(3);
  });
});
