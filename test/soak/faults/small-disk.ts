import { execFile, execFileSync } from 'node:child_process';
import { appendFile, mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorCode } from '../../../src/core/errors.ts';
import { Skipped } from './scenario.ts';

const run = promisify(execFile);

/** Mounts a file system of that size in memory. Throws Skipped where that is not allowed. */
export async function mountSmall(dir: string, bytesMax: number): Promise<void> {
  await mkdir(dir, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${bytesMax}`, 'tmpfs', dir]);
  } catch (error) {
    throw new Skipped(`a file system of our own cannot be mounted (root can): ${String(error).trim()}`);
  }
  mounted.add(dir);
}

const mounted = new Set<string>();
// However the run ends, short of kill -9.
process.once('exit', () => {
  for (const dir of mounted) execFileSync('umount', ['--lazy', dir]);
});

export async function unmount(dir: string): Promise<void> {
  if (mounted.delete(dir)) await run('umount', [dir]);
}

const filler = 'filler';

/** Leaves no room on it, whoever else writes at the same time. */
export async function fill(dir: string): Promise<void> {
  for (;;) {
    const { bavail, bsize } = await statfs(dir);
    if (bavail === 0) return;
    try {
      await appendFile(join(dir, filler), Buffer.alloc(bavail * bsize));
    } catch (error) {
      if (errorCode(error) !== 'ENOSPC') throw error;
    }
  }
}

export async function makeRoom(dir: string): Promise<void> {
  await rm(join(dir, filler), { force: true });
}
