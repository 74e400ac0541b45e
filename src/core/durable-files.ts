import { mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from './errors.ts';

/** Writes a whole file so that after a crash either the old content is there or the new one (temporary file, fsync, rename, fsync). */
export async function replaceFile(dir: string, name: string, content: string | Buffer): Promise<void> {
  await mkdir(dir, { recursive: true });
  const temporary = join(dir, `${name}.tmp`);
  const handle = await open(temporary, 'w', 0o644);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, join(dir, name));
  await syncDirectory(dir);
}

/** Makes renames and new names in a directory durable. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems refuse to sync a directory; the rename is as durable there as it can be.
    if (!['EINVAL', 'ENOTSUP', 'EBADF'].includes(errorCode(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
}
