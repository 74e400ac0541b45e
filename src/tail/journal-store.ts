import { mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile, syncDirectory } from '../core/durable-files.ts';

/** The state directory as the cut log asks for it; a model which tears and loses writes stands in for it in tests. */
export interface JournalStore {
  names(): Promise<string[]>;
  read(name: string): Promise<Buffer>;
  /** Writes a whole file so that after a crash either all of it is there or none (temporary file, fsync, rename, fsync). */
  replace(name: string, content: Buffer): Promise<void>;
  /** Opens for appending, after cutting the file to `length` bytes. */
  append(name: string, length: number): Promise<AppendFile>;
  rename(from: string, to: string): Promise<void>;
  /** Not an error when it is not there. */
  remove(name: string): Promise<void>;
}

export interface AppendFile {
  write(bytes: Buffer): Promise<void>;
  /** Resolves when all that was written survives a crash of the machine. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export function nodeJournalStore(dir: string): JournalStore {
  return {
    async names() {
      await mkdir(dir, { recursive: true });
      return await readdir(dir);
    },
    read: async (name) => await readFile(join(dir, name)),
    replace: async (name, content) => await replaceFile(dir, name, content),
    async append(name, length) {
      const handle = await open(join(dir, name), 'r+');
      await handle.truncate(length);
      return appendFile(handle, length);
    },
    async rename(from, to) {
      await rename(join(dir, from), join(dir, to));
      await syncDirectory(dir);
    },
    remove: async (name) => await rm(join(dir, name), { force: true }),
  };
}

/** Writes behind one another from `start` on. */
export function appendFile(handle: FileHandle, start: number): AppendFile {
  let position = start;
  return {
    async write(bytes) {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position);
        done += bytesWritten;
        position += bytesWritten;
      }
    },
    sync: async () => await handle.datasync(),
    close: async () => await handle.close(),
  };
}
