/** The conformance suite of `PlanStore` (src/core/assignment-plan.ts): every implementation passes it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PlanDraft, PlanStore } from '../../src/core/assignment-plan.ts';
import type { Lease, Tenure } from '../../src/core/lease.ts';
import { until } from '../fakes/clock.ts';
import { stand } from './lease.suite.ts';
import type { Standing } from './lease.suite.ts';

export interface PlanStoreSubject {
  /** A new candidate in the one election of this subject. */
  candidate(identity: string): Lease;
}

export function draftOf(members: string, load = 7): PlanDraft {
  const ids = members.split('');
  const [a = '', b = ''] = ids;
  return {
    madeAt: Date.UTC(2026, 10, 23),
    members: ids,
    slots: [
      { lane: 'fast', partition: 0, member: a, load },
      { lane: 'bulk', partition: 0, member: b, load },
      { lane: 'bulk', partition: 11, member: a, load: 0 },
    ],
  };
}

export function planStoreSuite(name: string, setUp: () => Promise<PlanStoreSubject>): void {
  describe(`plan store: ${name}`, () => {
    let subject: PlanStoreSubject;
    let standing: Standing[];

    beforeEach(async () => {
      subject = await setUp();
      standing = [];
    });

    afterEach(async () => {
      await Promise.all(standing.map((s) => s.leave()));
    });

    const enrol = (identity: string): Standing => {
      const s = stand(subject.candidate(identity));
      standing.push(s);
      return s;
    };
    const leader = async (
      identity: string,
    ): Promise<{ standing: Standing; plans: PlanStore; tenure: Tenure }> => {
      const s = enrol(identity);
      await until(() => s.leads(), `${identity} leads`);
      const tenure = s.tenures.at(-1);
      if (!tenure) throw new Error('no tenure');
      return { standing: s, plans: s.lease.plans, tenure };
    };

    test('there is none at first, and that is known', async () => {
      const { plans } = await leader('a');
      await plans.known(AbortSignal.timeout(10_000));
      expect(plans.current()).toBeNull();
    });

    test('a plan is read as it was written, by the leader and by another candidate', async () => {
      const { plans, tenure } = await leader('a');
      const other = enrol('b').lease.plans;
      const draft = draftOf('ab');
      const plan = await plans.write(draft, tenure);
      expect(plan).toEqual({ ...draft, version: 1, token: tenure.token });
      expect(plans.current()).toEqual(plan);
      await until(() => other.current() !== null, 'the other reads it');
      expect(other.current()).toEqual(plan);
    });

    test('versions grow; the other notices each; what has not changed is the same object', async () => {
      const { plans, tenure } = await leader('a');
      const other = enrol('b').lease.plans;
      for (const version of [1, 2, 3]) {
        await plans.write(draftOf('ab', version), tenure);
        await until(() => other.current()?.version === version, `version ${version} is noticed`);
      }
      expect(other.current()).toBe(other.current());
      expect(other.current()?.slots[0]?.load).toBe(3);
    });

    test('a leader that is one no more is refused, though it believes that it is', async () => {
      const first = await leader('a');
      await first.plans.write(draftOf('ab'), first.tenure);
      await first.standing.leave();
      standing = [];
      const second = await leader('b');
      const plan = await second.plans.write(draftOf('bc'), second.tenure);
      const zombie: Tenure = { ...first.tenure, isTrusted: () => true };
      expect(await second.plans.write(draftOf('ab'), zombie)).toBe('stale');
      expect(await second.plans.write(draftOf('ab'), first.tenure)).toBe('stale');
      expect(second.plans.current()).toEqual(plan);
    });

    test('the plan outlives its leader, and the next one counts on', async () => {
      const first = await leader('a');
      await first.plans.write(draftOf('ab'), first.tenure);
      await first.standing.leave();
      standing = [];
      const second = await leader('b');
      await until(() => second.plans.current()?.version === 1, 'the plan is known');
      expect(await second.plans.write(draftOf('bc'), second.tenure)).toMatchObject({ version: 2 });
    });

    test('a signal ends the waiting for what is not known', async () => {
      const { plans } = subject.candidate('a');
      await expect(plans.known(AbortSignal.abort())).resolves.toBeUndefined();
    });
  });
}
