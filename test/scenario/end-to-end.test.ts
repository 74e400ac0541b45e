import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { describeWith } from '../servers/servers.ts';
import { CabooseProcess, runCaboose } from './caboose-process.ts';
import { elasticCount, elasticMessages } from './elastic-documents.ts';
import { compare, randomOf, writeLive } from './oracle.ts';

const linesPerFile = 20_000;
const rotations = 4;
const killsEach = 5;
const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);

await describeWith(['kafka', 'zookeeper', 'elasticsearch'], 'end to end, on real servers', (servers) => {
  it(
    'four files written live, two agents and two indexers killed again and again: every line once',
    { timeout: 420_000 },
    async () => {
      const dir = await mkdtemp(join(tmpdir(), 'caboose-e2e-'));
      const id = `e2e${Date.now()}`;
      const random = randomOf(seed);
      const agents = ['a', 'b'].map(
        (name) => new CabooseProcess(`agent-${name}`, 'agent', agentConfig(name), dir),
      );
      const indexers = ['1', '2'].map(
        (name) => new CabooseProcess(`indexer-${name}`, 'indexer', indexerConfig(), dir),
      );
      const all = [...agents, ...indexers];

      function agentConfig(name: string): string {
        return `
source: { id: ${id}-${name}, include: ["${dir}/logs/${name}/**/*.log*"], run: ${id}-${name}, rank: 0 }
transport: { kafka: { brokers: ["${servers.kafka}"], topicPrefix: ${id}, partitions: 4, groupId: ${id}, sessionTimeoutMs: 6000 } }
index: { elasticsearch: { node: "${servers.elasticsearch}", indexPrefix: ${id} } }
state: { dir: ${dir}/state-${name} }
http: { listen: "127.0.0.1:0" }
`;
      }
      function indexerConfig(): string {
        return `
transport: { kafka: { brokers: ["${servers.kafka}"], topicPrefix: ${id}, partitions: 4, groupId: ${id}, sessionTimeoutMs: 6000 } }
index: { elasticsearch: { node: "${servers.elasticsearch}", indexPrefix: ${id} } }
lease: { zookeeper: { servers: ["${servers.zookeeper}"], path: /${id}, sessionTimeoutMs: 4000 } }
http: { listen: "127.0.0.1:0" }
`;
      }

      try {
        for (const one of all) one.start();
        const files = ['a/w0.log', 'a/w1.log', 'b/w2.log', 'b/w3.log'].map((name) => join(dir, 'logs', name));
        const writing = Promise.all(
          files.map((path, i) =>
            writeLive({ path, lines: linesPerFile, rate: 1_500, rotations, seed: seed + i }),
          ),
        );
        const writers = { done: false };
        void writing.finally(() => (writers.done = true));
        while (!writers.done || all.some(({ kills }) => kills < killsEach)) {
          await delay(300 + random() * 1_500);
          const fewest = Math.min(...all.map(({ kills }) => kills));
          const next = all.filter(({ kills }) => kills === fewest);
          const victim = next[Math.floor(random() * next.length)];
          await victim?.kill();
          victim?.start();
        }
        const written = await writing;
        const expected = written.flat();

        const count = async () => await elasticCount(servers.elasticsearch, `${id}-logs-*`);
        await until(
          async () => (await count()) >= expected.length,
          `${expected.length} events in the index (seed ${seed})`,
          240_000,
        );
        const verdict = await (async () => {
          const found = await elasticMessages(servers.elasticsearch, `${id}-logs-*`);
          return compare(expected, found);
        })();
        expect({ seed, ...verdict }).toEqual({ seed, missing: 0, duplicate: 0, wrong: 0 });
        expect(Math.min(...all.map(({ kills }) => kills))).toBeGreaterThanOrEqual(killsEach);

        for (const name of ['a', 'b']) {
          const config = join(dir, `agent-${name}.yaml`);
          for (const options of [[], ['--deep']]) {
            const audit = await runCaboose(['audit', '--config', config, ...options]);
            expect(audit.stdout.toString() + audit.stderr).toMatch(/^complete: /);
            expect(audit.code).toBe(0);
          }
        }
        for (const path of files) {
          const name = path.includes('/a/') ? 'a' : 'b';
          const cat = await runCaboose(['cat', path, '--config', join(dir, `agent-${name}.yaml`)]);
          const generations = [
            ...Array.from({ length: rotations }, (_, i) => `${path}.${rotations - i}`),
            path,
          ];
          const bytes = Buffer.concat(
            await Promise.all(generations.map(async (file) => await readFile(file))),
          );
          expect(
            cat.stdout.equals(bytes),
            `cat ${path}: ${cat.stdout.length} of ${bytes.length} bytes; ${cat.stderr}`,
          ).toBe(true);
        }
      } finally {
        await Promise.all(all.map(async (one) => await one.stop()));
        if (process.env['CABOOSE_TEST_KEEP'] !== '1') await rm(dir, { recursive: true, force: true });
      }
    },
  );
});
