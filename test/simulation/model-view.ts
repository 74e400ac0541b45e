import { dirname } from 'node:path';
import type { Cut, StreamRecord } from '../../src/tail/cut-state.ts';
import type { DirectoryEntry, FileStat, FileSystem, OpenFile } from '../../src/tail/file-system.ts';
import { anchorLength, hashOf } from '../../src/tail/identity.ts';
import type { Read } from './ledger.ts';
import type { Inode, ModelFileSystem, Node } from './model-file-system.ts';
import type { Life } from './scheduler.ts';

/** A cut may be followed by a look at the head, and one at what is there now. */
const readsKept = 4;

/** The model file system as one life of the agent sees it, through system calls that take time and fail. */
export class ModelView implements FileSystem {
  readonly #fs: ModelFileSystem;
  readonly #life: Life;
  readonly #descriptors = new Map<OpenFile, Inode>();
  /** What the last reads of a descriptor read, the last one first; null: that was in the spool. */
  #reads: readonly (Read | null)[] = [];
  /** Told when descriptors were opened or closed. */
  onDescriptors: () => void = () => undefined;

  constructor(fs: ModelFileSystem, life: Life) {
    this.#fs = fs;
    this.#life = life;
  }

  get lastRead(): Read | null {
    return this.#reads[0] ?? null;
  }

  /** Of the last reads the one that has read all of the cut: what came after it may have been a look at the head, or at what is there now. */
  readOf({ start, end, anchor }: Cut): Read | null {
    if (this.lastRead === null) return null;
    const isOfCut = (read: Read | null) =>
      read !== null &&
      read.start <= start &&
      read.start + read.bytes >= end &&
      (anchor === null || hashOf(read.epoch.content.subarray(end - anchorLength(end), end)) === anchor);
    return this.#reads.find(isOfCut) ?? this.lastRead;
  }

  /** A spooled file that was truncated before it went holds two epochs. */
  spooledRead({ ino, headBytes, headHash }: StreamRecord): Read | null {
    const epoch = this.#fs.epochs.findLast(
      ({ inode, content }) =>
        String(inode) === ino &&
        content.length >= headBytes &&
        hashOf(content.subarray(0, headBytes)) === headHash,
    );
    return epoch ? { epoch, start: 0, bytes: epoch.size } : null;
  }

  noteRead(read: Read | null): void {
    this.#reads = [read, ...this.#reads.slice(0, readsKept - 1)];
  }

  get openFiles(): number {
    return this.#descriptors.size;
  }

  heldFiles(): Iterable<Inode> {
    return this.#descriptors.values();
  }

  /** The kernel closes what a dead process had open. */
  closeAll(): void {
    for (const file of this.#descriptors.keys()) this.#close(file);
  }

  async stat(path: string): Promise<FileStat | null> {
    return await this.#life.step(() => {
      const node = this.#resolve(path, 0);
      return node && statOf(node.node, this.#fs);
    });
  }

  async realPath(path: string): Promise<string | null> {
    return await this.#life.step(() => this.#resolve(path, 0)?.path ?? null);
  }

  async readDirectory(path: string): Promise<DirectoryEntry[] | null> {
    return await this.#life.step(() => {
      const found = this.#resolve(path, 0);
      if (found?.node.kind !== 'directory') return null;
      if (!found.node.readable) throw systemError('EACCES', path);
      const entries: DirectoryEntry[] = [];
      for (const [below, node] of this.#fs.nodes) {
        if (dirname(below) === found.path)
          entries.push({ name: below.slice(found.path.length + 1), kind: node.kind });
      }
      return entries;
    });
  }

  async open(path: string): Promise<OpenFile | null> {
    return await this.#life.step(() => {
      const found = this.#resolve(path, 0);
      if (!found) return null;
      const { node } = found;
      if (this.#fs.openFailure !== null) throw systemError(this.#fs.openFailure, path);
      if (node.kind !== 'file') throw systemError('EISDIR', path);
      if (!node.inode.readable) throw systemError('EACCES', path);
      return this.#opened(node.inode, found.path);
    });
  }

  #opened(inode: Inode, path: string): OpenFile {
    const life = this.#life;
    const check = () => {
      if (inode.failure !== null) throw systemError(inode.failure, path);
    };
    let stats = 0;
    const file: OpenFile = {
      stat: async () =>
        await life.step(() => {
          check();
          const { epoch } = inode;
          stats += 1;
          // The first one tells whose descriptor it is; a look that merely compares takes no other.
          if (stats === 1) return statOf({ kind: 'file', inode }, this.#fs);
          if (epoch.seen.life !== life.number || epoch.seen.size < epoch.size)
            epoch.seen = { life: life.number, size: epoch.size, at: life.monotonic() };
          return statOf({ kind: 'file', inode }, this.#fs);
        }),
      read: async (buffer, bufferOffset, length, position) =>
        await life.step(() => {
          check();
          const { epoch } = inode;
          // Behind the end there is nothing, which is no error.
          const bytes = epoch.content.subarray(position, position + length).copy(buffer, bufferOffset);
          this.noteRead({ epoch, start: position, bytes });
          return bytes;
        }),
      realPath: async () =>
        await life.step(() => {
          const node = this.#fs.nodes.get(path);
          // Of several names the one that it was opened by.
          const isThere = node?.kind === 'file' && node.inode === inode;
          return isThere ? path : (this.#fs.pathOf(inode) ?? `${path} (deleted)`);
        }),
      close: async () =>
        await life.step(() => {
          this.#close(file);
        }),
    };
    this.#descriptors.set(file, inode);
    inode.readers += 1;
    this.onDescriptors();
    return file;
  }

  #close(file: OpenFile): void {
    const inode = this.#descriptors.get(file);
    if (!inode) return;
    this.#descriptors.delete(file);
    inode.readers -= 1;
    this.onDescriptors();
    this.#fs.release(inode);
  }

  #resolve(path: string, depth: number): { path: string; node: Node } | null {
    if (depth > 8) return null;
    for (let above = dirname(path); above !== '/'; above = dirname(above)) {
      const node = this.#fs.nodes.get(above);
      if (node?.kind !== 'directory') return null;
      if (!node.readable) throw systemError('EACCES', path);
    }
    const node = this.#fs.nodes.get(path);
    if (node?.kind === 'link') return this.#resolve(node.target, depth + 1);
    return node ? { path, node } : null;
  }
}

function statOf(node: Node, fs: ModelFileSystem): FileStat {
  if (node.kind !== 'file') {
    return {
      key: '1:2',
      dev: '1',
      ino: '2',
      size: 0,
      mtimeMs: 0,
      birthtimeMs: 0,
      links: 2,
      kind: 'directory',
    };
  }
  const { inode } = node;
  const [dev, ino] = ['1', String(inode.number)];
  return {
    key: `${dev}:${ino}`,
    dev,
    ino,
    size: inode.epoch.size,
    mtimeMs: inode.mtime,
    birthtimeMs: fs.traits.hasBirthTimes ? inode.birth : 0,
    links: inode.links,
    kind: 'file',
  };
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}, ${path}`), { code });
}
