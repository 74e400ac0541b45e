import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slotKey } from '../../src/core/assignment-plan.ts';
import type { GroupMember } from '../../src/core/assignment-plan.ts';
import { lanes } from '../../src/core/segment.ts';
import { busyness, levelLoad, takersOf } from '../../src/core/level-load.ts';
import type { SlotLoad } from '../../src/core/level-load.ts';

const equals: GroupMember[] = ['a', 'b', 'c'].map((id) => ({ id, weight: 1 }));

function bulk(...loads: number[]): SlotLoad[] {
  return loads.map((load, partition) => ({ lane: 'bulk', partition, load }));
}

function owned(loads: readonly SlotLoad[], ids: string): Map<string, string> {
  return new Map(loads.map((slot, i) => [slotKey(slot), ids.charAt(i)]));
}

function idsOf(loads: readonly SlotLoad[], result: ReadonlyMap<string, string>): string {
  return loads.map((slot) => result.get(slotKey(slot)) ?? '-').join('');
}

describe('levelling load', () => {
  it('leaves what is even as it is', () => {
    const loads = bulk(10, 10, 10, 10, 10, 10);
    const owners = owned(loads, 'abcabc');
    expect(levelLoad({ members: equals, loads, owners })).toEqual(owners);
  });

  it('clears the member that has the heavy partition of everything else', () => {
    const loads = bulk(1000, 100, 100, 100, 100, 100);
    const result = levelLoad({ members: equals, loads, owners: owned(loads, 'aabbcc') });
    expect(idsOf(loads, result)).toMatch(/^a[bc][bc][bc][bc][bc]$/);
  });

  it('moves the heavy partition to the member with the weight for it', () => {
    const members = [
      { id: 'a', weight: 1 },
      { id: 'b', weight: 4 },
    ];
    const loads = bulk(1000, 100, 100, 100);
    expect(idsOf(loads, levelLoad({ members, loads, owners: owned(loads, 'abab') }))).toMatch(/^b/);
  });

  it('moves nothing for less than the gain that is asked for', () => {
    const loads = bulk(1000, 1, 1, 1, 1, 1);
    const owners = owned(loads, 'aabbcc');
    expect(levelLoad({ members: equals, loads, owners, gainMin: 0.02 })).toEqual(owners);
  });

  it('helps the second when the busiest cannot be helped', () => {
    const loads = bulk(1000, 100, 100);
    const result = levelLoad({ members: equals, loads, owners: owned(loads, 'abb') });
    expect(idsOf(loads, result)).toMatch(/^a(bc|cb)$/);
  });

  it('gives one without weight nothing, unless nobody has any', () => {
    const loads = bulk(1, 1, 1, 1);
    const idle = { id: 'z', weight: 0 };
    expect(idsOf(loads, levelLoad({ members: [...equals, idle], loads, owners: new Map() }))).not.toContain(
      'z',
    );
    expect(idsOf(loads, levelLoad({ members: [idle], loads, owners: new Map() }))).toBe('zzzz');
  });

  it('places the bulk lane on top of the fast one', () => {
    const loads: SlotLoad[] = [
      { lane: 'fast', partition: 0, load: 500 },
      { lane: 'bulk', partition: 0, load: 500 },
    ];
    expect(idsOf(loads, levelLoad({ members: equals, loads, owners: new Map() }))).toBe('ab');
  });
});

const ids = 'abcdefgh'.split('');
const membersOf = fc.uniqueArray(
  fc.record({ id: fc.constantFrom(...ids), weight: fc.constantFrom(0, 0.5, 1, 1, 1, 2, 5) }),
  { selector: ({ id }) => id, minLength: 1, maxLength: 8 },
);
const loadsOf = fc
  .array(fc.tuple(fc.constantFrom(...lanes), fc.oneof(fc.constant(0), fc.nat(100_000))), {
    maxLength: 30,
  })
  .map((all) => all.map(([lane, load], partition): SlotLoad => ({ lane, partition, load })));
const ownersOf = (loads: readonly SlotLoad[]) =>
  fc
    .array(fc.constantFrom(...ids, '-'), { minLength: loads.length, maxLength: loads.length })
    .map((ids) => owned(loads, ids.join('')));
const situation = fc
  .tuple(membersOf, loadsOf)
  .chain(([members, loads]) => ownersOf(loads).map((owners) => ({ members, loads, owners })));

describe('whatever the load', () => {
  it('every partition has one taker, and the order of the input changes nothing', () => {
    fc.assert(
      fc.property(situation, ({ members, loads, owners }) => {
        const result = levelLoad({ members, loads, owners });
        const takers = new Set(takersOf(members).map(({ id }) => id));
        expect([...result.keys()].sort()).toEqual(loads.map((slot) => slotKey(slot)).sort());
        expect([...result.values()].every((id) => takers.has(id))).toBe(true);
        const turned = { members: members.toReversed(), loads: loads.toReversed(), owners };
        expect(levelLoad(turned)).toEqual(result);
      }),
    );
  });

  it('nobody is made busier in a lane than its busiest was', () => {
    fc.assert(
      fc.property(situation, ({ members, loads, owners }) => {
        const takers = new Set(takersOf(members).map(({ id }) => id));
        const taken = new Map([...owners].filter(([, id]) => takers.has(id)));
        const ofLane = loads.filter((slot) => slot.lane === 'fast' && taken.has(slotKey(slot)));
        const result = levelLoad({ members, loads: ofLane, owners: taken });
        const [before = 0] = busyness(members, ofLane, taken).each;
        const [after = 0] = busyness(members, ofLane, result).each;
        expect(after).toBeLessThanOrEqual(before * (1 + 1e-9));
      }),
    );
  });

  it('what is level stays as it is', () => {
    fc.assert(
      fc.property(situation, ({ members, loads, owners }) => {
        const result = levelLoad({ members, loads, owners });
        expect(levelLoad({ members, loads, owners: result })).toEqual(result);
      }),
    );
  });
});
