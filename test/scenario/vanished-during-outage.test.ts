import { appendFile, mkdir, mkdtemp, readdir, rename, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createKafkaTransport } from '../../src/transport/kafka/transport.ts';
import { until } from '../fakes/clock.ts';
import { startKafka } from '../servers/kafka.ts';
import { describeStarting } from '../servers/servers.ts';
import { CabooseProcess } from './caboose-process.ts';
import { compare, lineOf, randomOf } from './oracle.ts';
import { shippedLines } from './shipped-lines.ts';

const batches = 3;
const filesEach = 20;
/** All of it is more than may be under way, so that some is spooled before it is cut. */
const linesEach = 2500;
const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);

await describeStarting(['kafka'], 'files that are deleted while Kafka is down', () => {
  it(
    'are spooled, survive kill -9 of the agent, and are shipped when Kafka is back: every line once',
    { timeout: 300_000 },
    async () => {
      const dir = await mkdtemp(join(tmpdir(), 'caboose-vanished-'));
      const random = randomOf(seed);
      const broker = await startKafka();
      const agent = new CabooseProcess('agent', 'agent', configOf(dir, broker.address), dir);
      const logs = join(dir, 'logs');
      const written: string[] = [];
      const write = async (name: string, lines: number) => {
        const path = join(logs, name);
        const some = Array.from({ length: lines }, (_, i) => lineOf(path, i, random));
        await appendFile(path, some.map((line) => `${line}\n`).join(''));
        written.push(...some);
      };
      const spoolFiles = async () => (await readdir(join(dir, 'state/spool')).catch(() => [])).length;
      const soon = async (condition: () => Promise<boolean>, what: string) =>
        await until(condition, `${what} (seed ${seed})`, 60_000);
      try {
        await mkdir(logs, { recursive: true });
        await write('before.log', 100);
        agent.start();
        await soon(async () => (await agent.metric('caboose_lag_bytes')) === 0, 'the first file is shipped');
        await broker.kill('SIGKILL');
        for (let batch = 0; batch < batches; batch += 1) {
          const names = Array.from({ length: filesEach }, (_, i) => `worker-${batch}-${i}.log`);
          for (const name of names) await write(name, linesEach);
          const followed = 1 + filesEach;
          await soon(
            async () => ((await agent.metric('caboose_open_files')) ?? 0) >= Math.min(followed, filesEach),
            'they are open',
          );
          // One of each batch is rotated out of sight, the others are deleted.
          for (const [i, name] of names.entries())
            if (i === 0) await rename(join(logs, name), join(dir, name));
            else await unlink(join(logs, name));
          await soon(async () => (await spoolFiles()) === (batch + 1) * filesEach, 'all are spooled');
          await agent.kill();
          agent.start();
          await soon(async () => (await agent.metric('caboose_spool_bytes')) !== null, 'the agent is back');
        }
        await broker.restart();
        await soon(async () => (await agent.metric('caboose_spool_bytes')) === 0, 'the spool is empty');
        await soon(async () => (await spoolFiles()) === 0, 'no spool file is left');

        const transport = createKafkaTransport({
          brokers: [broker.address],
          sessionTimeoutMs: 6000,
          clock: systemClock,
          logger: silentLogger,
        });
        const { lines, gapBytes } = await shippedLines(transport.scanner);
        await transport.close();
        const verdict = { ...compare(written, lines), gapBytes, seed };
        expect(verdict).toEqual({ missing: 0, duplicate: 0, wrong: 0, gapBytes: 0, seed });
        expect(await agent.stop()).toBe(0);
      } finally {
        await agent.stop();
        await broker.stop();
        await rm(dir, { recursive: true, force: true });
      }
    },
  );
});

function configOf(dir: string, broker: string): string {
  return `
source: { id: vanished, include: ["${dir}/logs/*.log"], run: vanished, rank: 0 }
transport: { kafka: { brokers: ["${broker}"], partitions: 3 } }
state: { dir: ${dir}/state }
http: { listen: "127.0.0.1:0" }
agent: { cpuMax: null }
`;
}
