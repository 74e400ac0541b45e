/** Two clusters of Kafka, the first of which goes away under load and comes back: killed, then frozen. */
import { appendFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { startKafka } from '../servers/kafka.ts';
import { describeWith } from '../servers/servers.ts';
import { CabooseProcess, runCaboose } from './caboose-process.ts';
import { elasticCount, elasticMessages } from './elastic-documents.ts';
import { compare, writeLive } from './oracle.ts';

const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);
const rate = 80;
/** A cluster that hangs is noticed later than one that is gone: it doubles the time. */
const freezes = process.env['CABOOSE_TEST_LONG'] === '1';

await describeWith(
  ['kafka', 'zookeeper', 'elasticsearch'],
  'a second cluster, on real servers',
  (servers) => {
    it(
      `the first is killed${freezes ? ', later frozen,' : ''} under load: every line once, and everything goes back to it`,
      { timeout: 600_000 },
      async () => {
        const dir = await mkdtemp(join(tmpdir(), 'caboose-second-'));
        const id = `second${Date.now()}`;
        const first = await startKafka();
        const transport = `
transport:
  kafka:
    brokers: ["${first.address}"]
    topicPrefix: ${id}
    groupId: ${id}
    partitions: 3
    sessionTimeoutMs: 6000
    second: { brokers: ["${servers.kafka}"], awayAfterMs: 3000 }
index: { elasticsearch: { node: "${servers.elasticsearch}", indexPrefix: ${id} } }
http: { listen: "127.0.0.1:0" }
`;
        const agents = ['a', 'b'].map(
          (name) =>
            new CabooseProcess(
              `agent-${name}`,
              'agent',
              `source: { id: ${id}-${name}, include: ["${dir}/logs/${name}/**/*.{log,jsonl}*"], run: ${id}-${name}, rank: 0 }
state: { dir: ${dir}/state-${name} }${transport}`,
              dir,
            ),
        );
        const indexers = ['1', '2'].map(
          (name) =>
            new CabooseProcess(
              `indexer-${name}`,
              'indexer',
              `lease: { zookeeper: { servers: ["${servers.zookeeper}"], path: /${id}, sessionTimeoutMs: 4000 } }${transport}`,
              dir,
            ),
        );
        const all = [...agents, ...indexers];
        const over = new AbortController();
        const count = async () => await elasticCount(servers.elasticsearch, `${id}-logs-*`);
        const soon = async (condition: () => boolean | Promise<boolean>, what: string) =>
          await until(condition, `${what} (seed ${seed})`, 120_000, 200);
        const sendTo = async (cluster: string) =>
          await soon(async () => {
            const active = agents.map(
              async (agent) => (await agent.metric(`caboose_active_cluster{cluster="${cluster}"}`)) === 1,
            );
            return (await Promise.all(active)).every(Boolean);
          }, `both agents send to the ${cluster}`);
        try {
          for (const one of all) one.start();
          const files = ['a/w0.log', 'a/w1.log', 'b/w2.log'].map((name) => join(dir, 'logs', name));
          const writing = Promise.all(
            files.map(async (path, i) => {
              const written: string[] = [];
              const rotating = { rotations: 0, rotateEvery: 5_000, seed: seed + i, written };
              return await writeLive({ path, lines: Infinity, rate, signal: over.signal, ...rotating });
            }),
          );
          const points = writePoints(join(dir, 'logs', 'b', 'metrics.jsonl'), over.signal);
          await soon(async () => (await count()) > 1_000, 'events in the index');

          await first.kill('SIGKILL');
          await sendTo('second');
          await delay(2_000);
          for (const victim of [agents[0]!, indexers[0]!]) {
            await victim.kill();
            victim.start();
          }
          await delay(8_000);
          await sendTo('second');
          await first.restart();
          await sendTo('first');
          const back = await count();
          await soon(async () => (await count()) > back + 1_000, 'events after the return');

          if (freezes) {
            process.kill(first.pid, 'SIGSTOP');
            await sendTo('second');
            await indexers[1]!.kill();
            indexers[1]!.start();
            await delay(3_000);
            process.kill(first.pid, 'SIGCONT');
            await sendTo('first');
          }
          await delay(2_000);
          over.abort();
          const expected = [...(await writing).flat(), ...(await points)];

          await until(
            async () => (await count()) >= expected.length,
            `${expected.length} events in the index (seed ${seed})`,
            240_000,
          );
          await delay(2_000);
          const found = await elasticMessages(servers.elasticsearch, `${id}-logs-*`);
          expect({ seed, ...compare(expected, found) }).toEqual({ seed, missing: 0, duplicate: 0, wrong: 0 });
          for (const agent of agents) {
            for (const options of [[], ['--deep']]) {
              const audit = await runCaboose(['audit', '--config', agent.configFile, ...options]);
              expect(audit.stdout.toString() + audit.stderr).toMatch(/^complete: /);
            }
          }
          const path = join(dir, 'logs', 'b', 'metrics.jsonl');
          const cat = await runCaboose(['cat', path, '--config', agents[1]!.configFile]);
          expect(cat.stdout.equals(await readFile(path))).toBe(true);

          // Read again from both, in the order of offsets.
          const replay = await runCaboose(['replay', `${id}-a`, '--json', '--config', agents[0]!.configFile]);
          expect(JSON.parse(replay.stdout.toString())).toMatchObject({ refused: 0 });
          await soon(async () => (await count()) >= expected.length, 'the run again');
          const again = await elasticMessages(servers.elasticsearch, `${id}-logs-*`);
          expect({ seed, ...compare(expected, again) }).toEqual({ seed, missing: 0, duplicate: 0, wrong: 0 });
        } finally {
          over.abort();
          await Promise.all(all.map(async (one) => await one.stop()));
          await first.stop();
          if (process.env['CABOOSE_TEST_KEEP'] !== '1') await rm(dir, { recursive: true, force: true });
        }
      },
    );
  },
);

/** Training points, of which facts are made: they have to find a cluster, too. */
async function writePoints(path: string, signal: AbortSignal): Promise<string[]> {
  const lines: string[] = [];
  await mkdir(join(path, '..'), { recursive: true });
  while (!signal.aborted) {
    const line = JSON.stringify({ step: lines.length, loss: 1 / (1 + lines.length) });
    await appendFile(path, `${line}\n`);
    lines.push(line);
    await delay(100);
  }
  return lines;
}
