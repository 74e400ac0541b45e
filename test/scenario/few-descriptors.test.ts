import { appendFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { CabooseProcess } from './caboose-process.ts';
import { compare, lineOf, randomOf } from './oracle.ts';
import { shippedLocally } from './shipped-lines.ts';

const files = 300;
const openFiles = 64;
const steps = 12;
const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);

describe('an agent with few descriptors', () => {
  it(
    `${files} files that grow and rotate, ${openFiles} descriptors, a kill: told once, every line once`,
    { timeout: 180_000 },
    async () => {
      const dir = await mkdtemp(join(tmpdir(), 'caboose-descriptors-'));
      const random = randomOf(seed);
      const logs = join(dir, 'logs');
      const config = `
source: { id: few, include: ["${logs}/*.log*"], run: few, rank: 0 }
transport: { local: { dir: ${dir}/transport } }
state: { dir: ${dir}/state }
http: { listen: "127.0.0.1:0" }
agent: { cpuMax: null, resources: { intervalMs: 1000 } }
`;
      const agent = new CabooseProcess('agent', 'agent', config, dir, { openFiles });
      const written: string[] = [];
      try {
        await mkdir(logs, { recursive: true });
        agent.start();
        for (let step = 0; step < steps; step += 1) {
          for (let i = 0; i < files; i += 1) {
            const path = join(logs, `worker-${i}.log`);
            const line = lineOf(path, step, random);
            // Torn now and then: it waits, unread, for its line end.
            await appendFile(path, i % 7 === 0 ? line : `${line}\n`);
            if (i % 7 === 0) await appendFile(path, '\n');
            written.push(line);
            if (step % 4 === 3 && i % 3 === 0) await rename(path, `${path}.${step}`);
          }
          if (step === steps / 2) {
            await agent.kill();
            agent.start();
          }
          await delay(300);
        }
        const shipped = async () => await shippedLocally(join(dir, 'transport'));
        await until(
          async () => (await shipped()).lines.length >= written.length,
          `all lines (seed ${seed})`,
          90_000,
        );
        const { lines, gapBytes } = await shipped();
        const verdict = { ...compare(written, lines), gapBytes, seed };
        const known = new Set(written);
        const unknown = lines.filter((line) => !known.has(line));
        expect(unknown, `lines nobody wrote (seed ${seed})`).toEqual([]);
        expect(verdict).toEqual({ missing: 0, duplicate: 0, wrong: 0, gapBytes: 0, seed });
        const told = agent.log.split('the limit of open files is low').length - 1;
        expect(told, 'once a start').toBe(2);
        expect(agent.log).not.toContain('"level":"error"');
        await until(
          async () => ((await agent.metric('caboose_open_files')) ?? Infinity) <= openFiles / 2,
          'few files are open',
        );
        expect(await agent.stop()).toBe(0);
      } finally {
        await agent.stop();
        await rm(dir, { recursive: true, force: true });
      }
    },
  );
});
