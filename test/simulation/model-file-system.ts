import { dirname } from 'node:path';
import { isBelow } from '../../src/tail/patterns.ts';
import { Epoch } from './epoch.ts';
import type { Scheduler } from './scheduler.ts';

/**
 * A file system in memory, as the writers see it: inodes with links and descriptors, directories, symbolic links. Inode numbers are
 * handed out again at once, as ext4 does. What an agent sees of it is in model-view.ts.
 */
export interface FileSystemTraits {
  /** Times of modification are multiples of this: 0.001, 1, 1000 … ms. */
  mtimeGranularityMs: number;
  hasBirthTimes: boolean;
  /** An inode number that has become free is the next one that is handed out. */
  reusesInodes: boolean;
}

export class Inode {
  readonly number: number;
  readonly birth: number;
  epoch: Epoch;
  mtime: number;
  links = 0;
  /** Descriptors of writers. */
  writers = 0;
  /** Descriptors of the agent. */
  readers = 0;
  readable = true;
  /** Set when a write has made overlayfs copy it: that one has its name since. */
  copiedTo: Inode | null = null;
  /** What every read and stat of a descriptor says for a time: EIO, ESTALE. */
  failure: string | null = null;

  constructor(number: number, birth: number, epoch: Epoch) {
    this.number = number;
    this.birth = birth;
    this.mtime = birth;
    this.epoch = epoch;
  }
}

export type Node =
  | { kind: 'file'; inode: Inode }
  | { kind: 'directory'; readable: boolean }
  | { kind: 'link'; target: string };

export class ModelFileSystem {
  readonly traits: FileSystemTraits;
  readonly nodes = new Map<string, Node>();
  readonly epochs: Epoch[] = [];
  /** `open` says so for a time: EMFILE. */
  openFailure: string | null = null;
  /** Told of each change that the system's file events would tell of. */
  onChange: (kind: 'changed' | 'appeared', path: string) => void = () => undefined;
  readonly #scheduler: Scheduler;
  readonly #free: { number: number; last: Epoch }[] = [];
  #inodes = 100;

  constructor(scheduler: Scheduler, traits: FileSystemTraits) {
    this.#scheduler = scheduler;
    this.traits = traits;
  }

  makeDirectory(path: string): void {
    if (path === '/' || this.nodes.has(path)) return;
    this.makeDirectory(dirname(path));
    this.nodes.set(path, { kind: 'directory', readable: true });
    this.onChange('appeared', path);
  }

  fileAt(path: string): Inode | null {
    const node = this.nodes.get(path);
    return node?.kind === 'file' ? node.inode : null;
  }

