import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotKey } from '../../../src/core/assignment-plan.ts';
import type { AssignmentPlan, Slot } from '../../../src/core/assignment-plan.ts';
import { takersOf } from '../../../src/core/level-load.ts';
import { lanes } from '../../../src/core/segment.ts';
import { shareOut } from '../../../src/transport/kafka/share-out.ts';
import type { SharingMember } from '../../../src/transport/kafka/share-out.ts';

function slotsOf(partitions: number): Slot[] {
  return lanes.flatMap((lane) => Array.from({ length: partitions }, (_, partition) => ({ lane, partition })));
}

function member(id: string, weight = 1, owned: readonly Slot[] = [], since = 0): SharingMember {
  return { id, weight, owned, since };
}

/** The same members, each with what it was given. */
function after(
  members: readonly SharingMember[],
  slots: readonly Slot[],
  result: ReadonlyMap<string, string>,
) {
  return members.map((one) => ({
    ...one,
    owned: slots.filter((slot) => result.get(slotKey(slot)) === one.id),
  }));
}

function moves(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): number {
  return [...now].filter(([key, id]) => before.get(key) !== id).length;
}

function counts(result: ReadonlyMap<string, string>, lane = ''): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [key, id] of result) if (key.startsWith(lane)) found[id] = (found[id] ?? 0) + 1;
  return found;
}

function planOf(
  members: string,
  slots: readonly Slot[],
  load: (slot: Slot) => number = () => 100,
): AssignmentPlan {
  return {
    version: 1,
    token: 1,
    madeAt: 0,
    members: members.split(''),
    slots: slots.map((slot, i) => ({
      ...slot,
      member: members.charAt(i % members.length),
      load: load(slot),
    })),
  };
}

const ascending = (a: number, b: number): number => a - b;

describe('without a plan', () => {
  const slots = slotsOf(12);

  it('partitions are shared by weight, each lane for itself', () => {
    const result = shareOut([member('a'), member('b', 2), member('c', 3)], slots, null);
    expect(counts(result, 'fast')).toEqual({ a: 2, b: 4, c: 6 });
    expect(counts(result, 'bulk')).toEqual({ a: 2, b: 4, c: 6 });
  });

  it('what does not divide is made up for in the other lane', () => {
    const result = shareOut(
      'abcde'.split('').map((id) => member(id)),
      slots,
      null,
    );
    expect(Object.values(counts(result, 'fast')).sort(ascending)).toEqual([2, 2, 2, 3, 3]);
    expect(Object.values(counts(result)).sort(ascending)).toEqual([4, 5, 5, 5, 5]);
  });

  it('one that joins takes its share, and nothing else moves; one that leaves leaves only its own', () => {
    const three = 'abc'.split('').map((id) => member(id));
    const before = shareOut(three, slots, null);
    const four = [...after(three, slots, before), member('d')];
    const joined = shareOut(four, slots, null);
    expect(moves(before, joined)).toBe(counts(joined)['d']);
    const left = shareOut(after(four, slots, joined).slice(1), slots, null);
    expect(moves(joined, left)).toBe(counts(joined)['a']);
  });

  it('of two that say that they have a partition, the later one keeps it', () => {
    const [slot] = slots;
    if (!slot) throw new Error('no slot');
    const members = [member('a', 1, [slot], 1000), member('b', 1, [slot], 2000)];
    expect(shareOut(members, slots, null).get(slotKey(slot))).toBe('b');
  });
});

describe('with a plan', () => {
  const slots = slotsOf(6);

  it('everyone gets what it says', () => {
    const plan = planOf('abb', slots);
    const result = shareOut([member('b'), member('a')], slots, plan);
    for (const slot of plan.slots) expect(result.get(slotKey(slot))).toBe(slot.member);
  });

  it('partitions of one that is gone go to the least busy, and stay there', () => {
    const plan = planOf('abc', slots, ({ partition }) => (partition === 0 ? 1000 : 10));
    const members = [member('b'), member('c')];
    const result = shareOut(members, slots, plan);
    const others = plan.slots.filter((slot) => slot.member !== 'a');
    expect(others.map((slot) => result.get(slotKey(slot)))).toEqual(others.map((slot) => slot.member));
    expect(shareOut(after(members, slots, result), slots, plan)).toEqual(result);
  });

  it('one that it does not know gets its share by weight, from those who have most', () => {
    const plan = planOf('ab', slots);
    const members = [member('a'), member('b'), member('new', 2)];
    const result = shareOut(members, slots, plan);
    expect(counts(result)).toEqual({ a: 3, b: 3, new: 6 });
    expect(shareOut(after(members, slots, result), slots, plan)).toEqual(result);
  });

  it('one that took everything over gives back what is more than its share', () => {
    const plan = planOf('ab', slots);
    const members = [member('a'), member('b'), member('new', 1, slots, 5)];
    expect(counts(shareOut(members, slots, plan))).toEqual({ a: 4, b: 4, new: 4 });
  });

  it('a partition that it does not know goes to somebody', () => {
    const result = shareOut([member('a'), member('b')], slotsOf(8), planOf('ab', slots));
    expect(result.size).toBe(16);
    expect(counts(result)).toEqual({ a: 8, b: 8 });
  });

  it('a plan of members that are all gone counts for nothing', () => {
    const members = [member('x'), member('y')];
    expect(shareOut(members, slots, planOf('ab', slots))).toEqual(shareOut(members, slots, null));
  });
});

