import { execFile } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A disk of its own (tmpfs), which a test fills and empties. */
export interface SmallDisk {
  fill(): Promise<void>;
  makeRoom(): Promise<void>;
  unmount(): Promise<void>;
}

/** Mounted at `path`; null, and told in capitals, where this user may not mount one. `size` as mount takes it: `1m`. */
export async function mountSmallDisk(path: string, size: string): Promise<SmallDisk | null> {
  await mkdir(path, { recursive: true });
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
  } catch (error) {
    console.warn(`SKIPPED: A FULL DISK IS NOT TESTED, no tmpfs can be mounted here: ${String(error)}`);
    return null;
  }
  const ballast = join(path, 'ballast');
  return {
    async fill() {
      const { bavail, bsize } = await statfs(path);
      await writeFile(ballast, Buffer.alloc(bavail * bsize));
    },
    makeRoom: async () => await rm(ballast),
    async unmount() {
      await run('umount', [path]);
    },
  };
}
