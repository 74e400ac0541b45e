import { appendFileSync, mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createElasticsearchIndex } from '../../src/sinks/elasticsearch/index.ts';
import { parseSearch } from '../../src/sinks/query.ts';
import { until } from '../fakes/clock.ts';
import { describeWith } from '../servers/servers.ts';
import { startZooKeeper } from '../servers/zookeeper.ts';
import { outOfMemory, step, timedOut, uncaught } from '../train/live/live-run.ts';
import { CabooseProcess } from './caboose-process.ts';
import { webhookService } from './webhook-service.ts';
import type { WebhookService } from './webhook-service.ts';

const sessionTimeoutMs = 3_000;
const ranks = [0, 1, 2, 3];

await describeWith(['kafka', 'zookeeper', 'elasticsearch'], 'a run of which rank 3 fails', (servers) => {
  const id = `fail${Date.now()}`;
  let dir: string;
  let zookeeper: Awaited<ReturnType<typeof startZooKeeper>>;
  let hook: WebhookService;
  let agent: CabooseProcess;
  let indexers: CabooseProcess[];
  const index = createElasticsearchIndex({
    node: servers.elasticsearch,
    indexPrefix: id,
    clock: systemClock,
    logger: silentLogger,
  });

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'caboose-fail-'));
    zookeeper = await startZooKeeper({ tickTimeMs: 500 });
    hook = await webhookService();
    const common = `
transport: { kafka: { brokers: ["${servers.kafka}"], topicPrefix: ${id}, partitions: 2, groupId: ${id}, sessionTimeoutMs: 6000 } }
index: { elasticsearch: { node: "${servers.elasticsearch}", indexPrefix: ${id} } }
lease: { zookeeper: { servers: ["${zookeeper.address}"], path: /${id}, sessionTimeoutMs: ${sessionTimeoutMs} } }
incidents: { settleMs: 8000, webhook: { url: "${hook.url}" } }
http: { listen: "127.0.0.1:0" }
`;
    mkdirSync(join(dir, 'logs'));
    const source = `source: { id: ${id}, include: ["${dir}/logs/*.log"], pathPatterns: ["**/rank{rank}.log"], run: ${id} }`;
    agent = new CabooseProcess('agent', 'agent', `${source}\nstate: { dir: ${dir}/state }\n${common}`, dir);
    indexers = ['1', '2'].map((name) => new CabooseProcess(`indexer-${name}`, 'indexer', common, dir));
    for (const each of [agent, ...indexers]) each.start();
  }, 60_000);

  afterAll(async () => {
    await Promise.all([agent, ...indexers].map(async (each) => await each.stop()));
    await zookeeper.stop();
    await hook[Symbol.asyncDispose]();
    await index.close();
    await rm(dir, { recursive: true, force: true });
  });

  const write = (rank: number, text: string): void =>
    appendFileSync(join(dir, 'logs', `rank${rank}.log`), text);

  /** The one that leads and, as far as it is asked, watches the run. */
  async function leader(watching = false): Promise<CabooseProcess> {
    let found: CabooseProcess | undefined;
    await until(
      async () => {
        for (const each of indexers)
          if ((await each.metric(watching ? 'caboose_watched_runs' : 'caboose_leader')) === 1) found = each;
        return found !== undefined;
      },
      'one leads',
      60_000,
      100,
    );
    if (found === undefined) throw new Error('nobody leads');
    return found;
  }

  const finds = async (text: string): Promise<boolean> =>
    (await index.search({ clauses: parseSearch(text), run: id })).length > 0;

  it(
    'has exactly one incident, with its first cause, and the webhook hears of it once, though two leaders are killed',
    { timeout: 240_000 },
    async () => {
      for (const number of [1, 2, 3, 4]) for (const rank of ranks) write(rank, step(number));
      const first = await leader(true);
      write(3, uncaught(outOfMemory));
      await until(async () => await finds('"CUDA out of memory"'), 'rank 3 can be searched', 60_000, 100);
      await first.kill();
      expect(await index.incidents(id)).toEqual([]);
      for (const rank of [0, 1, 2]) write(rank, timedOut(rank));
      const isWhole = async (): Promise<boolean> =>
        (await index.incidents(id)).some(({ echo = [], told = [] }) => echo.length > 0 && told.length > 0);
      await until(isWhole, 'the next leader tells of it', 90_000, 200);
      const [incident, ...more] = await index.incidents(id);
      expect(more).toEqual([]);
      expect(incident).toMatchObject({
        class: 'cuda-oom',
        role: 'root',
        rank: 3,
        resolved: null,
        echo: [{ class: 'collective-timeout', ranks: [0, 1, 2] }],
      });
      expect(incident?.evidence[0]?.path).toBe(join(dir, 'logs', 'rank3.log'));

      first.start();
      const second = await leader(true);
      await second.kill();
      await until(
        async () => ((await index.incidents(id))[0]?.token ?? 0) > (incident?.token ?? Infinity),
        'a third leader has taken over',
        60_000,
        200,
      );
      const third = await leader(true);
      expect(await third.metric('caboose_incident_active')).toBe(1);
      expect(await index.incidents(id)).toEqual([{ ...incident, token: expect.any(Number) }]);
      expect(hook.news.map(({ key, incident: { rank } }) => [key, rank])).toEqual([
        [`${incident?.id}:opened`, 3],
      ]);
    },
  );
});
