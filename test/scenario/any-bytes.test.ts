import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gzipSync } from 'node:zlib';
import { randomOf } from './oracle.ts';
import { runCaboose } from './caboose-process.ts';
import { oneMachine } from './up-alone.ts';

const projectRoot = resolve(import.meta.dirname, '../..');
const seed = Number(process.env['CABOOSE_TEST_SEED'] ?? Date.now() % 1_000_000);

describe('agent and cat, as processes', () => {
  let dir: string;
  let config: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'caboose-bytes-'));
    config = join(dir, 'caboose.yaml');
    await mkdir(join(dir, 'logs'));
    await writeFile(
      config,
      `
source: { id: bytes, include: ["${dir}/logs/**"], run: bytes }
${oneMachine(dir)}
agent: { cpuMax: 4 }
`,
    );
  });
  afterEach(async () => await rm(dir, { recursive: true }));

  async function shipped(name: string, content: Buffer): Promise<{ stdout: Buffer; stderr: string }> {
    await writeFile(join(dir, 'logs', name), content);
    const agent = await runCaboose(['agent', '--once', '--config', config]);
    expect(agent.code, agent.stderr).toBe(0);
    return await runCaboose(['cat', join(dir, 'logs', name), '--config', config]);
  }

  it('all 256 byte values in any order come back exactly', async () => {
    const random = randomOf(seed);
    const content = Buffer.from(
      Array.from({ length: 2_000_000 }, (_, i) => (i < 256 ? i : Math.floor(random() * 256))),
    );
    const { stdout, stderr } = await shipped('noise.bin', content);
    expect(stdout.equals(content), `seed ${seed}: ${stderr}`).toBe(true);
  });

  it('of a file with a hole cat tells the range and goes on, and audit does not call it a fault', async () => {
    const path = join(dir, 'logs', 'a.log');
    const writer = await open(path, 'w');
    const before = 'before\n'.repeat(1000);
    await writer.write(before, 0);
    await truncate(path, 0);
    await writer.write('behind\n', before.length);
    await writer.close();
    const { stdout, stderr } = await shipped('b.log', Buffer.from('b\n'));
    expect([stdout.toString(), stderr]).toEqual(['b\n', '']);
    const cat = await runCaboose(['cat', path, '--config', config]);
    expect(cat.stdout.toString()).toBe('behind\n');
    expect(cat.stderr).toContain('bytes 0 to 7000 (7000) are missing: a hole in the file');
    expect((await runCaboose(['indexer', '--once', '--config', config])).code).toBe(0);
    const audit = await runCaboose(['audit', '--deep', '--config', config]);
    expect(audit.stdout.toString()).toContain('[0, 7000) could not be had: hole');
    expect(audit.code, audit.stdout.toString() + audit.stderr).toBe(0);
  });

  it(
    'of a compressed file cat gives what it was, and audit compares that',
    { timeout: 300_000 },
    async () => {
      const content = Buffer.from(Array.from({ length: 3000 }, (_, i) => `line ${i}\n`).join(''));
      const { stdout } = await shipped('a.log.1.gz', gzipSync(content));
      expect(stdout.equals(content)).toBe(true);
      expect((await runCaboose(['indexer', '--once', '--config', config])).code).toBe(0);
      const audit = await runCaboose(['audit', '--deep', '--config', config]);
      expect(audit.stdout.toString() + audit.stderr).toMatch(/^complete: /);
      const events = await runCaboose(['events', '--json', join(dir, 'logs', 'a.log.1.gz')]);
      expect(JSON.parse(events.stdout.toString().split('\n')[1] ?? '')).toMatchObject({ start: 7, end: 13 });
    },
  );

  it('a line without an end costs no more memory the longer it is', { timeout: 300_000 }, async () => {
    const small = await longLine(16);
    const large = await longLine(192);
    // If all of it, or a part that grows with it, were held, this would be 176 MiB.
    expect(large - small).toBeLessThan(48);
  });

  /** MiB that were resident at most while a line of so many MiB was shipped. */
  async function longLine(mebibytes: number): Promise<number> {
    const path = join(dir, 'logs', `${mebibytes}.log`);
    const block = Buffer.alloc(1024 * 1024, 'a long line, ');
    for (let i = 0; i < mebibytes; i += 1) await appendFile(path, block);
    const usage = join(dir, 'usage.json');
    const reporter = join(projectRoot, 'bench/report-usage.ts');
    const args = [
      '--import',
      reporter,
      join(projectRoot, 'src/main.ts'),
      'agent',
      '--once',
      '--config',
      config,
    ];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, CABOOSE_BENCH_USAGE: usage },
      stdio: 'ignore',
    });
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
    const { maxRSS } = JSON.parse(await readFile(usage, 'utf8')) as NodeJS.ResourceUsage;
    const cat = await runCaboose(['cat', path, '--config', config]);
    expect(cat.stdout.length).toBe(mebibytes * block.length);
    return maxRSS / 1024;
  }
});
