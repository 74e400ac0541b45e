import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { inProcessLease } from '../../src/lease/in-process.ts';
import { leaseSuite, stand } from '../contract/lease.suite.ts';
import { FakeClock, settle } from '../fakes/clock.ts';

leaseSuite('in process', async () => {
  const lease = inProcessLease({ clock: systemClock });
  return { candidate: () => lease, handOverMs: 1000 };
});

async function tokenAt(lease: ReturnType<typeof inProcessLease>): Promise<number> {
  const s = stand(lease);
  await settle();
  await s.leave();
  return s.tenures[0]?.token ?? NaN;
}

test('tokens are the wall clock, so they grow over restarts', async () => {
  const clock = new FakeClock(1000);
  expect(await tokenAt(inProcessLease({ clock }))).toBe(1000);
  await clock.advance(5);
  expect(await tokenAt(inProcessLease({ clock }))).toBe(1005);
});

test('tokens grow within the process even if the wall clock stands or runs back', async () => {
  const clock = new FakeClock(1000);
  const lease = inProcessLease({ clock });
  expect(await tokenAt(lease)).toBe(1000);
  expect(await tokenAt(lease)).toBe(1001);
  clock.jumpWall(-500);
  expect(await tokenAt(lease)).toBe(1002);
});
