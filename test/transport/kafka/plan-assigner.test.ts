import { AssignerProtocol } from 'kafkajs';
import type { Assigner, Cluster, PartitionAssigner } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import type { AssignmentPlan, PlanStore } from '../../../src/core/assignment-plan.ts';
import { lanes } from '../../../src/core/segment.ts';
import { PlanAssigner } from '../../../src/transport/kafka/plan-assigner.ts';
import { FakeClock, settle } from '../../fakes/clock.ts';

const topics = lanes.map((lane) => `t.segments.${lane}`);
const partitions = 4;

function planOf(version: number, members: string[]): AssignmentPlan {
  const slots = lanes.flatMap((lane) =>
    Array.from({ length: partitions }, (_, partition) => ({
      lane,
      partition,
      member: members[partition % members.length] ?? '',
      load: 10,
    })),
  );
  return { version, token: 1, madeAt: 0, members, slots };
}

/** A group of members in this process, of which the first is its leader. */
class Group {
  plan: AssignmentPlan | null = null;
  readonly clock = new FakeClock();
  readonly plans: PlanStore;
  readonly members: { memberId: string; assigner: PlanAssigner; kafka: Assigner }[];

  constructor(weights: Record<string, number>, known: Promise<void> = Promise.resolve()) {
    this.plans = {
      current: () => this.plan,
      known: async (signal) => {
        const given = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        await Promise.race([known, given]);
      },
      write: async () => await Promise.resolve('stale'),
    };
    this.members = Object.entries(weights).map(([id, weight]) => {
      const sharing = { member: { id, weight }, plans: this.plans };
      const assigner = new PlanAssigner({ sharing, topicPrefix: 't', clock: this.clock });
      const [first] = assigner.assigners();
      return { memberId: `kafka-${id}`, assigner, kafka: madeBy(first) };
    });
  }

  /** All join; what each was given, by id. */
  async join(foreign: { memberId: string; memberMetadata: Buffer }[] = []): Promise<Record<string, string>> {
    const [leader] = this.members;
    const joined = this.members.map(({ memberId, kafka }) => ({
      memberId,
      memberMetadata: kafka.protocol({ topics }).metadata,
    }));
    const given = await leader?.kafka.assign({ members: [...joined, ...foreign], topics });
    const shares: Record<string, string> = {};
    for (const { memberId, memberAssignment } of given ?? []) {
      const { assignment = {} } = AssignerProtocol.MemberAssignment.decode(memberAssignment) ?? {};
      const member = this.members.find((each) => each.memberId === memberId);
      member?.assigner.joined(assignment, member === leader, 'caboose-plan');
      shares[memberId.replace('kafka-', '')] = topics
        .map((topic) => (assignment[topic] ?? []).join(''))
        .join(' ');
    }
    return shares;
  }

  isOutdated(): boolean[] {
    return this.members.map(({ assigner }) => assigner.isOutdated());
  }
}

function madeBy(assigner: PartitionAssigner | undefined): Assigner {
  const cluster = {
    findTopicPartitionMetadata: () =>
      Array.from({ length: partitions }, (_, partitionId) => ({ partitionId })),
  } as unknown as Cluster;
  const made = assigner?.({ cluster, groupId: 'g', logger: undefined as never });
  if (!made) throw new Error('no assigner');
  return made;
}

describe('the assigner of the group', () => {
  it('shares by weight without a plan, and by the plan with one', async () => {
    const group = new Group({ a: 1, b: 3 });
    expect(await group.join()).toEqual({ a: '2 2', b: '013 013' });
    group.plan = planOf(1, ['a', 'b']);
    expect(await group.join()).toEqual({ a: '02 02', b: '13 13' });
  });

  it('remembers from join to join what each had', async () => {
    const group = new Group({ a: 1, b: 1 });
    group.plan = planOf(1, ['a', 'b']);
    await group.join();
    group.plan = null;
    expect(await group.join()).toEqual({ a: '02 02', b: '13 13' });
  });

  it('is outdated at the leader of the group alone, and only by a plan that makes a difference', async () => {
    const group = new Group({ a: 1, b: 1 });
    await group.join();
    expect(group.isOutdated()).toEqual([false, false]);
    group.plan = planOf(1, ['b', 'a']);
    expect(group.isOutdated()).toEqual([true, false]);
    await group.join();
    expect(group.isOutdated()).toEqual([false, false]);
    group.plan = planOf(2, ['b', 'a']);
    expect(group.isOutdated()).toEqual([false, false]);
    group.plan = null;
    expect(group.isOutdated()).toEqual([false, false]);
  });

  it('is never outdated in a group that shares by turns, or under another leader', async () => {
    const group = new Group({ a: 1, b: 1 });
    await group.join();
    for (const [isLeader, protocol] of [
      [false, 'caboose-plan'],
      [true, 'RoundRobinAssigner'],
    ] as const) {
      group.members[0]?.assigner.joined({}, isLeader, protocol);
      group.plan = planOf(1, ['b', 'a']);
      expect(group.isOutdated()).toEqual([false, false]);
    }
  });

  it('waits for ZooKeeper a second at most', async () => {
    const group = new Group({ a: 1 }, new Promise(() => undefined));
    const joining = group.join();
    await settle();
    await group.clock.advance(1_000);
    expect(await joining).toEqual({ a: '0123 0123' });
  });

  it('gives members that it cannot read, or whose id is taken, a share of their own', async () => {
    const group = new Group({ a: 1 });
    const twin = new Group({ a: 1 }).members[0]?.kafka.protocol({ topics }).metadata ?? Buffer.alloc(0);
    const shares = await group.join([
      { memberId: 'kafka-twin', memberMetadata: twin },
      { memberId: 'kafka-odd', memberMetadata: Buffer.from('?') },
      { memberId: 'kafka-empty', memberMetadata: Buffer.alloc(0) },
    ]);
    expect(Object.keys(shares).sort()).toEqual(['a', 'empty', 'odd', 'twin']);
    expect(Object.values(shares).every((share) => share.length === 3)).toBe(true);
  });

  it('offers the way of earlier versions, too', () => {
    const assigner = new PlanAssigner({
      sharing: { member: { id: 'a', weight: 1 } },
      topicPrefix: 't',
      clock: new FakeClock(),
    });
    expect(assigner.assigners().map((each) => madeBy(each).name)).toEqual([
      'caboose-plan',
      'RoundRobinAssigner',
    ]);
  });
});
