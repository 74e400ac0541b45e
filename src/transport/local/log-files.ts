import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../../core/errors.ts';

/** One file of a log: named by the logical position of its first byte, so that a position is found without an index. */
export interface LogFile {
  path: string;
  base: number;
}

export function logFilePath(dir: string, base: number): string {
  return join(dir, `${String(base).padStart(20, '0')}.log`);
}

/** By base; empty when the log does not exist yet. */
export async function listLogFiles(dir: string): Promise<LogFile[]> {
  const names = await orWhenMissing(readdir(dir), []);
  return names
    .filter((name) => /^\d{20}\.log$/.test(name))
    .map((name) => ({ path: join(dir, name), base: Number(name.slice(0, 20)) }))
    .sort((a, b) => a.base - b.base);
}

/** Size in bytes and time of the last change; null when it is gone. */
export async function statLogFile(path: string): Promise<{ size: number; mtimeMs: number } | null> {
  return await orWhenMissing(stat(path), null);
}

/** The logical position behind the last byte that is there now. */
export async function logEnd(dir: string): Promise<number> {
  const last = (await listLogFiles(dir)).at(-1);
  return last ? last.base + ((await statLogFile(last.path))?.size ?? 0) : 0;
}

/** Reads up to `length` bytes; shorter at the end of the file, null when the file is gone (retention). */
export async function readRange(path: string, offset: number, length: number): Promise<Buffer | null> {
  const handle = await orWhenMissing(open(path, 'r'), null);
  if (handle === null) return null;
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)));
    let done = 0;
    while (done < buffer.length) {
      const { bytesRead } = await handle.read(buffer, done, buffer.length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return buffer.subarray(0, done);
  } finally {
    await handle.close();
  }
}

export async function orWhenMissing<T, D>(work: Promise<T>, otherwise: D): Promise<T | D> {
  try {
    return await work;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return otherwise;
  }
}
