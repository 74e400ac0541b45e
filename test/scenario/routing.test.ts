/** Routes on real servers: topics and indices of their own, and every command knows all of them. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { describeWith } from '../servers/servers.ts';
import { CabooseProcess } from './caboose-process.ts';
import { elasticCount, elasticMessages } from './elastic-documents.ts';
import { runHere, ship } from './in-process.ts';

const lines = (name: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${name} line ${from + i}\n`).join('');

await describeWith(['kafka', 'zookeeper', 'elasticsearch'], 'routing, on real servers', (servers) => {
  it(
    'streams go where they were led when they began, and are searched, audited and replayed there',
    { timeout: 240_000 },
    async () => {
      const dir = await mkdtemp(join(tmpdir(), 'caboose-routing-'));
      const id = `route${Date.now()}`;
      const configOf = (routes: string) => `
source: { id: ${id}, include: ["${dir}/logs/**/*.log"], run: ${id}, labels: { team: vision } }
transport: { kafka: { brokers: ["${servers.kafka}"], topicPrefix: ${id}, groupId: ${id}, partitions: 2, sessionTimeoutMs: 6000 } }
index: { elasticsearch: { node: "${servers.elasticsearch}", indexPrefix: ${id}, refreshIntervalMs: 200 } }
lease: { zookeeper: { servers: ["${servers.zookeeper}"], path: /${id}, sessionTimeoutMs: 4000 } }
state: { dir: ${dir}/state }
http: { listen: "127.0.0.1:0" }
routes: ${routes}
`;
      const routes = `
  - { when: { path: "**/eval/**" }, topicPrefix: ${id}-eval, indexPrefix: ${id}-eval }
  - { when: { path: "b*.log", labels: { team: vision } }, indexPrefix: ${id}-b }
  - { when: { path: "c*.log" }, topicPrefix: ${id}-c }`;
      // Another order of rules: they would lead every stream elsewhere.
      const turned = `
  - { when: { path: "a.log" }, topicPrefix: ${id}-eval, indexPrefix: ${id}-b }
  - { when: { path: "{b,c}*.log" }, indexPrefix: ${id}-eval }
  - { when: { labels: { nobody: x } }, topicPrefix: ${id}-c }`;
      const indexer = new CabooseProcess('indexer', 'indexer', configOf(routes), dir);
      const agentFile = join(dir, 'agent.yaml');
      const write = async (name: string, from: number, to: number) =>
        await writeFile(join(dir, 'logs', name), lines(name, from, to), { flag: 'a' });
      const count = async (prefix: string) => await elasticCount(servers.elasticsearch, `${prefix}-logs-*`);
      const counts = async () => await Promise.all(['', '-eval', '-b', '-c'].map((tail) => count(id + tail)));
      try {
        await mkdir(join(dir, 'logs', 'eval'), { recursive: true });
        for (const name of ['a.log', 'b.log', 'c.log', 'eval/e.log']) await write(name, 0, 300);
        await writeFile(agentFile, configOf(routes));
        await ship(agentFile);
        indexer.start();
        // A file is final only when it is gone: its last event is open and shown.
        await until(async () => (await counts()).join() === '600,300,300,0', 'all in their indices', 60_000);

        // Agent and indexer start again with other routes: streams that have begun stay.
        await indexer.stop();
        await writeFile(indexer.configFile, configOf(turned));
        await writeFile(agentFile, configOf(turned));
        for (const name of ['a.log', 'b.log', 'c.log', 'eval/e.log']) await write(name, 300, 500);
        await write('b2.log', 0, 100);
        indexer.start();
        await ship(agentFile);
        const moved = async () => (await counts()).join() === '1000,600,500,0';
        await until(moved, 'all where they began', 60_000);

        const config = ['--config', agentFile];
        const search = await runHere(['search', '"line 499"', '--run', id, '--json', ...config]);
        const found = search.stdout
          .trim()
          .split('\n')
          .map((hit) => (JSON.parse(hit) as { message: string }).message);
        expect(found.sort()).toEqual(
          ['a.log', 'b.log', 'c.log', 'eval/e.log'].map((name) => `${name} line 499`),
        );
        const runs = await runHere(['runs', '--json', ...config]);
        expect(JSON.parse(runs.stdout.trim())).toMatchObject({ run: id, streams: 5, events: 2095 });
        for (const options of [[], ['--deep']]) {
          const audit = await runHere(['audit', ...options, ...config]);
          expect(audit.stdout + audit.stderr).toMatch(/^complete: /);
          expect(audit.code).toBe(0);
        }
        const replay = await runHere(['replay', id, '--json', ...config]);
        expect(JSON.parse(replay.stdout)).toMatchObject({ streams: 5, refused: 0 });
        await until(moved, 'all where they were before the replay', 30_000);
        const texts = async (prefix: string) =>
          (await elasticMessages(servers.elasticsearch, `${prefix}-logs-*`)).length;
        expect(await texts(`${id}-eval`)).toBe(600);
        const deep = await runHere(['audit', '--deep', ...config]);
        expect(deep.stdout + deep.stderr).toMatch(/^complete: /);
      } finally {
        await indexer.stop();
        await rm(dir, { recursive: true, force: true });
      }
    },
  );
});
