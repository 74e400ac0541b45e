import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createElasticsearchIndex } from '../../src/sinks/elasticsearch/index.ts';
import { until } from '../fakes/clock.ts';
import { describeWith } from '../servers/servers.ts';
import { startZooKeeper } from '../servers/zookeeper.ts';
import { CabooseProcess, runCaboose } from './caboose-process.ts';

const sessionTimeoutMs = 3_000;

await describeWith(['kafka', 'zookeeper', 'elasticsearch'], 'the leader of two indexers', (servers) => {
  const id = `lead${Date.now()}`;
  let dir: string;
  let zookeeper: Awaited<ReturnType<typeof startZooKeeper>>;
  let indexers: CabooseProcess[];
  const index = createElasticsearchIndex({
    node: servers.elasticsearch,
    indexPrefix: id,
    clock: systemClock,
    logger: silentLogger,
  });

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'caboose-lead-'));
    zookeeper = await startZooKeeper({ tickTimeMs: 500 });
    const common = `
transport: { kafka: { brokers: ["${servers.kafka}"], topicPrefix: ${id}, partitions: 1, groupId: ${id}, sessionTimeoutMs: 6000 } }
index: { elasticsearch: { node: "${servers.elasticsearch}", indexPrefix: ${id} } }
lease: { zookeeper: { servers: ["${zookeeper.address}"], path: /${id}, sessionTimeoutMs: ${sessionTimeoutMs} } }
incidents: { silentAfterMs: 5000 }
http: { listen: "127.0.0.1:0" }
`;
    indexers = ['1', '2'].map((name) => new CabooseProcess(`indexer-${name}`, 'indexer', common, dir));
    await mkdir(join(dir, 'logs'));
    await writeFile(join(dir, 'logs', 'a.log'), 'one\ntwo\n');
    const agent = join(dir, 'agent.yaml');
    await writeFile(
      agent,
      `source: { id: ${id}, include: ["${dir}/logs/*.log"], run: ${id} }\nstate: { dir: ${dir}/state }\n${common}`,
    );
    await ship();
    for (const indexer of indexers) indexer.start();
  }, 60_000);

  afterAll(async () => {
    for (const indexer of indexers) indexer.signal('SIGCONT');
    await Promise.all(indexers.map(async (indexer) => await indexer.stop()));
    await zookeeper.stop();
    await index.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function ship(): Promise<void> {
    const { code, stderr } = await runCaboose(['agent', '--once', '--config', join(dir, 'agent.yaml')]);
    if (code !== 0) throw new Error(stderr);
  }

  async function leaders(): Promise<CabooseProcess[]> {
    const leading = await Promise.all(
      indexers.map(async (indexer) => (await indexer.metric('caboose_leader')) === 1),
    );
    return indexers.filter((_, i) => leading[i]);
  }

  async function theLeader(): Promise<CabooseProcess> {
    await until(async () => (await leaders()).length === 1, 'one leads', 30_000);
    const [leader] = await leaders();
    if (!leader) throw new Error('the leader is gone');
    return leader;
  }

  async function token(): Promise<number> {
    const [incident] = await index.incidents(id);
    return incident?.token ?? 0;
  }

  it('is followed within 1.5 × session time-out when it is killed', { timeout: 60_000 }, async () => {
    const leader = await theLeader();
    const other = indexers.find((indexer) => indexer !== leader);
    await leader.kill();
    const killedAt = performance.now();
    await until(async () => (await other?.metric('caboose_leader')) === 1, 'the other leads', 30_000);
    expect(performance.now() - killedAt).toBeLessThan(1.5 * sessionTimeoutMs);
    leader.start();
    await until(async () => (await leader.metric('caboose_leader')) === 0, 'the killed one is back', 30_000);
  });

  it(
    'writes nothing after it was stopped and continued, and is refused where it tries',
    { timeout: 90_000 },
    async () => {
      await until(async () => (await token()) > 0, 'the silent run is told', 30_000);
      const old = await theLeader();
      const oldToken = await token();
      old.signal('SIGSTOP');
      const other = indexers.find((indexer) => indexer !== old);
      await until(async () => (await other?.metric('caboose_leader')) === 1, 'the other leads', 30_000);
      await delay(2 * sessionTimeoutMs);
      // The run goes on: the new leader resolves the incident, under its own token.
      await writeFile(join(dir, 'logs', 'b.log'), 'three\nfour\n');
      await ship();
      await until(async () => (await token()) > oldToken, 'the new leader writes', 30_000);
      const [written] = await index.incidents(id);

      old.signal('SIGCONT');
      await until(
        async () => (await old.metric('caboose_leader')) === 0,
        'the old one knows that it is none',
        30_000,
      );
      expect(await leaders()).toEqual([other]);
      if (!written) throw new Error('no incident');
      expect(await index.writeIncident({ ...written, message: 'from the past', token: oldToken })).toBe(
        'stale',
      );
      expect((await index.incidents(id)).some(({ message }) => message === 'from the past')).toBe(false);
    },
  );
});
