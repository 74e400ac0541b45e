import { dirname } from 'node:path';
import { errorCode, errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Contents } from './compressed-files.ts';
import type { FileStat, FileSystem } from './file-system.ts';
import { isBelow, pathIn } from './patterns.ts';
import type { Patterns } from './patterns.ts';

/** A file that matches, as it is now. A file with several paths (hard links, links) is one candidate. */
export interface Candidate {
  /** Sorted; at least one. */
  paths: string[];
  stat: FileStat;
  /** Set: a compressed file; `stat.size` is that of its decompressed bytes. */
  compressed?: Contents;
}

/** The first of its paths. */
export function pathOf({ paths }: Candidate): string {
  return paths[0] ?? '';
}

/** Deepest directory below a root, and most directories of one walk: loops and trees by mistake end there. */
const depthMax = 64;
const directoriesMax = 100_000;
/** So many paths that cannot be looked at are remembered one by one. */
const hiddenMax = 100;

/**
 * Walks the roots and finds every file that matches. What cannot be looked into, leaves the allowed roots, or is no regular file
 * is told once and looked at again at each walk: permission may come later.
 */
export class Discovery {
  readonly #fs: FileSystem;
  readonly #patterns: Patterns;
  readonly #logger: Logger;
  readonly #told = new Set<string>();
  #walk = emptyWalk();

  constructor(fs: FileSystem, patterns: Patterns, logger: Logger) {
    this.#fs = fs;
    this.#patterns = patterns;
    this.#logger = logger;
  }

  async scan(): Promise<Candidate[]> {
    this.#walk = emptyWalk();
    for (const root of this.#patterns.roots) {
      const real = await this.#fs.realPath(root);
      if (real !== null) this.#walk.allowed.push(real);
    }
    for (const root of this.#patterns.roots) {
      const stat = await this.#try(root, () => this.#fs.stat(root));
      if (stat?.kind === 'directory') await this.#directory(root, 0);
      else {
        if (stat && this.#patterns.matches(root)) this.#take(root, stat);
        await this.#noteAbove(root);
      }
    }
    return [...this.#walk.found.values()];
  }

  /** Those that the last walk has looked into, and where roots stand, or will, that are no directories. */
  get directories(): ReadonlySet<string> {
    return this.#walk.directories;
  }

  /** How many names the last walk has met. */
  get entries(): number {
    return this.#walk.entries;
  }

  /** Whether the last walk could not look there: what it did not find below is not gone. */
  isHidden(path: string): boolean {
    return this.#walk.hidden.some((above) => isBelow(path, above));
  }

  /** Whether a descriptor leads where it may; told once if not. */
  async allows(path: string, realPath: string | null): Promise<boolean> {
    const real = realPath ?? (await this.#fs.realPath(path));
    if (real === null) return true;
    const bare = real.replace(/ \(deleted\)$/, '');
    if (this.#allowedRoots(path).some((root) => isBelow(bare, root))) return true;
    this.#tell(
      path,
      `it leads to ${bare}, outside the followed directories`,
      'name that directory in source.include, if it is meant',
    );
    return false;
  }

  /** The real roots, and for a root that is a file its directory's. */
  #allowedRoots(path: string): string[] {
    const { allowed } = this.#walk;
    return this.#patterns.roots.includes(path) ? [...allowed, dirname(path)] : allowed;
  }

  async #directory(directory: string, depth: number): Promise<void> {
    const walk = this.#walk;
    if (depth > depthMax || walk.directories.size >= directoriesMax) {
      this.#tell(directory, 'too deep or too many directories', 'narrow source.include');
      return;
    }
    walk.directories.add(directory);
    const list = async () => await this.#fs.readDirectory(directory);
    const entries = await this.#try(directory, list, `error in ${directory}`);
    walk.entries += entries?.length ?? 0;
    for (const entry of entries ?? []) {
      const path = pathIn(directory, entry.name);
      if (entry.kind === 'directory') {
        if (!this.#patterns.prunes(path)) await this.#directory(path, depth + 1);
      } else if (entry.kind === 'link') await this.#link(path, depth);
      else if (this.#patterns.matches(path)) {
        const stat = await this.#try(path, () => this.#fs.stat(path));
        if (stat) this.#take(path, stat);
      }
    }
  }

  async #noteAbove(root: string): Promise<void> {
    const above = dirname(root);
    const stat = await this.#try(above, () => this.#fs.stat(above));
    if (stat?.kind === 'directory') this.#walk.directories.add(above);
  }

  #hide(path: string): void {
    const { hidden } = this.#walk;
    if (hidden.length < hiddenMax) hidden.push(path);
    else hidden[0] = '/';
  }

  async #link(path: string, depth: number): Promise<void> {
    const stat = await this.#try(path, () => this.#fs.stat(path));
    if (!stat || (stat.kind !== 'directory' && !this.#patterns.matches(path))) return;
    if (stat.kind === 'directory' && this.#patterns.prunes(path)) return;
    if (!(await this.allows(path, null))) return;
    if (stat.kind === 'directory') await this.#directory(path, depth + 1);
    else this.#take(path, stat);
  }

  #take(path: string, stat: FileStat): void {
    if (stat.kind !== 'file') {
      this.#tell(path, 'it is no regular file', 'exclude it in source.exclude, or ignore this');
      return;
    }
    const known = this.#walk.found.get(stat.key);
    if (!known) this.#walk.found.set(stat.key, { paths: [path], stat });
    else if (!known.paths.includes(path)) known.paths.push(path);
  }

  /** `about`: what is told once, and again after it has worked. */
  async #try<T>(path: string, work: () => Promise<T | null>, about = `error ${path}`): Promise<T | null> {
    try {
      const result = await work();
      if (result !== null && this.#told.size > 0) this.#told.delete(about);
      return result;
    } catch (error) {
      const hint =
        errorCode(error) === 'EACCES' || errorCode(error) === 'EPERM'
          ? 'let the user that runs Caboose read it; it is tried again all the time'
          : 'it is tried again all the time';
      this.#tell(path, errorText(error), hint, about);
      this.#hide(path);
      return null;
    }
  }

  /** Once per path; what the system refuses, once until it works again. */
  #tell(path: string, reason: string, hint: string, about = path): void {
    if (this.#told.has(about)) return;
    if (this.#told.size > 10_000) this.#told.clear();
    this.#told.add(about);
    this.#logger.warn({ path, reason, hint }, 'cannot be followed');
  }
}

function emptyWalk() {
  return {
    directories: new Set<string>(),
    entries: 0,
    found: new Map<string, Candidate>(),
    allowed: [] as string[],
    hidden: [] as string[],
  };
}
