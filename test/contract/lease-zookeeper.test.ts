import { systemClock } from '../../src/core/clock.ts';
import { freshPath, leaseAt, sessionTimeoutMs } from '../scenario/lease/harness.ts';
import { describeWith } from '../servers/servers.ts';
import { leaseSuite } from './lease.suite.ts';

await describeWith(['zookeeper'], 'on a real server', ({ zookeeper }) => {
  leaseSuite('ZooKeeper', async () => {
    const path = freshPath();
    let shiftMs = 0;
    const clock = { ...systemClock, monotonic: () => systemClock.monotonic() + shiftMs };
    return {
      candidate: (identity) => leaseAt([zookeeper], path, { clock, identity }),
      handOverMs: sessionTimeoutMs / 2,
      passTrust: () => {
        shiftMs += sessionTimeoutMs;
      },
    };
  });
});
