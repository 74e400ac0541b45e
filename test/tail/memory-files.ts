import type { FileStat, FileSystem, OpenFile } from '../../src/tail/file-system.ts';

interface Inode {
  ino: number;
  bytes: Buffer;
  links: number;
  mtimeMs: number;
  birthtimeMs: number;
}

/** Files of one directory in memory, as the tail sees them: a deleted one lives on in who has opened it. */
export class MemoryFiles {
  readonly root = '/logs';
  readonly #names = new Map<string, Inode>();
  #ticks = 0;

  /** `ino`: of a file that is made, an inode of one that is gone. */
  append(name: string, text: string, ino: number | null = null): void {
    this.#ticks += 1;
    const time = 1_700_000_000_000 + this.#ticks;
    const fresh = {
      ino: ino ?? this.#ticks,
      bytes: Buffer.alloc(0),
      links: 1,
      birthtimeMs: time,
      mtimeMs: time,
    };
    const inode = this.#names.get(name) ?? fresh;
    inode.bytes = Buffer.concat([inode.bytes, Buffer.from(text)]);
    inode.mtimeMs = time;
    this.#names.set(name, inode);
  }

  remove(name: string): void {
    const inode = this.#names.get(name);
    if (inode) inode.links -= 1;
    this.#names.delete(name);
  }

  inoOf(name: string): number | null {
    return this.#names.get(name)?.ino ?? null;
  }

  get fs(): FileSystem {
    return {
      realPath: async (path) => path,
      stat: async (path) => {
        if (path === this.root) return { ...statOf(directory), kind: 'directory' };
        const inode = this.#at(path);
        return inode && statOf(inode);
      },
      readDirectory: async () => [...this.#names.keys()].map((name) => ({ name, kind: 'file' })),
      open: async (path) => {
        const inode = this.#at(path);
        return inode && opened(inode, path);
      },
    };
  }

  #at(path: string): Inode | null {
    return this.#names.get(path.slice(this.root.length + 1)) ?? null;
  }
}

const directory: Inode = { ino: 0, bytes: Buffer.alloc(0), links: 1, mtimeMs: 0, birthtimeMs: 0 };

function opened(inode: Inode, path: string): OpenFile {
  return {
    stat: async () => statOf(inode),
    read: async (buffer, bufferOffset, length, position) =>
      inode.bytes.subarray(position, position + length).copy(buffer, bufferOffset),
    realPath: async () => path,
    close: async () => undefined,
  };
}

function statOf({ ino, bytes, links, mtimeMs, birthtimeMs }: Inode): FileStat {
  const key = `1:${ino}`;
  return { key, dev: '1', ino: String(ino), size: bytes.length, mtimeMs, birthtimeMs, links, kind: 'file' };
}
