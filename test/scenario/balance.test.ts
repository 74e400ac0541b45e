import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { slotKey } from '../../src/core/assignment-plan.ts';
import { systemClock } from '../../src/core/clock.ts';
import { busyness } from '../../src/core/level-load.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { GroupView, Subscriber, Transport } from '../../src/core/transport.ts';
import { createKafkaTransport } from '../../src/transport/kafka/transport.ts';
import { until } from '../fakes/clock.ts';
import { segmentOf } from '../fakes/segments.ts';
import { tcpProxy } from '../fakes/tcp-proxy.ts';
import type { TcpProxy } from '../fakes/tcp-proxy.ts';
import { describeWith } from '../servers/servers.ts';
import { startZooKeeper } from '../servers/zookeeper.ts';
import { CabooseProcess } from './caboose-process.ts';
import { elasticCount, elasticMessages } from './elastic-documents.ts';
import { compare, lineOf, randomOf } from './oracle.ts';

const partitions = 6;
const hot = 0;
const waitMs = 60_000;

await describeWith(['kafka', 'elasticsearch'], 'the assignment plan of three indexers', (servers) => {
  const id = `balance${Date.now()}`;
  let dir: string;
  let zookeeper: Awaited<ReturnType<typeof startZooKeeper>>;
  let elasticsearch: TcpProxy;
  let transport: Transport;
  let observer: Subscriber;
  /** Two of weight 1, then one of weight 2. */
  let indexers: CabooseProcess[];
  const expected: string[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'caboose-balance-'));
    zookeeper = await startZooKeeper({ tickTimeMs: 500 });
    elasticsearch = await tcpProxy(new URL(servers.elasticsearch).host);
    transport = createKafkaTransport({
      brokers: [servers.kafka],
      topicPrefix: id,
      groupId: id,
      partitions,
      clock: systemClock,
      logger: silentLogger,
    });
    observer = transport.subscriber();
    indexers = [1, 1, 2].map(
      (weight, i) => new CabooseProcess(`indexer-${i}`, 'indexer', configOf(weight), dir),
    );
  }, 60_000);

  afterAll(async () => {
    await Promise.all(indexers.map(async (indexer) => await indexer.stop()));
    await transport.close();
    await elasticsearch.close();
    await zookeeper.stop();
    await rm(dir, { recursive: true, force: true });
  });

  function configOf(weight: number): string {
    return `
transport: { kafka: { brokers: ["${servers.kafka}"], topicPrefix: ${id}, partitions: ${partitions}, groupId: ${id}, sessionTimeoutMs: 6000 } }
index: { elasticsearch: { node: "http://${elasticsearch.address}", indexPrefix: ${id} } }
lease: { zookeeper: { servers: ["${zookeeper.address}"], path: /${id}, sessionTimeoutMs: 3000 } }
indexer: { weight: ${weight}, planIntervalMs: 10000 }
http: { listen: "127.0.0.1:0" }
`;
  }

  const random = randomOf(1);
  const ends = Array.from({ length: partitions }, () => 0);
  const lines = Array.from({ length: partitions }, () => 0);

  /** Goes on with the one stream of each partition, in segments of three lines. */
  async function publish(hotCount: number, otherCount: number): Promise<void> {
    const sends: Promise<void>[] = [];
    for (let partition = 0; partition < partitions; partition += 1) {
      for (let i = 0; i < (partition === hot ? hotCount : otherCount); i += 1) {
        const three = [0, 1, 2].map((n) => lineOf(`p${partition}`, (lines[partition] ?? 0) + n, random));
        expected.push(...three);
        const segment = segmentOf(three.map((line) => `${line}\n`).join(''), {
          stream: String(partition).repeat(32),
          start: ends[partition] ?? 0,
          run: id,
          path: `/p${partition}.log`,
        });
        lines[partition] = (lines[partition] ?? 0) + 3;
        ends[partition] = segment.end;
        sends.push(transport.publisher.publish('bulk', partition, segment));
      }
    }
    await Promise.all(sends);
  }

  /** Null while the group is not settled with so many members, each partition with one of them. */
  async function settled(members: number): Promise<GroupView | null> {
    // The broker may not know the leaders of new topics yet.
    const view = (await observer.group?.().catch(() => null)) ?? null;
    const taken = view?.members.reduce((sum, { slots }) => sum + slots.length, 0);
    return view?.members.length === members && taken === 2 * partitions ? view : null;
  }

  async function settle(members: number, what: string): Promise<GroupView> {
    await until(async () => (await settled(members)) !== null, what, waitMs);
    return (await settled(members)) ?? (await settle(members, what));
  }

  const ownersIn = (view: GroupView): Map<string, string> =>
    new Map(
      view.members.flatMap((member) => member.slots.map((slot) => [slotKey(slot), member.id] as const)),
    );

  function isBalanced(view: GroupView): boolean {
    const loads = view.partitions.map((each) => ({ ...each, load: each.records }));
    const { each, even } = busyness(view.members, loads, ownersIn(view));
    const hotOwner = ownersIn(view).get(slotKey({ lane: 'bulk', partition: hot }));
    const heavy = view.members.find(({ weight }) => weight === 2);
    return hotOwner === heavy?.id && (each[0] ?? 0) <= 1.4 * even;
  }

  it(
    'shares by weight and lag, outlives its leader and ZooKeeper, and loses and doubles no line',
    { timeout: 400_000 },
    async () => {
      for (const [i, indexer] of indexers.entries()) {
        indexer.start();
        await settle(i + 1, `${i + 1} indexers share the partitions`);
      }
      const before = await settle(3, 'all three share');
      const each = before.members.map(({ weight, slots }) => `weight ${weight} has ${slots.length}`);
      expect(each.sort()).toEqual(['weight 1 has 3', 'weight 1 has 3', 'weight 2 has 6']);

      // Nothing can be indexed, so what is published stays as lag.
      await elasticsearch.refuse();
      await publish(4_000, 600);
      await until(
        async () => {
          const view = await settled(3);
          return view !== null && isBalanced(view);
        },
        'the plan shares by weight and lag',
        waitMs,
      );
      const planned = ownersIn(await settle(3, 'the plan holds'));
      await until(
        async () =>
          (
            await Promise.all(
              indexers.map(async (each) => await each.metric('caboose_assignment_plan_version')),
            )
          ).every((version) => (version ?? 0) > 0),
        'every indexer knows the plan',
        waitMs,
      );

      const leading = await Promise.all(
        indexers.map(async (each) => (await each.metric('caboose_leader')) === 1),
      );
      const leader = indexers[leading.indexOf(true)];
      if (!leader) throw new Error('nobody leads');
      const isLeaders = (member: string): boolean => member.endsWith(` ${leader.pid}`);
      await leader.kill();
      const without = ownersIn(await settle(2, 'the others take over'));
      const stayed = [...planned].filter(([, member]) => !isLeaders(member));
      expect(stayed.filter(([slot, member]) => without.get(slot) !== member)).toEqual([]);

      await zookeeper.kill();
      await elasticsearch.pass();
      const more = publish(500, 500);
      leader.start();
      await settle(3, 'it shares again, without ZooKeeper');
      const other = indexers.find((each) => each !== leader);
      await other?.kill();
      await settle(2, 'a rebalance without ZooKeeper');
      other?.start();
      await settle(3, 'and another');

      await more;
      // The last event of a stream that changed hands before it was shown waits for the next leader.
      await zookeeper.restart();
      const count = async (): Promise<number> => await elasticCount(servers.elasticsearch, `${id}-logs-*`);
      let indexed = 0;
      await until(
        async () => (indexed = await count()) >= expected.length,
        () => `all lines are indexed: ${indexed} of ${expected.length}`,
        200_000,
      );
      await until(
        async () => {
          const view = await settled(3);
          return view?.partitions.every(({ records }) => records === 0) === true;
        },
        'all is committed',
        waitMs,
      );
      const found = await elasticMessages(servers.elasticsearch, `${id}-logs-*`);
      expect(compare(expected, found)).toEqual({ missing: 0, duplicate: 0, wrong: 0 });
    },
  );
});
