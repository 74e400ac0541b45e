import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { CabooseProcess } from './caboose-process.ts';
import { compare, lineOf, randomOf } from './oracle.ts';
import { shippedLocally } from './shipped-lines.ts';
import { mountSmallDisk } from './small-disk.ts';

const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);

describe('a full state directory', () => {
  it(
    'keeps shipping, says so, and has a whole cut log again when there is room',
    { timeout: 120_000 },
    async (test) => {
      const dir = await mkdtemp(join(tmpdir(), 'caboose-full-'));
      const state = join(dir, 'state');
      const disk = await mountSmallDisk(state, '1m');
      if (!disk) return test.skip();
      const random = randomOf(seed);
      const path = join(dir, 'logs/a.log');
      const written: string[] = [];
      const write = async (lines: number) => {
        const some = Array.from({ length: lines }, () => lineOf(path, written.length + random(), random));
        await appendFile(path, some.map((line) => `${line}\n`).join(''));
        written.push(...some);
      };
      const shipped = async () => await shippedLocally(join(dir, 'transport'));
      const agent = new CabooseProcess('agent', 'agent', configOf(dir), dir);
      try {
        await mkdir(join(dir, 'logs'));
        await write(10);
        agent.start();
        await until(async () => (await shipped()).lines.length === 10, 'the first lines', 30_000);
        await disk.fill();
        // Until the journal needs another page of the disk.
        await until(
          async () => {
            await write(50);
            await delay(100);
            return agent.log.includes('the cut log cannot be written: shipping goes on, at least once');
          },
          'the full disk is told',
          60_000,
        );
        await write(50);
        await until(async () => (await shipped()).lines.length >= written.length, 'shipping goes on', 30_000);
        await agent.kill();
        agent.start();
        await write(50);
        await until(
          async () => (await shipped()).lines.length >= written.length,
          'after a kill, too',
          30_000,
        );
        await disk.makeRoom();
        await write(50);
        await until(() => agent.log.includes('exactly once holds'), 'it recovers', 30_000);
        await write(50);
        await until(async () => (await shipped()).lines.length >= written.length, 'the rest', 30_000);
        expect(await agent.stop()).toBe(0);
        agent.start();
        await until(
          async () => (await agent.metric('caboose_followed_files')) === 1,
          'it starts again',
          30_000,
        );
        await delay(500);
        expect(agent.log).not.toContain('damaged');
        const verdict = { ...compare(written, (await shipped()).lines), seed };
        expect(verdict).toEqual({ missing: 0, duplicate: 0, wrong: 0, seed });
        expect(await agent.stop()).toBe(0);
      } finally {
        await agent.stop();
        await disk.unmount();
        await rm(dir, { recursive: true, force: true });
      }
    },
  );
});

function configOf(dir: string): string {
  return `
source: { id: full, include: ["${dir}/logs/*.log"], run: full, rank: 0 }
transport: { local: { dir: ${dir}/transport } }
state: { dir: ${dir}/state }
http: { listen: "127.0.0.1:0" }
agent: { cpuMax: null }
`;
}
