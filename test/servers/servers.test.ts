import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { ServerProcess } from './server-process.ts';
import { describeStarting, describeWith } from './servers.ts';
import { fourLetterWord, startZooKeeper, startZooKeeperEnsemble } from './zookeeper.ts';

await describeWith(['kafka', 'zookeeper', 'elasticsearch'], 'the shared servers', (addresses) => {
  it('have addresses', () => {
    expect(addresses.kafka).toMatch(/^[\w.]+:\d+$/);
    expect(addresses.zookeeper).toMatch(/^[\w.]+:\d+$/);
    expect(addresses.elasticsearch).toMatch(/^https?:\/\//);
  });
});

await describeStarting(['zookeeper'], 'a server of one test', () => {
  let server: ServerProcess;
  beforeAll(async () => {
    server = await startZooKeeper({ tickTimeMs: 250 });
  });
  afterAll(() => server.stop());

  it('comes back on the same port after a kill', async () => {
    const port = Number(server.address.split(':')[1]);
    const before = server.pid;
    await server.kill();
    expect(server.running).toBe(false);
    await expect(fourLetterWord(port, 'ruok')).rejects.toThrow('ECONNREFUSED');

    await server.restart();
    expect(server.pid).not.toBe(before);
    expect(await fourLetterWord(port, 'ruok')).toBe('imok');
  });

  it('uses the options that it was given', async () => {
    const port = Number(server.address.split(':')[1]);
    expect(await fourLetterWord(port, 'conf')).toContain('tickTime=250');
  });

  it('leaves nothing behind when it is stopped, also twice', async () => {
    const { directory, pid } = server;
    await server.stop();
    await server.stop();
    expect(existsSync(directory)).toBe(false);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    await expect(server.restart()).rejects.toThrow('stopped for good');
  });
});

await describeStarting(['zookeeper'], 'an ensemble', () => {
  it('keeps serving without one of three', async () => {
    const servers = await startZooKeeperEnsemble(3);
    try {
      await servers[0]?.kill();
      await servers[1]?.ready();
      expect(servers.map((server) => server.running)).toEqual([false, true, true]);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});

await describeStarting(['zookeeper'], 'a server that cannot start', () => {
  it('is reported with the end of its log', async () => {
    await expect(startZooKeeper({ config: { tickTime: 'often' } })).rejects.toThrow(
      /ended while starting[^]*NumberFormatException: For input string: "often"/,
    );
  });
});

await describeStarting(['zookeeper'], 'a server whose test run is killed', () => {
  it('ends, and its directory with it', async () => {
    const run = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'zookeeper'], {
      env: { ...process.env, CABOOSE_TEST_ZOOKEEPER: '', TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = (await once(run.stdout, 'data')) as [Buffer];
    const port = Number(/CABOOSE_TEST_ZOOKEEPER=127\.0\.0\.1:(\d+)/.exec(output.toString())?.[1]);
    expect(await fourLetterWord(port, 'ruok')).toBe('imok');

    run.kill('SIGKILL');
    await vi.waitFor(
      async () => {
        await expect(fourLetterWord(port, 'ruok')).rejects.toThrow('ECONNREFUSED');
        expect(readdirSync(folder)).toEqual([]);
      },
      { timeout: 10_000 },
    );
  });

  const folder = mkdtempSync(join(tmpdir(), 'caboose-killed-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
});
