import { familyOf } from './compressed-files.ts';
import type { FollowedFile } from './followed-file.ts';

/** The files that are followed: by dev:ino, by path, and by rotation family. */
export class FollowedFiles {
  /** Those that are to be polled at some time: what else is quiet is looked at by the walks alone. */
  awake = new Set<FollowedFile>();
  /** Those that no path leads to. */
  readonly gone = new Set<FollowedFile>();
  readonly #byKey = new Map<string, FollowedFile>();
  readonly #byPath = new Map<string, FollowedFile>();
  /** By the bare path of the family. */
  readonly #families = new Map<string, Set<FollowedFile>>();

  get byKey(): ReadonlyMap<string, FollowedFile> {
    return this.#byKey;
  }

  get size(): number {
    return this.#byKey.size;
  }

  [Symbol.iterator](): MapIterator<FollowedFile> {
    return this.#byKey.values();
  }

  get(key: string): FollowedFile | undefined {
    return this.#byKey.get(key);
  }

  /** The file that was last seen under this path. */
  at(path: string): FollowedFile | null {
    const file = this.#byPath.get(path);
    return file?.path === path ? file : null;
  }

  membersOf(family: string): ReadonlySet<FollowedFile> {
    return this.#families.get(family) ?? new Set();
  }

  add(file: FollowedFile): void {
    this.#byKey.set(file.key, file);
    this.#place(file);
  }

  remove(file: FollowedFile): void {
    this.#byKey.delete(file.key);
    this.gone.delete(file);
    this.awake.delete(file);
    if (this.#byPath.get(file.path) === file) this.#byPath.delete(file.path);
    for (const path of [file.path, file.stream?.record.firstPath ?? file.path]) {
      const family = familyOf(path);
      const members = this.#families.get(family);
      members?.delete(file);
      if (members?.size === 0) this.#families.delete(family);
    }
  }

  move(file: FollowedFile, path: string): void {
    file.path = path;
    file.lane = null;
    this.#place(file);
  }

  /** The file was let go, its inode may be another's now: from here on it is known by its stream. */
  rekey(file: FollowedFile): void {
    this.#byKey.delete(file.key);
    file.key = `spooled ${file.stream?.record.id}`;
    this.#byKey.set(file.key, file);
  }

  /** No path leads to it any more. `now` is monotonic ms. */
  leave(file: FollowedFile, now: number): void {
    if (!file.gone) {
      file.goneSince = now;
      // Its writer may have gone on since the last look, however long it was quiet before.
      file.nextPollAt = Math.min(file.nextPollAt, now);
    }
    file.gone = true;
    file.leaving = true;
    this.gone.add(file);
  }

  /** A path leads to it again. */
  comeBack(file: FollowedFile): void {
    if (!file.gone) return;
    file.gone = false;
    file.leaving = file.family !== file.path;
    this.gone.delete(file);
  }

  #place(file: FollowedFile): void {
    this.#byPath.set(file.path, file);
    const family = (file.family = familyOf(file.path));
    const members = this.#families.get(family);
    if (members) members.add(file);
    else this.#families.set(family, new Set([file]));
  }
}
