import { appendFile, mkdir, mkdtemp, readdir, readlink, rename, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createKafkaTransport } from '../../src/transport/kafka/transport.ts';
import { until } from '../fakes/clock.ts';
import { startKafka } from '../servers/kafka.ts';
import { describeStarting } from '../servers/servers.ts';
import { CabooseProcess } from './caboose-process.ts';
import { compare, lineOf, randomOf } from './oracle.ts';
import { shippedLines, shippedLocally } from './shipped-lines.ts';
import { mountSmallDisk } from './small-disk.ts';

const batches = 3;
const filesEach = 20;
/** All of it is more than may be under way, so that some is spooled before it is cut. */
const linesEach = 2500;
const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);

const nothingLost = { missing: 0, duplicate: 0, wrong: 0, gapBytes: 0, exitCode: 0, seed };

/** What the agent ships to, and how it goes away and comes back. */
interface Outage {
  /** YAML of `transport`. */
  transport: string;
  begin(): Promise<void>;
  end(): Promise<void>;
  shipped(): Promise<{ lines: string[]; gapBytes: number }>;
}

/** Files are deleted while nothing is acknowledged, the agent is killed after each batch; then all of it comes. */
async function verdictOf(dir: string, outage: Outage): Promise<object> {
  const random = randomOf(seed);
  const agent = new CabooseProcess('agent', 'agent', configOf(dir, outage.transport), dir);
  const logs = join(dir, 'logs');
  const written: string[] = [];
  const write = async (name: string, lines: number) => {
    const path = join(logs, name);
    const some = Array.from({ length: lines }, (_, i) => lineOf(path, i, random));
    const text = some.map((line) => `${line}\n`).join('');
    await appendFile(path, text);
    written.push(...some);
    return Buffer.byteLength(text);
  };
  const spoolFiles = async () => (await readdir(join(dir, 'state/spool')).catch(() => [])).length;
  const soon = async (condition: () => Promise<boolean>, what: string) =>
    await until(condition, `${what} (seed ${seed})`, 60_000);
  try {
    await mkdir(logs, { recursive: true });
    await write('before.log', 100);
    agent.start();
    await soon(
      async () => ((await agent.metric('caboose_acked_bytes_total{lane="bulk"}')) ?? 0) > 0,
      'it ships',
    );
    await soon(async () => (await agent.metric('caboose_lag_bytes')) === 0, 'the first file is shipped');
    await outage.begin();
    let deletedBytes = 0;
    for (let batch = 0; batch < batches; batch += 1) {
      const names = Array.from({ length: filesEach }, (_, i) => `worker-${batch}-${i}.log`);
      for (const name of names) deletedBytes += await write(name, linesEach);
      const prefix = join(logs, `worker-${batch}-`);
      await soon(async () => (await countOpen(agent.pid, prefix)) === filesEach, 'they are open');
      // One of each batch is rotated out of sight, the others are deleted.
      for (const [i, name] of names.entries())
        if (i === 0) await rename(join(logs, name), join(dir, name));
        else await unlink(join(logs, name));
      await soon(async () => (await spoolFiles()) === (batch + 1) * filesEach, 'all are spooled');
      // A file counts in the gauge when all of it is on disk.
      await soon(
        async () => ((await agent.metric('caboose_spool_bytes')) ?? 0) > deletedBytes,
        'all of their bytes are spooled',
      );
      await agent.kill();
      agent.start();
      await soon(async () => (await agent.metric('caboose_spool_bytes')) !== null, 'the agent is back');
    }
    await outage.end();
    await soon(async () => (await agent.metric('caboose_spool_bytes')) === 0, 'the spool is empty');
    await soon(async () => (await spoolFiles()) === 0, 'no spool file is left');
    const { lines, gapBytes } = await outage.shipped();
    return { ...compare(written, lines), gapBytes, exitCode: await agent.stop(), seed };
  } finally {
    await agent.stop();
  }
}

/** How many files whose path begins so the process holds open. */
async function countOpen(pid: number, prefix: string): Promise<number> {
  const descriptors = await readdir(`/proc/${pid}/fd`);
  const paths = await Promise.all(
    descriptors.map(async (fd) => await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
  );
  return paths.filter((path) => path.startsWith(prefix)).length;
}

function configOf(dir: string, transport: string): string {
  return `
source: { id: vanished, include: ["${dir}/logs/*.log"], run: vanished, rank: 0 }
transport: ${transport}
state: { dir: ${dir}/state }
http: { listen: "127.0.0.1:0" }
agent: { cpuMax: null }
`;
}

describe('files that are deleted while the disk of the local log is full', () => {
  it('are spooled, survive kill -9, and are shipped: every line once', { timeout: 300_000 }, async (test) => {
    const dir = await mkdtemp(join(tmpdir(), 'caboose-vanished-'));
    const disk = await mountSmallDisk(join(dir, 'transport'), '64m');
    if (!disk) return test.skip();
    try {
      const verdict = await verdictOf(dir, {
        transport: `{ local: { dir: ${dir}/transport/log } }`,
        begin: disk.fill,
        end: disk.makeRoom,
        shipped: async () => await shippedLocally(join(dir, 'transport/log')),
      });
      expect(verdict).toEqual(nothingLost);
    } finally {
      await disk.unmount();
      await rm(dir, { recursive: true, force: true });
    }
  });
});

await describeStarting(['kafka'], 'files that are deleted while Kafka is down', () => {
  it('are spooled, survive kill -9, and are shipped: every line once', { timeout: 300_000 }, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'caboose-vanished-'));
    const broker = await startKafka();
    const transport = createKafkaTransport({
      brokers: [broker.address],
      sessionTimeoutMs: 6000,
      clock: systemClock,
      logger: silentLogger,
    });
    try {
      const verdict = await verdictOf(dir, {
        transport: `{ kafka: { brokers: ["${broker.address}"], partitions: 3 } }`,
        begin: async () => await broker.kill('SIGKILL'),
        end: async () => await broker.restart(),
        shipped: async () => await shippedLines(transport.scanner),
      });
      expect(verdict).toEqual(nothingLost);
    } finally {
      await transport.close();
      await broker.stop();
      await rm(dir, { recursive: true, force: true });
    }
  });
});
