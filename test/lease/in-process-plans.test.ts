import { systemClock } from '../../src/core/clock.ts';
import { inProcessLease } from '../../src/lease/in-process.ts';
import { planStoreSuite } from '../contract/plan-store.suite.ts';

planStoreSuite('in process', async () => {
  const lease = inProcessLease({ clock: systemClock });
  return { candidate: () => lease };
});
