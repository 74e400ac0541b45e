import { mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../core/durable-files.ts';
import { errorCode } from '../core/errors.ts';
import { nodeFileSystem } from './file-system.ts';
import type { OpenFile } from './file-system.ts';
import { appendFile } from './journal-store.ts';
import type { AppendFile } from './journal-store.ts';

/** The spool's directory as the spool asks for it; a model which is full, or fails at any call, stands in for it in tests. */
export interface SpoolStore {
  /** Empty when there is no directory yet. */
  names(): Promise<string[]>;
  /** Opens for appending, after cutting the file to `length` bytes; makes it, and the directory, when they are not there. */
  append(name: string, length: number): Promise<AppendFile>;
  /** Null when it is not there. */
  open(name: string): Promise<OpenFile | null>;
  rename(from: string, to: string): Promise<void>;
  /** Durable when it resolves. Not an error when it is not there. */
  remove(name: string): Promise<void>;
  /** What the disk still takes. */
  freeBytes(): Promise<number>;
}

export function nodeSpoolStore(dir: string): SpoolStore {
  return {
    async names() {
      try {
        return await readdir(dir);
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return [];
        throw error;
      }
    },
    async append(name, length) {
      await mkdir(dir, { recursive: true });
      const handle = await open(join(dir, name), length === 0 ? 'w' : 'r+', 0o644);
      await handle.truncate(length);
      const file = appendFile(handle, length);
      return {
        ...file,
        async sync() {
          await file.sync();
          if (length === 0) await syncDirectory(dir);
        },
      };
    },
    open: async (name) => await nodeFileSystem.open(join(dir, name)),
    rename: async (from, to) => await rename(join(dir, from), join(dir, to)),
    async remove(name) {
      await mkdir(dir, { recursive: true });
      await rm(join(dir, name), { force: true });
      await syncDirectory(dir);
    },
    async freeBytes() {
      await mkdir(dir, { recursive: true });
      const { bavail, bsize } = await statfs(dir);
      return bavail * bsize;
    },
  };
}
