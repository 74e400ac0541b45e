/** How several members share partitions over a real broker: by weight, by plan, and next to members that know of neither. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AssignmentPlan, PlanStore, Sharing } from '../../src/core/assignment-plan.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { lanes } from '../../src/core/segment.ts';
import type { GroupView, SegmentBatch, Subscriber, Transport } from '../../src/core/transport.ts';
import { createKafkaTransport } from '../../src/transport/kafka/transport.ts';
import { until } from '../fakes/clock.ts';
import { segmentOf } from '../fakes/segments.ts';
import { describeWith } from '../servers/servers.ts';

const partitions = 4;
const waitMs = 40_000;

/** A store that a test fills. */
class Plans implements PlanStore {
  plan: AssignmentPlan | null = null;
  current(): AssignmentPlan | null {
    return this.plan;
  }
  async known(): Promise<void> {
    return await Promise.resolve();
  }
  async write(): Promise<'stale'> {
    return await Promise.resolve('stale');
  }
  /** Of the members a and b. Both lanes alike: one letter a partition. */
  set(members: string): void {
    const slots = lanes.flatMap((lane) =>
      members.split('').map((member, partition) => ({ lane, partition, member, load: 10 })),
    );
    const version = (this.plan?.version ?? 0) + 1;
    this.plan = { version, token: 1, madeAt: 0, members: ['a', 'b'], slots };
  }
}

class Member {
  readonly subscriber: Subscriber;
  readonly starts: number[] = [];
  onBatch = async (batch: SegmentBatch): Promise<void> => await batch.commit();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(transport: Transport, sharing?: Sharing) {
    this.subscriber = transport.subscriber(sharing);
    this.#running = this.#run();
  }

  /** How many partitions it has; NaN while the broker does not say, as right after topics were made. */
  async count(): Promise<number> {
    return await this.subscriber.lag().then(
      (reports) => reports.length,
      () => NaN,
    );
  }

  async group(): Promise<GroupView | null> {
    return (await this.subscriber.group?.().catch(() => null)) ?? null;
  }

  async leave(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for await (const batch of this.subscriber.batches(this.#stop.signal)) {
      this.starts.push(...batch.segments.map(({ segment }) => segment.start));
      await this.onBatch(batch);
    }
  }
}

await describeWith(['kafka'], 'the sharing of partitions', ({ kafka }) => {
  let transport: Transport;
  let plans: Plans;
  let members: Member[];

  beforeEach(() => {
    const topicPrefix = `share-${randomUUID().slice(0, 8)}`;
    const groupId = `${topicPrefix}-indexer`;
    transport = createKafkaTransport({
      brokers: [kafka],
      topicPrefix,
      groupId,
      partitions,
      sessionTimeoutMs: 6000,
      clock: systemClock,
      logger: silentLogger,
    });
    plans = new Plans();
    members = [];
  });

  afterEach(async () => {
    await Promise.all(members.map(async (member) => await member.leave()));
    await transport.close();
  });

  const join = (id: string | null, weight = 1): Member => {
    const member = new Member(transport, id === null ? undefined : { member: { id, weight }, plans });
    members.push(member);
    return member;
  };
  const shares = async (): Promise<number[]> =>
    await Promise.all(members.map(async (member) => await member.count()));
  const shared = async (expected: readonly number[], what: string): Promise<void> =>
    await until(async () => JSON.stringify(await shares()) === JSON.stringify(expected), what, waitMs);
  const publish = async (from: number, count: number): Promise<void> => {
    for (let i = from; i < from + count; i += 1) {
      const segment = segmentOf('x', { start: i });
      await transport.publisher.publish('bulk', i % partitions, segment);
    }
  };

  test('goes by weight, then by the plan; what a member held is not committed and comes to the new one', async () => {
    const light = join('a');
    const held: SegmentBatch[] = [];
    light.onBatch = async (batch) => void held.push(await Promise.resolve(batch));
    await shared([8], 'the first has all');
    join('b', 3);
    await shared([2, 6], 'by weight');

    await until(async () => (await light.group()) !== null, 'the group is settled', waitMs);
    const view = await light.group();
    const told = view?.members.map(
      ({ id, weight, slots }) => `${id} of weight ${weight} has ${slots.length}`,
    );
    expect(told?.sort()).toEqual(['a of weight 1 has 2', 'b of weight 3 has 6']);
    plans.set('aaaa');
    await shared([8, 0], 'by the plan');
    await publish(0, 8);
    await until(() => held.length > 1, 'the first holds batches', waitMs);
    plans.set('bbbb');
    await until(() => held.every(({ revoked }) => revoked.aborted), 'they are revoked', waitMs);
    for (const batch of held) await batch.commit();
    await shared([0, 8], 'by the next plan');
    const heavy = members[1];
    await until(() => new Set(heavy?.starts).size === 8, 'all comes to the other', waitMs);
    await until(
      async () => {
        const now = await heavy?.group();
        return now?.partitions.every(({ records }) => records === 0) === true;
      },
      'all is committed',
      waitMs,
    );
    expect((await heavy?.group())?.partitions.reduce((sum, { end }) => sum + end, 0)).toBe(8);
  });

  test('members of an earlier version make the group share by turns; when they are gone the plan holds again', async () => {
    plans.set('aaab');
    join('a');
    join('b');
    await shared([6, 2], 'by the plan');
    const old = join(null);
    await until(async () => (await old.count()) > 0, 'the old one has some', waitMs);
    await until(
      async () => (await shares()).reduce((sum, count) => sum + count, 0) === 8,
      'each has one',
      waitMs,
    );
    expect(Math.max(...(await shares()))).toBe(3);
    expect(await members[0]?.subscriber.group?.()).toBeNull();
    members.pop();
    await old.leave();
    await shared([6, 2], 'by the plan again');
  });
});
