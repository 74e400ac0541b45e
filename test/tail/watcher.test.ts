import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { nodeFileSystem } from '../../src/tail/file-system.ts';
import { directoryWatcher } from '../../src/tail/watcher.ts';
import type { Watcher } from '../../src/tail/watcher.ts';
import { until } from '../fakes/clock.ts';

let dir: string;
let woken: string[];
let told: { fields: object; message: string }[];
let watcher: Watcher;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'caboose-watcher-'));
  await mkdir(join(dir, 'run'));
  await writeFile(join(dir, 'run/rank0.log'), 'a\n');
  woken = [];
  told = [];
  watcher = directoryWatcher({
    fs: nodeFileSystem,
    clock: systemClock,
    logger: {
      ...silentLogger,
      warn: (fields: object, message: string) => void told.push({ fields, message }),
    },
    isInteresting: (path) => path.endsWith('.log'),
    isTold: (directory) => directory.endsWith('/told'),
    lookIntervalMs: 20,
  });
  watcher.start((kind, path) => void woken.push(`${kind} ${path}`));
});

afterEach(async () => {
  await watcher.close();
  await rm(dir, { recursive: true, force: true });
});

/** Writes until the watch, which takes a moment to stand, has told. */
async function untilToldOf(path: string): Promise<void> {
  await until(async () => {
    await appendFile(path, 'b\n');
    return woken.includes(`changed ${path}`);
  }, `${path} is told of`);
}

/** Of this process. */
async function inotifyWatches(): Promise<number> {
  const counts = await Promise.all(
    (await readdir('/proc/self/fdinfo')).map(async (fd) => {
      const info = await readFile(`/proc/self/fdinfo/${fd}`, 'utf8').catch(() => '');
      return info.split('\n').filter((line) => line.startsWith('inotify wd')).length;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

describe('directoryWatcher', () => {
  it('tells of files that grow, and of what appears, in the directories that are followed', async () => {
    watcher.follow(new Set([dir, join(dir, 'run')]));
    await untilToldOf(join(dir, 'run/rank0.log'));
    await mkdir(join(dir, 'other'));
    await until(() => woken.includes(`appeared ${join(dir, 'other')}`), 'the directory is told of');
    expect(told).toEqual([]);
  });

  it.runIf(process.platform === 'linux')(
    'needs one watch for a directory, however many files are in it',
    async () => {
      for (let i = 0; i < 50; i += 1) await writeFile(join(dir, `run/rank${i}.log`), 'a\n');
      const before = await inotifyWatches();
      watcher.follow(new Set([join(dir, 'run')]));
      await until(async () => (await inotifyWatches()) > before, 'it is watched');
      expect(await inotifyWatches()).toBe(before + 1);
      await untilToldOf(join(dir, 'run/rank7.log'));
    },
  );

  it('leaves directories that are no longer followed, and takes in new ones', async () => {
    watcher.follow(new Set([join(dir, 'run')]));
    await untilToldOf(join(dir, 'run/rank0.log'));
    await mkdir(join(dir, 'next'));
    await writeFile(join(dir, 'next/rank0.log'), 'a\n');
    watcher.follow(new Set([join(dir, 'next')]));
    await untilToldOf(join(dir, 'next/rank0.log'));
    woken = [];
    await appendFile(join(dir, 'run/rank0.log'), 'c\n');
    await untilToldOf(join(dir, 'next/rank0.log'));
    expect(woken.filter((one) => one.includes('/run/'))).toEqual([]);
  });

  it('does not watch where every write is told of anyway', async () => {
    await mkdir(join(dir, 'told'));
    await writeFile(join(dir, 'told/rank0.log'), 'a\n');
    watcher.follow(new Set([join(dir, 'run'), join(dir, 'told')]));
    await untilToldOf(join(dir, 'run/rank0.log'));
    await appendFile(join(dir, 'told/rank0.log'), 'b\n');
    await untilToldOf(join(dir, 'run/rank0.log'));
    expect(woken.filter((one) => one.includes('/told/'))).toEqual([]);
  });

  it('lives with directories that are not there, or are no more', async () => {
    watcher.follow(new Set([join(dir, 'never'), join(dir, 'run')]));
    await untilToldOf(join(dir, 'run/rank0.log'));
    await rm(join(dir, 'run'), { recursive: true });
    await until(() => woken.some((one) => one.startsWith('appeared')), 'the loss is told of');
    expect(told).toEqual([]);
  });
});