const ids = 'abcdefgh'.split('');
const arbitraryMembers = fc.uniqueArray(
  fc.tuple(
    fc.constantFrom(...ids),
    fc.constantFrom(0, 1, 1, 1, 2, 3.5),
    fc.array(fc.tuple(fc.constantFrom(...lanes), fc.nat(12)), { maxLength: 12 }),
    fc.nat(3),
  ),
  { selector: ([id]) => id, minLength: 1, maxLength: 8 },
);
const arbitraryPlan = fc.option(
  fc.record({
    members: fc.uniqueArray(fc.constantFrom(...ids), { minLength: 1 }),
    loads: fc.array(fc.nat(10_000), { minLength: 26, maxLength: 26 }),
  }),
);

const arbitrarySituation = fc
  .tuple(arbitraryMembers, fc.integer({ min: 1, max: 13 }), arbitraryPlan)
  .map(([found, partitions, planned]) => {
    const slots = slotsOf(partitions);
    const members = found.map(([id, weight, owned, since]) =>
      member(
        id,
        weight,
        owned.map(([lane, partition]) => ({ lane, partition })),
        since,
      ),
    );
    const plan =
      planned && planOf(planned.members.join(''), slots, ({ partition }) => planned.loads[partition] ?? 0);
    return { members, slots, plan };
  });

describe('whatever the group', () => {
  it('every partition goes to one member, the same one for any order of the members', () => {
    fc.assert(
      fc.property(arbitrarySituation, ({ members, slots, plan }) => {
        const result = shareOut(members, slots, plan);
        const takers = new Set(takersOf(members).map(({ id }) => id));
        expect([...result.keys()].sort()).toEqual(slots.map((slot) => slotKey(slot)).sort());
        expect([...result.values()].every((id) => takers.has(id))).toBe(true);
        expect(shareOut(members.toReversed(), slots.toReversed(), plan)).toEqual(result);
      }),
    );
  });

  it('without a plan nobody has two more than its share, in a lane or together', () => {
    fc.assert(
      fc.property(arbitrarySituation, ({ members, slots }) => {
        const result = shareOut(members, slots, null);
        const takers = takersOf(members);
        const weights = takers.reduce((sum, { weight }) => sum + weight, 0);
        for (const lane of [...lanes, '']) {
          const total = slots.filter((slot) => slotKey(slot).startsWith(lane)).length;
          const got = counts(result, lane);
          for (const { id, weight } of takers)
            expect(Math.abs((got[id] ?? 0) - (total * weight) / weights)).toBeLessThan(2);
        }
      }),
    );
  });

  it('sharing out again moves nothing', () => {
    fc.assert(
      fc.property(arbitrarySituation, ({ members, slots, plan }) => {
        const first = shareOut(members, slots, plan);
        const again = shareOut(after(members, slots, first), slots, plan);
        expect(moves(first, again)).toBe(0);
      }),
    );
  });

  it('without a plan, one that joins or leaves moves little more than its own share', () => {
    fc.assert(
      fc.property(arbitrarySituation, ({ members: found, slots }) => {
        const members = found.map((one) => ({ ...one, weight: 1 }));
        const all = shareOut(members, slots, null);
        const settled = after(members, slots, all);
        const [leaver] = settled;
        if (!leaver || members.length < 2) return;
        const without = shareOut(settled.slice(1), slots, null);
        expect(moves(all, without)).toBeLessThanOrEqual(leaver.owned.length + lanes.length);
        const joined = shareOut([...after(settled.slice(1), slots, without), member('new')], slots, null);
        expect(moves(without, joined)).toBeLessThanOrEqual((counts(joined)['new'] ?? 0) + lanes.length);
      }),
    );
  });

  it('with a plan, one that leaves moves only its own, and one that joins only what it gets', () => {
    fc.assert(
      fc.property(arbitrarySituation, ({ members: found, slots, plan }) => {
        if (!plan) return;
        const members = found
          .map((one) => ({ ...one, weight: 1 }))
          .filter(({ id }) => plan.members.includes(id));
        const all = shareOut(members, slots, plan);
        const settled = after(members, slots, all);
        const [leaver] = settled;
        if (!leaver || members.length < 2) return;
        const without = shareOut(settled.slice(1), slots, plan);
        expect(moves(all, without)).toBe(leaver.owned.length);
        const joined = shareOut([...settled, member('new')], slots, plan);
        expect(moves(all, joined)).toBe(counts(joined)['new'] ?? 0);
      }),
    );
  });
});
