import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { Looks, WatchedDirectory } from '../../src/tail/watched-directory.ts';
import { directoryWatcher } from '../../src/tail/watcher.ts';
import { FakeClock } from '../fakes/clock.ts';
import { MemoryFiles } from './memory-files.ts';

const chokidar = vi.hoisted(() => ({ watchers: [] as (EventEmitter & { isOpen: boolean })[] }));
vi.mock('chokidar', () => ({
  watch: () => {
    const watcher = Object.assign(new EventEmitter(), {
      isOpen: true,
      close: async () => void (watcher.isOpen = false),
    });
    chokidar.watchers.push(watcher);
    return watcher;
  },
}));

const lookIntervalMs = 500;
const quietMs = 10_000;

let clock: FakeClock;
let files: MemoryFiles;
let woken: string[];
let directory: WatchedDirectory;
let refusal: Error | null;

beforeEach(async () => {
  chokidar.watchers.length = 0;
  clock = new FakeClock();
  files = new MemoryFiles();
  files.append('rank0.log', 'a\n');
  files.append('rank0.stderr', 'b\n');
  files.append('model.bin', 'c');
  woken = [];
  refusal = null;
  const { fs } = files;
  directory = new WatchedDirectory('/logs', {
    fs: {
      ...fs,
      async readDirectory(path) {
        if (refusal) throw refusal;
        return await fs.readDirectory(path);
      },
    },
    clock,
    isInteresting: (path) => !path.endsWith('.bin'),
    lookIntervalMs,
    looks: new Looks(),
    onWake: (kind, path) => void woken.push(`${kind} ${path}`),
    onError: () => undefined,
  });
  await ready();
});

afterEach(async () => {
  await directory.close();
});

const openWatchers = () => chokidar.watchers.filter(({ isOpen }) => isOpen);

async function ready(): Promise<void> {
  openWatchers()[0]?.emit('ready');
  await clock.advance(0);
}

async function somethingHappens(): Promise<void> {
  openWatchers()[0]?.emit('raw', 'change', 'rank0.log', {});
  await clock.advance(0);
}

describe('a watched directory', () => {
  it('is watched, and not looked at, while nothing happens', async () => {
    expect(openWatchers()).toHaveLength(1);
    await clock.advance(3_600_000);
    expect(clock.sleeping).toBe(0);
    expect(woken).toEqual([]);
  });

  it('leaves no watch when it is closed', async () => {
    await directory.close();
    expect(openWatchers()).toHaveLength(0);
  });

  it('passes on what the watch says of files that are followed', async () => {
    const watcher = openWatchers()[0];
    watcher?.emit('raw', 'change', 'rank0.log', {});
    watcher?.emit('raw', 'rename', 'rank1.log', {});
    watcher?.emit('raw', 'change', 'model.bin', {});
    expect(woken).toEqual(['changed /logs/rank0.log', 'appeared /logs/rank1.log']);
  });

  it('goes on being watched while a file grows that nobody follows', async () => {
    openWatchers()[0]?.emit('raw', 'change', 'model.bin', {});
    await clock.advance(lookIntervalMs);
    expect(openWatchers()).toHaveLength(1);
    expect(clock.sleeping).toBe(0);
  });

  it.each([
    ['rename', 'may-be-a-directory.bin'],
    ['rename', null],
    ['change', ''],
  ])('is looked at when nobody can say what came (%s %s)', async (event, name) => {
    openWatchers()[0]?.emit('raw', event, name, {});
    await clock.advance(0);
    files.append('rank1.log', 'new\n');
    await clock.advance(lookIntervalMs);
    expect(woken).toEqual(['appeared /logs/rank1.log']);
  });

  it('is not watched while something happens, and what happens is found by looking', async () => {
    await somethingHappens();
    expect(openWatchers()).toHaveLength(0);
    woken = [];
    files.append('rank0.stderr', 'Traceback\n');
    files.append('rank1.log', 'new\n');
    files.remove('rank0.log');
    files.append('model.bin', 'more');
    await clock.advance(lookIntervalMs);
    expect(woken.toSorted()).toEqual([
      'appeared /logs/rank0.log',
      'appeared /logs/rank1.log',
      'changed /logs/rank0.stderr',
    ]);
    await clock.advance(lookIntervalMs);
    expect(woken).toHaveLength(3);
  });

  it('tells of another file under a name that it knew', async () => {
    await somethingHappens();
    woken = [];
    files.remove('rank0.log');
    files.append('rank0.log', 'a\n');
    await clock.advance(lookIntervalMs);
    expect(woken).toEqual(['appeared /logs/rank0.log']);
  });

  it('is watched again when nothing has happened for ten seconds', async () => {
    await somethingHappens();
    await clock.advance(quietMs - lookIntervalMs);
    files.append('rank0.log', 'still\n');
    await clock.advance(quietMs);
    expect(openWatchers()).toHaveLength(0);
    await clock.advance(lookIntervalMs);
    expect(openWatchers()).toHaveLength(1);
  });

  it('misses nothing that happens before the watch stands', async () => {
    await somethingHappens();
    await clock.advance(quietMs);
    expect(openWatchers()).toHaveLength(1);
    woken = [];
    files.append('rank0.stderr', 'Traceback\n');
    await ready();
    expect(woken).toEqual(['changed /logs/rank0.stderr']);
    expect(openWatchers()).toHaveLength(0);
  });

  it('goes on when it cannot be looked at', async () => {
    await somethingHappens();
    woken = [];
    refusal = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
    files.append('rank0.log', 'unseen\n');
    await clock.advance(lookIntervalMs);
    expect(woken).toEqual([]);
    refusal = null;
    await clock.advance(lookIntervalMs);
    expect(woken).toEqual(['changed /logs/rank0.log']);
  });
});

describe('looks', () => {
  it('are further apart the longer they take together, up to five seconds', () => {
    const looks = new Looks();
    expect(looks.intervalMs(500)).toBe(500);
    for (let directory = 0; directory < 20; directory += 1) looks.note(1, 0);
    expect(looks.intervalMs(500)).toBe(1000);
    looks.note(5, 1);
    expect(looks.intervalMs(500)).toBe(1200);
    looks.note(500, 0);
    expect(looks.intervalMs(500)).toBe(5000);
    looks.note(0, 500);
    expect(looks.intervalMs(500)).toBe(1200);
  });
});

describe('directoryWatcher', () => {
  it.each([
    ['ENOSPC', /fs\.inotify\.max_user_watches/],
    ['EMFILE', /fs\.inotify\.max_user_watches/],
    ['EPERM', /nothing to do/],
  ])('tells once that watches are not to be had (%s), and goes on', async (code, hint) => {
    const told: { fields: object; message: string }[] = [];
    const watcher = directoryWatcher({
      fs: files.fs,
      clock,
      logger: {
        ...silentLogger,
        warn: (fields: object, message: string) => void told.push({ fields, message }),
      },
      isInteresting: () => true,
      lookIntervalMs,
    });
    watcher.start((kind, path) => void woken.push(`${kind} ${path}`));
    watcher.follow(new Set(['/logs', '/logs/sub']));
    for (const one of openWatchers())
      one.emit('error', Object.assign(new Error(`${code}: refused`), { code }));
    openWatchers().at(-1)?.emit('raw', 'change', 'a.log', {});
    expect(woken).toEqual(['changed /logs/sub/a.log']);
    const fields = { reason: `${code}: refused`, hint: expect.stringMatching(hint) };
    expect(told).toEqual([
      { fields, message: 'file system events are not to be had: polling finds changes' },
    ]);
    await watcher.close();
  });
});
