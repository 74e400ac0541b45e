import { watch } from 'chokidar';
import type { Clock } from '../core/clock.ts';
import type { FileSystem } from './file-system.ts';
import { pathIn } from './patterns.ts';

/** `changed`: this file may have grown; `appeared`: something is new, was moved, or is gone. */
export type Wake = (kind: 'changed' | 'appeared', path: string) => void;

export interface WatchedDirectoryOptions {
  fs: FileSystem;
  clock: Clock;
  /** Whether a file of this path is followed, if there is one. */
  isInteresting: (path: string) => boolean;
  /** Between looks, ms, while something happens in few directories. */
  lookIntervalMs: number;
  looks: Looks;
  onWake: Wake;
  onError: (error: unknown) => void;
}

/** A directory is quiet again after this, and later the more names it has: to watch it anew costs by name. */
const quietMinMs = 10_000;
const quietMsEach = 20;
/** The looks at all directories may take this share of the time, and those at one are never further apart than that. */
const lookShare = 0.02;
const lookIntervalMaxMs = 5000;

/** What one look at each of the busy directories takes, together: the more there are, the less often each is looked at. */
export class Looks {
  #tookMs = 0;

  /** A look at a directory took so long, and the one before it so long; 0: it is not looked at. */
  note(tookMs: number, beforeMs: number): void {
    this.#tookMs += tookMs - beforeMs;
  }

  /** Between two looks at one directory. */
  intervalMs(wantedMs: number): number {
    return Math.min(lookIntervalMaxMs, Math.max(wantedMs, this.#tookMs / lookShare));
  }
}

interface Seen {
  key: string;
  size: number;
  mtimeMs: number;
}

/**
 * One directory, without those below it: watched by chokidar while nothing happens in it, looked at in intervals while something
 * does. A watch costs by event, for chokidar lists a directory again, file by file, as often as one of them is written to: 50 files with 200
 * lines a second each cost a third of a core so. A look costs the same however much is written. The files themselves are not watched: ten
 * thousand watches take seconds to set up, and systems allow 8,192 of them.
 *
 * Failure rule: what cannot be watched or looked at is found by the tail's walk.
 */
export class WatchedDirectory {
  readonly #path: string;
  readonly #options: WatchedDirectoryOptions;
  readonly #leaving = new AbortController();
  readonly #done: Promise<void>;
  /** By name; null for what nobody follows. */
  #seen: Map<string, Seen | null> | null = null;

  constructor(path: string, options: WatchedDirectoryOptions) {
    this.#path = path;
    this.#options = options;
    this.#done = this.#run();
  }

  async close(): Promise<void> {
    this.#leaving.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#leaving;
    while (!signal.aborted) {
      await this.#watchUntilEvent(signal);
      await this.#lookUntilQuiet(signal);
    }
  }

  async #watchUntilEvent(signal: AbortSignal): Promise<void> {
    const { onError } = this.#options;
    const { promise: happened, resolve } = Promise.withResolvers<void>();
    const watcher = watch(this.#path, {
      depth: 0,
      ignoreInitial: true,
      followSymlinks: false,
      ignorePermissionErrors: true,
      atomic: false,
      // One watch for the directory, which names the file; and none for each file in it.
      ignored: (path) => path !== this.#path,
    });
    watcher.on('raw', (event, name) => {
      if (this.#tellEvent(event, name)) resolve();
    });
    // What happened since the last look, and before it is watched.
    watcher.on('ready', () => void this.#look().then((isSame) => isSame || resolve()));
    watcher.on('error', onError);
    const leave = (): void => resolve();
    signal.addEventListener('abort', leave);
    if (!signal.aborted) await happened;
    signal.removeEventListener('abort', leave);
    await watcher.close();
  }

  /** What inotify says. True if it is worth a look: also of what nobody follows, when it may be a directory. */
  #tellEvent(event: string, name: unknown): boolean {
    const { isInteresting, onWake } = this.#options;
    if (typeof name !== 'string' || name === '') return true;
    const path = this.#pathOf(name);
    const isFollowed = isInteresting(path);
    if (isFollowed) onWake(event === 'change' ? 'changed' : 'appeared', path);
    return isFollowed || event !== 'change';
  }

  async #lookUntilQuiet(signal: AbortSignal): Promise<void> {
    const { clock, looks, lookIntervalMs } = this.#options;
    let changedAt = clock.monotonic();
    let tookMs = 0;
    try {
      for (;;) {
        await clock.sleep(looks.intervalMs(lookIntervalMs), signal);
        if (signal.aborted) return;
        const began = clock.monotonic();
        const isSame = await this.#look();
        const now = clock.monotonic();
        looks.note(now - began, tookMs);
        tookMs = now - began;
        if (!isSame) changedAt = now;
        if (now - changedAt >= Math.max(quietMinMs, quietMsEach * (this.#seen?.size ?? 0))) return;
      }
    } finally {
      looks.note(0, tookMs);
    }
  }

  /** Tells what is not as it was at the last look; true if all of it is. Does not reject. */
  async #look(): Promise<boolean> {
    const before = this.#seen;
    let seen: Map<string, Seen | null>;
    try {
      seen = await this.#read(before);
    } catch {
      return true;
    }
    this.#seen = seen;
    if (!before) return true;
    const told = [...seen].filter(([name, one]) => this.#tellDifference(name, before.get(name), one));
    const gone = [...before].filter(([name, one]) => one && !seen.has(name));
    for (const [name] of gone) this.#options.onWake('appeared', this.#pathOf(name));
    return told.length === 0 && gone.length === 0;
  }

  async #read(before: ReadonlyMap<string, Seen | null> | null): Promise<Map<string, Seen | null>> {
    const { fs, isInteresting } = this.#options;
    const seen = new Map<string, Seen | null>();
    for (const { name, kind } of (await fs.readDirectory(this.#path)) ?? []) {
      const path = this.#pathOf(name);
      const isOfNoUse =
        kind !== 'directory' && (before?.get(name) === null || (kind === 'file' && !isInteresting(path)));
      if (isOfNoUse) seen.set(name, null);
      else if (kind === 'directory') seen.set(name, { key: kind, size: 0, mtimeMs: 0 });
      else seen.set(name, await fs.stat(path));
    }
    return seen;
  }

  #tellDifference(name: string, before: Seen | null | undefined, seen: Seen | null): boolean {
    if (!seen) return false;
    const isKnown = before?.key === seen.key;
    if (isKnown && before.size === seen.size && before.mtimeMs === seen.mtimeMs) return false;
    this.#options.onWake(isKnown ? 'changed' : 'appeared', this.#pathOf(name));
    return true;
  }

  #pathOf(name: string): string {
    return pathIn(this.#path, name);
  }
}
