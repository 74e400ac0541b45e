import {
  close,
  closeSync,
  constants,
  fstat,
  fstatSync,
  open,
  openSync,
  read,
  readSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
} from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { readdir, readlink, realpath, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errorCode } from '../core/errors.ts';
import { quickly } from './quick-calls.ts';

/** The file system as the tail asks for it; a model stands in for it in tests. Sizes and positions in bytes, times in ms. */
export interface FileSystem {
  /** Follows symbolic links; null when nothing is there. */
  stat(path: string): Promise<FileStat | null>;
  /** Null when the directory is not there (any more). */
  readDirectory(path: string): Promise<DirectoryEntry[] | null>;
  /** Null when nothing is there. Never blocks on a FIFO. */
  open(path: string): Promise<OpenFile | null>;
  /** With every link resolved; null when nothing is there. */
  realPath(path: string): Promise<string | null>;
}

export interface FileStat {
  /** dev and ino in decimal, joined: what rename keeps. */
  key: string;
  dev: string;
  ino: string;
  size: number;
  mtimeMs: number;
  /** 0 where the file system keeps none. */
  birthtimeMs: number;
  links: number;
  kind: 'file' | 'directory' | 'other';
}

/** File systems that keep no finer times keep whole seconds, some of them every second one. */
export const coarsestTickMs = 2000;

/** Whether a file may be written anew, to the same length, within `coarsestTickMs` and have the same stat: its time may be rounded. */
export function mayHideChange({ mtimeMs }: Pick<FileStat, 'mtimeMs'>): boolean {
  return mtimeMs % 1000 === 0;
}

export interface DirectoryEntry {
  name: string;
  kind: 'file' | 'directory' | 'link' | 'other';
}

export interface OpenFile {
  stat(): Promise<FileStat>;
  /** Reads up to `length` bytes at `position` into the buffer; less only at the end of the file. */
  read(buffer: Buffer, bufferOffset: number, length: number, position: number): Promise<number>;
  /** Where the descriptor really leads; null if the system does not tell. */
  realPath(): Promise<string | null>;
  close(): Promise<void>;
}

const openFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

const bigint = { bigint: true } as const;
const withFileTypes = { withFileTypes: true } as const;

/** Longer reads are worth a thread of the pool. */
const shortReadBytesMax = 16 * 1024;

export const nodeFileSystem: FileSystem = {
  stat: async (path) =>
    orNull(async () =>
      statOf(
        await quickly(
          () => statSync(path, bigint),
          async () => await stat(path, bigint),
        ),
      ),
    ),
  realPath: async (path) =>
    orNull(
      async () =>
        await quickly(
          () => realpathSync.native(path),
          async () => await realpath(path),
        ),
    ),

  readDirectory: async (path) =>
    orNull(async () => {
      const entries = await quickly(
        () => readdirSync(path, withFileTypes),
        async () => await readdir(path, withFileTypes),
      );
      return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
    }),

  open: async (path) =>
    orNull(async () =>
      openFile(
        await quickly(
          () => openSync(path, openFlags),
          async () => await pooledOpen(path, openFlags),
        ),
      ),
    ),
};

const pooledOpen = promisify(open);
const pooledFstat = promisify(fstat);
const pooledRead = promisify(read);
const pooledClose = promisify(close);

function openFile(fd: number): OpenFile {
  // A number that was closed may be another file's by now: nothing is asked of it any more, and it is not closed under a read.
  let isOpen = true;
  const underWay = new Set<Promise<unknown>>();
  const requireOpen = (): void => {
    if (!isOpen) throw Object.assign(new Error('EBADF: the file was closed'), { code: 'EBADF' });
  };
  const readOnce = async (
    buffer: Buffer,
    bufferOffset: number,
    length: number,
    position: number,
  ): Promise<number> => {
    requireOpen();
    const pooled = async (): Promise<number> => {
      const reading = pooledRead(fd, buffer, bufferOffset, length, position);
      underWay.add(reading);
      try {
        return (await reading).bytesRead;
      } finally {
        underWay.delete(reading);
      }
    };
    if (length > shortReadBytesMax) return await pooled();
    return await quickly(() => readSync(fd, buffer, bufferOffset, length, position), pooled);
  };
  return {
    stat: async () => {
      requireOpen();
      const stats = await quickly(
        () => fstatSync(fd, bigint),
        async () => await pooledFstat(fd, bigint),
      );
      return statOf(stats);
    },
    realPath: async () => {
      requireOpen();
      const link = `/proc/self/fd/${fd}`;
      return await orNull(
        async () =>
          await quickly(
            () => readlinkSync(link),
            async () => await readlink(link),
          ),
      );
    },
    close: async () => {
      if (!isOpen) return;
      isOpen = false;
      await Promise.allSettled(underWay);
      await quickly(
        () => closeSync(fd),
        async () => await pooledClose(fd),
      );
    },
    async read(buffer, bufferOffset, length, position) {
      let done = 0;
      while (done < length) {
        const bytesRead = await readOnce(buffer, bufferOffset + done, length - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    },
  };
}

async function orNull<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(errorCode(error) ?? '')) return null;
    throw error;
  }
}

function statOf(stats: BigIntStats): FileStat {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'directory' : 'other';
  const dev = String(stats.dev);
  const ino = String(stats.ino);
  return {
    key: `${dev}:${ino}`,
    dev,
    ino,
    size: Number(stats.size),
    mtimeMs: Number(stats.mtimeNs / 1000n) / 1000,
    birthtimeMs: Math.floor(Number(stats.birthtimeNs / 1_000_000n)),
    links: Number(stats.nlink),
    kind,
  };
}

function kindOf(entry: {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}): DirectoryEntry['kind'] {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'directory';
  return entry.isSymbolicLink() ? 'link' : 'other';
}
