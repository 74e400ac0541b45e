import { spawnSync } from 'node:child_process';
import { link, mkdir, mkdtemp, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { Discovery } from '../../src/tail/discovery.ts';
import { nodeFileSystem } from '../../src/tail/file-system.ts';
import type { DirectoryEntry, FileSystem } from '../../src/tail/file-system.ts';
import { compilePatterns } from '../../src/tail/patterns.ts';
import { TailHarness } from './harness.ts';

let dir: string;
let told: { path: string; reason: string; hint: string }[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'caboose-discovery-'));
  told = [];
});
afterEach(async () => await rm(dir, { recursive: true }));

function discovery(include: string[] = ['**/*.log'], exclude: string[] = [], fs = nodeFileSystem): Discovery {
  const logger = { ...silentLogger, warn: (fields: object) => void told.push(fields as (typeof told)[0]) };
  return new Discovery(fs, compilePatterns(include, exclude, dir), logger);
}

/** The paths of what is found, below the directory; those of one file joined. */
async function found(by: Discovery): Promise<string[]> {
  const candidates = await by.scan();
  return candidates.map(({ paths }) => paths.map((path) => relative(dir, path)).join('=')).sort();
}

async function write(...names: string[]): Promise<void> {
  for (const name of names) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), name);
  }
}

const refusal = (code: string) => Object.assign(new Error(`${code}: refused`), { code });

describe('Discovery', () => {
  it('finds what matches at any depth, and leaves the excluded out', async () => {
    await write('a.log', 'x/y/z/b.log', 'x/c.txt', 'old/d.log', '.hidden/e.log');
    expect(await found(discovery(['**/*.log'], ['old/**']))).toEqual([
      '.hidden/e.log',
      'a.log',
      'x/y/z/b.log',
    ]);
    expect(told).toEqual([]);
  });

  it('finds directories whose names look like patterns', async () => {
    await write('run [1] {x}/a.log');
    expect(await found(discovery([String.raw`run \[1\] \{x\}/*.log`]))).toEqual(['run [1] {x}/a.log']);
  });

  it('waits for a root that is not there yet, without complaint', async () => {
    const later = discovery(['later/**/*.log', 'file.log']);
    expect(await found(later)).toEqual([]);
    await write('later/a.log', 'file.log');
    expect(await found(later)).toEqual(['file.log', 'later/a.log']);
    expect(told).toEqual([]);
  });

  it('takes a file with several names for one', async () => {
    await write('a.log');
    await link(join(dir, 'a.log'), join(dir, 'b.log'));
    await symlink('a.log', join(dir, 'c.log'));
    const [names, ...others] = await found(discovery());
    expect(names?.split('=').sort()).toEqual(['a.log', 'b.log', 'c.log']);
    expect(others).toEqual([]);
  });

  it('comes to an end where links lead in a circle, and tells once', async () => {
    await write('x/a.log');
    await symlink('..', join(dir, 'x', 'up'));
    await symlink('self.log', join(dir, 'self.log'));
    const looking = discovery();
    const [names] = await found(looking);
    expect(names?.split('=')).toContain('x/a.log');
    await found(looking);
    expect(told.filter(({ reason }) => reason.startsWith('too deep'))).toHaveLength(1);
  });

  it('refuses a link that leads out of the directories, and says what to do', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'caboose-outside-'));
    await writeFile(join(outside, 'secret.log'), 'x');
    await symlink(join(outside, 'secret.log'), join(dir, 'a.log'));
    await symlink(outside, join(dir, 'x'));
    expect(await found(discovery())).toEqual([]);
    expect(told.map(({ path }) => relative(dir, path)).sort()).toEqual(['a.log', 'x']);
    expect(told[0]?.hint).toContain('source.include');
    await rm(outside, { recursive: true });
  });

  it('does not wait for the writer of a FIFO, and tells of it once', async () => {
    expect(spawnSync('mkfifo', [join(dir, 'pipe.log')]).status).toBe(0);
    await write('a.log');
    const looking = discovery();
    expect(await found(looking)).toEqual(['a.log']);
    await found(looking);
    expect(told).toEqual([
      expect.objectContaining({ path: join(dir, 'pipe.log'), reason: 'it is no regular file' }),
    ]);
  });

  it('tells once of a directory that it may not read, goes on, and looks again', async () => {
    await write('a/1.log', 'b/2.log');
    let allowed = false;
    const readDirectory: FileSystem['readDirectory'] = async (path) => {
      if (path === join(dir, 'a') && !allowed) throw refusal('EACCES');
      return await nodeFileSystem.readDirectory(path);
    };
    const looking = discovery(undefined, undefined, { ...nodeFileSystem, readDirectory });
    expect(await found(looking)).toEqual(['b/2.log']);
    await found(looking);
    expect(told).toEqual([
      {
        path: join(dir, 'a'),
        reason: 'EACCES: refused',
        hint: expect.stringContaining('let the user that runs Caboose read it'),
      },
    ]);
    allowed = true;
    expect(await found(looking)).toEqual(['a/1.log', 'b/2.log']);
    allowed = false;
    await found(looking);
    expect(told).toHaveLength(2);
  });

  it('tells once of a root that it may look at and not read', async () => {
    const readDirectory: FileSystem['readDirectory'] = async () => await Promise.reject(refusal('EACCES'));
    const looking = discovery(undefined, undefined, { ...nodeFileSystem, readDirectory });
    for (let walk = 0; walk < 3; walk += 1) expect(await found(looking)).toEqual([]);
    expect(told).toHaveLength(1);
  });

  it('goes on when a file vanishes between the listing and the look at it', async () => {
    await write('a.log', 'b.log');
    const stat: FileSystem['stat'] = async (path) => {
      if (path.endsWith('a.log')) await unlink(path);
      return await nodeFileSystem.stat(path);
    };
    expect(await found(discovery(undefined, undefined, { ...nodeFileSystem, stat }))).toEqual(['b.log']);
    expect(told).toEqual([]);
  });

  it('gives up on a tree without a bottom, and tells', async () => {
    const endless: DirectoryEntry[] = [{ name: 'd', kind: 'directory' }];
    let walked = 0;
    const fs: FileSystem = {
      ...nodeFileSystem,
      readDirectory: async () => await Promise.resolve(((walked += 1), endless)),
    };
    expect(await found(discovery(undefined, undefined, fs))).toEqual([]);
    expect(walked).toBeLessThan(100);
    expect(told).toEqual([expect.objectContaining({ hint: 'narrow source.include' })]);
  });
});

describe('an unreadable file', () => {
  it('is told once, tried again, and holds up no other', async () => {
    await using harness = await TailHarness.create();
    await mkdir(harness.logs, { recursive: true });
    await writeFile(harness.path('closed.log'), 'closed\n');
    await writeFile(harness.path('open.log'), 'open\n');
    const { open } = harness.fs;
    let allowed = false;
    harness.fs.open = async (path) => {
      if (path.endsWith('closed.log') && !allowed) throw refusal('EACCES');
      return await open(path);
    };
    await harness.start();
    await harness.pass(30_000);
    expect(harness.publisher.text()).toBe('open\n');
    expect(harness.warnings).toEqual([
      {
        fields: {
          path: harness.path('closed.log'),
          reason: 'EACCES: refused',
          hint: expect.stringContaining('let the user that runs Caboose read it'),
        },
        message: 'cannot be read',
      },
    ]);
    allowed = true;
    await harness.pass(30_000);
    expect(harness.publisher.text('closed.log')).toBe('closed\n');
  });
});
