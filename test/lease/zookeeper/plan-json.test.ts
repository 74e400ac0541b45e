import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AssignmentPlan } from '../../../src/core/assignment-plan.ts';
import { lanes } from '../../../src/core/segment.ts';
import { decodePlan, encodePlan } from '../../../src/lease/zookeeper/plan-json.ts';

function planOf(members: number, partitions: number): AssignmentPlan {
  const ids = Array.from({ length: members }, (_, i) => `indexer-host-${i} ${100_000 + i}`);
  const slots = lanes.flatMap((lane) =>
    Array.from({ length: partitions }, (_, partition) => ({
      lane,
      partition,
      member: ids[partition % members] ?? '',
      load: 123_456_789 + partition,
    })),
  );
  return { version: 1, token: 2 ** 40, madeAt: Date.UTC(2026, 10, 23), members: ids, slots };
}

const anyPlan = fc
  .tuple(
    fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 }),
    fc.array(fc.tuple(fc.nat(4), fc.nat(), fc.nat()), { maxLength: 20 }),
    fc.maxSafeNat(),
  )
  .map(([members, entries, token]): AssignmentPlan => {
    const slotsOf = (parity: number, lane: (typeof lanes)[number]) =>
      entries.flatMap(([member, partition, load], i) =>
        i % 2 === parity ? [{ lane, partition, load, member: members[member % members.length] ?? '' }] : [],
      );
    return { version: 3, token, madeAt: 7, members, slots: [...slotsOf(0, 'fast'), ...slotsOf(1, 'bulk')] };
  });

describe('a plan as bytes', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(anyPlan, (plan) => {
        expect(decodePlan(encodePlan(plan))).toEqual(plan);
      }),
    );
  });

  it('fits a node with 100 members and 20,000 partitions, and is refused when it does not fit', () => {
    expect(encodePlan(planOf(100, 10_000)).length).toBeLessThan(1_000_000);
    expect(() => encodePlan(planOf(100, 40_000))).toThrow(
      expect.objectContaining({ code: 'PLAN_TOO_LARGE' }),
    );
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'x'],
    ['no object', '[]'],
    ['another format', '{"v":2}'],
    ['no lists', '{"v":1,"version":1,"token":1,"madeAt":1,"members":[]}'],
    [
      'a member that is none',
      '{"v":1,"version":1,"token":1,"madeAt":1,"members":["a"],"fast":[[0,1,0]],"bulk":[]}',
    ],
    ['half an entry', '{"v":1,"version":1,"token":1,"madeAt":1,"members":["a"],"fast":[[0]],"bulk":[]}'],
    ['a negative version', '{"v":1,"version":-1,"token":1,"madeAt":1,"members":[],"fast":[],"bulk":[]}'],
  ])('%s is told as unreadable', (_, text) => {
    expect(() => decodePlan(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'PLAN_UNREADABLE' }));
  });
});
