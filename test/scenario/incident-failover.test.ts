import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseSearch } from '../../src/sinks/query.ts';
import { until } from '../fakes/clock.ts';
import { describeWith } from '../servers/servers.ts';
import { outOfMemory, step, timedOut, uncaught } from '../train/live/live-run.ts';
import { CabooseProcess } from './caboose-process.ts';
import { TwoIndexers } from './two-indexers.ts';
import { webhookService } from './webhook-service.ts';
import type { WebhookService } from './webhook-service.ts';

const ranks = [0, 1, 2, 3];

await describeWith(['kafka', 'zookeeper', 'elasticsearch'], 'a run of which rank 3 fails', (servers) => {
  const id = `fail${Date.now()}`;
  let hook: WebhookService;
  let two: TwoIndexers;
  let agent: CabooseProcess;

  beforeAll(async () => {
    hook = await webhookService();
    two = await TwoIndexers.create({
      ...servers,
      id,
      partitions: 2,
      sessionTimeoutMs: 3_000,
      more: `incidents: { settleMs: 8000, webhook: { url: "${hook.url}" } }`,
    });
    const { dir, common } = two;
    const source = `source: { id: ${id}, include: ["${dir}/logs/*.log"], pathPatterns: ["**/rank{rank}.log"], run: ${id} }`;
    agent = new CabooseProcess('agent', 'agent', `${source}\nstate: { dir: ${dir}/state }\n${common}`, dir);
    agent.start();
    two.start();
  }, 60_000);

  afterAll(async () => {
    await agent.stop();
    await two.close();
    await hook[Symbol.asyncDispose]();
  });

  const write = (rank: number, text: string): void =>
    appendFileSync(join(two.dir, 'logs', `rank${rank}.log`), text);

  /** The one that leads and watches the run. */
  const watcher = async (): Promise<CabooseProcess> => await two.theOneWith('caboose_watched_runs');

  const finds = async (text: string): Promise<boolean> =>
    (await two.index.search({ clauses: parseSearch(text), run: id })).length > 0;

  it(
    'has exactly one incident, with its first cause, and the webhook hears of it once, though two leaders are killed',
    { timeout: 240_000 },
    async () => {
      for (const number of [1, 2, 3, 4]) for (const rank of ranks) write(rank, step(number));
      const first = await watcher();
      write(3, uncaught(outOfMemory));
      await until(async () => await finds('"CUDA out of memory"'), 'rank 3 can be searched', 60_000, 100);
      await first.kill();
      expect(await two.index.incidents(id)).toEqual([]);
      for (const rank of [0, 1, 2]) write(rank, timedOut(rank));
      const isWhole = async (): Promise<boolean> =>
        (await two.index.incidents(id)).some(
          ({ echo = [], told = [] }) => echo.length > 0 && told.length > 0,
        );
      await until(isWhole, 'the next leader tells of it', 90_000, 200);
      const [incident, ...more] = await two.index.incidents(id);
      expect(more).toEqual([]);
      expect(incident).toMatchObject({
        class: 'cuda-oom',
        role: 'root',
        rank: 3,
        resolved: null,
        echo: [{ class: 'collective-timeout', ranks: [0, 1, 2] }],
      });
      expect(incident?.evidence[0]?.path).toBe(join(two.dir, 'logs', 'rank3.log'));

      first.start();
      const second = await watcher();
      await second.kill();
      await until(
        async () => ((await two.index.incidents(id))[0]?.token ?? 0) > (incident?.token ?? Infinity),
        'a third leader has taken over',
        60_000,
        200,
      );
      const third = await watcher();
      expect(await third.metric('caboose_incident_active')).toBe(1);
      expect(await two.index.incidents(id)).toEqual([{ ...incident, token: expect.any(Number) }]);
      expect(hook.news.map(({ key, incident: { rank } }) => [key, rank])).toEqual([
        [`${incident?.id}:opened`, 3],
      ]);
    },
  );
});