  create(path: string, log: number): Inode {
    this.makeDirectory(dirname(path));
    const reused = this.traits.reusesInodes ? this.#free.pop() : undefined;
    const number = reused?.number ?? (this.#inodes += 1);
    const epoch = this.#newEpoch(path, log, number);
    if (reused) epoch.succeed(reused.last);
    const birth = this.#scheduler.wall;
    const inode = new Inode(number, birth, epoch);
    this.#touch(inode);
    this.#link(path, inode);
    this.onChange('appeared', path);
    return inode;
  }

  append(inode: Inode, bytes: Buffer): void {
    inode.epoch.append(bytes, this.#scheduler.now);
    this.#touch(inode);
    const path = this.pathOf(inode);
    if (path !== null) this.onChange('changed', path);
  }

  truncate(inode: Inode, size: number): void {
    const old = inode.epoch;
    inode.epoch = this.#newEpoch(old.name, old.log, inode.number);
    inode.epoch.inherit(old, Math.min(size, old.size), this.#scheduler.now, true);
    old.endedAt = this.#scheduler.now;
    this.#touch(inode);
    const path = this.pathOf(inode);
    if (path !== null) this.onChange('changed', path);
  }

  /** A directory takes with it what is below. Does nothing where the system would refuse it. */
  rename(from: string, to: string): void {
    const node = this.nodes.get(from);
    if (!node || from === to || !this.#mayReplace(node, to)) return;
    this.makeDirectory(dirname(to));
    this.#unlinkNode(to);
    for (const [path, moved] of [...this.nodes].filter(([path]) => isBelow(path, from))) {
      this.nodes.delete(path);
      this.nodes.set(to + path.slice(from.length), moved);
    }
    this.onChange('appeared', from);
    this.onChange('appeared', to);
  }

  unlink(path: string): void {
    this.#unlinkNode(path);
    this.onChange('appeared', path);
  }

  link(path: string, to: string): void {
    const inode = this.fileAt(path);
    if (!inode || this.nodes.has(to)) return;
    this.makeDirectory(dirname(to));
    this.#link(to, inode);
    this.onChange('appeared', to);
  }

  symlink(target: string, path: string): void {
    if (this.nodes.has(path)) return;
    this.makeDirectory(dirname(path));
    this.nodes.set(path, { kind: 'link', target });
    this.onChange('appeared', path);
  }

  /** One step of a copy: as many more bytes as `bytesMax`. `again`: a copy to stay, which may be taken in beside its original. */
  copy(from: string, to: string, bytesMax: number, again: boolean): void {
    const [source, target] = [this.fileAt(from), this.fileAt(to)];
    if (!source || source === target) return;
    const copy = target ?? this.create(to, source.epoch.log);
    if (copy.epoch.parent !== source.epoch && copy.epoch.size > 0) this.truncate(copy, 0);
    const { epoch } = copy;
    if (epoch.parent !== source.epoch && epoch.size === 0) epoch.inherit(source.epoch, 0, 0, again);
    const end = Math.min(source.epoch.size, epoch.size + bytesMax);
    if (end > epoch.size && epoch.parent === source.epoch && epoch.shared === epoch.size) {
      epoch.inherit(source.epoch, end, this.#scheduler.now, again);
      this.#touch(copy);
      this.onChange('changed', to);
    }
  }

  /** As overlayfs does with a file of a lower layer: another inode with the same bytes; descriptors still lead to the old one. */
  copyUp(path: string): Inode | null {
    const node = this.nodes.get(path);
    if (node?.kind !== 'file' || node.inode.links > 1) return null;
    const { epoch } = node.inode;
    const upper = new Inode(
      (this.#inodes += 1),
      this.#scheduler.wall,
      this.#newEpoch(path, epoch.log, this.#inodes),
    );
    upper.epoch.inherit(epoch, epoch.size, this.#scheduler.now, false);
    upper.mtime = node.inode.mtime;
    upper.links = 1;
    // The file of the lower layer stays where it is, out of sight.
    node.inode.copiedTo = upper;
    node.inode = upper;
    return upper;
  }

  closeWriter(inode: Inode): void {
    inode.writers -= 1;
    this.release(inode);
  }

  /** To be called when a link or descriptor is gone: with the last one the number is free. */
  release(inode: Inode): void {
    if (inode.links > 0 || inode.writers > 0 || inode.readers > 0) return;
    inode.epoch.endedAt = this.#scheduler.now;
    this.#free.push({ number: inode.number, last: inode.epoch });
  }

  pathOf(inode: Inode): string | null {
    const there = inode.copiedTo ?? inode;
    for (const [path, node] of this.nodes) if (node.kind === 'file' && node.inode === there) return path;
    return null;
  }

  /** Whether every directory above the path can be looked into. */
  leadsTo(path: string): boolean {
    for (let above = dirname(path); above !== '/'; above = dirname(above)) {
      const node = this.nodes.get(above);
      if (node?.kind !== 'directory' || !node.readable) return false;
    }
    return true;
  }

  /** What a rename may replace: files by files, an empty directory by a directory. */
  #mayReplace(node: Node, path: string): boolean {
    const there = this.nodes.get(path);
    if (!there) return true;
    if (node.kind !== 'directory') return there.kind !== 'directory';
    return there.kind === 'directory' && ![...this.nodes.keys()].some((other) => dirname(other) === path);
  }

  #newEpoch(path: string, log: number, inode: number): Epoch {
    const epoch = new Epoch(this.epochs.length, path, log, inode);
    this.epochs.push(epoch);
    return epoch;
  }

  #link(path: string, inode: Inode): void {
    this.nodes.set(path, { kind: 'file', inode });
    inode.links += 1;
  }

  #unlinkNode(path: string): void {
    const node = this.nodes.get(path);
    if (!node || node.kind === 'directory') return;
    this.nodes.delete(path);
    if (node.kind !== 'file') return;
    node.inode.links -= 1;
    this.release(node.inode);
  }

  #touch(inode: Inode): void {
    const { mtimeGranularityMs } = this.traits;
    const wall = this.#scheduler.wallStart + this.#scheduler.now;
    inode.mtime = Math.floor(wall / mtimeGranularityMs) * mtimeGranularityMs;
  }
}
