import type { Patterns } from '../../src/tail/patterns.ts';
import type { Epoch } from './epoch.ts';
import type { Inode, ModelFileSystem } from './model-file-system.ts';

/** What there is of the agent and its surroundings at this moment. */
export interface Surroundings {
  /** A life of the agent runs. */
  alive: boolean;
  /** The transport takes and acknowledges what it is sent. */
  transport: boolean;
}

/**
 * Keeps account of when a living agent could have read which bytes: through a path that matches and may be read, or a descriptor that
 * it holds. What is lost is excused by nothing else.
 */
export class Readability {
  readonly #fs: ModelFileSystem;
  readonly #patterns: Patterns;
  readonly #matches = new Map<string, boolean>();
  #open = new Map<Epoch, Inode>();

  constructor(fs: ModelFileSystem, patterns: Patterns) {
    this.#fs = fs;
    this.#patterns = patterns;
  }

  /** To be called after each change of anything. `held`: the inodes that the agent has open. */
  update(now: number, { alive, transport }: Surroundings, held: Iterable<Inode>): void {
    const open = alive ? this.#reached(held) : new Map<Epoch, Inode>();
    for (const [epoch, inode] of this.#open) {
      if (open.has(epoch)) continue;
      const cause = alive ? this.#causeOf(epoch, inode) : 'crash';
      end(epoch.reachable, now, cause);
      end(epoch.unimpeded, now, cause);
    }
    for (const epoch of open.keys()) {
      begin(epoch.reachable, now);
      if (transport) begin(epoch.unimpeded, now);
      else end(epoch.unimpeded, now, 'transport');
    }
    this.#open = open;
  }

  /** Whether a path that matches leads to it, readable or not. */
  isNamed(inode: Inode): boolean {
    for (const [path, node] of this.#fs.nodes) {
      if (!this.#isFollowed(path)) continue;
      if ((node.kind === 'file' ? node.inode : this.#targetOf(path)) === inode) return true;
    }
    return false;
  }

  #reached(held: Iterable<Inode>): Map<Epoch, Inode> {
    const reached = new Map<Epoch, Inode>();
    for (const inode of held) if (inode.failure === null) reached.set(inode.epoch, inode);
    if (this.#fs.openFailure !== null) return reached;
    for (const [path, node] of this.#fs.nodes) {
      if (node.kind === 'directory' || !this.#isFollowed(path) || !this.#fs.leadsTo(path)) continue;
      const inode = node.kind === 'file' ? node.inode : this.#targetOf(path);
      if (inode?.readable && inode.failure === null) reached.set(inode.epoch, inode);
    }
    return reached;
  }

  #causeOf(epoch: Epoch, inode: Inode): string {
    if (inode.epoch !== epoch) return 'truncated';
    return this.isNamed(inode) ? 'refused' : 'unlinked';
  }

  #isFollowed(path: string): boolean {
    let matches = this.#matches.get(path);
    if (matches === undefined) {
      matches = this.#patterns.matches(path);
      this.#matches.set(path, matches);
    }
    return matches;
  }

  #targetOf(path: string): Inode | null {
    const node = this.#fs.nodes.get(path);
    return node?.kind === 'link' && this.#fs.leadsTo(node.target) ? this.#fs.fileAt(node.target) : null;
  }
}

function begin(intervals: Epoch['reachable'], now: number): void {
  const last = intervals.at(-1);
  if (last === undefined || last.to !== Infinity) intervals.push({ from: now, to: Infinity, cause: '' });
}

function end(intervals: Epoch['reachable'], now: number, cause: string): void {
  const last = intervals.at(-1);
  if (last?.to === Infinity) Object.assign(last, { to: now, cause });
}
