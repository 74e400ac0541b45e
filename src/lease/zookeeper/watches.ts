/**
 * The one-shot watches that a session has set, so that they can be set again at another server (setWatches), and
 * called when their event comes. Which event ends which watch: ZKWatchManager.materialize in ZooKeeper's client.
 */
import type { WatchEvent } from './protocol.ts';

export const watchKinds = ['data', 'exists', 'children'] as const;
export type WatchKind = (typeof watchKinds)[number];
export type Watcher = (event: WatchEvent) => void;

const endedBy: Readonly<Record<WatchEvent['type'], readonly WatchKind[]>> = {
  created: ['data', 'exists'],
  deleted: ['data', 'exists', 'children'],
  changed: ['data', 'exists'],
  children: ['children'],
};

/** Bytes of paths in one setWatches request; the server's bound for a request is 1 MiB. */
const setWatchesBytesMax = 128 * 1024;

export type WatchPaths = Record<WatchKind, string[]>;

export class Watches {
  readonly #watchers: Record<WatchKind, Map<string, Set<Watcher>>> = {
    data: new Map(),
    exists: new Map(),
    children: new Map(),
  };

  add(kind: WatchKind, path: string, watcher: Watcher): void {
    const watchers = this.#watchers[kind].get(path);
    if (watchers) watchers.add(watcher);
    else this.#watchers[kind].set(path, new Set([watcher]));
  }

  /** Of a watcher that is no longer interested. The server's side stays until its event, which nobody hears then. */
  remove(watcher: Watcher): void {
    for (const kind of watchKinds) {
      for (const [path, watchers] of this.#watchers[kind]) {
        if (watchers.delete(watcher) && watchers.size === 0) this.#watchers[kind].delete(path);
      }
    }
  }

  fire(event: WatchEvent): void {
    const called = new Set<Watcher>();
    for (const kind of endedBy[event.type]) {
      for (const watcher of this.#watchers[kind].get(event.path) ?? []) called.add(watcher);
      this.#watchers[kind].delete(event.path);
    }
    for (const watcher of called) watcher(event);
  }

  /** All watched paths, in portions that fit a request. Empty if there are none. */
  portions(): WatchPaths[] {
    const portions: WatchPaths[] = [];
    let bytes = Infinity;
    for (const kind of watchKinds) {
      for (const path of this.#watchers[kind].keys()) {
        if (bytes + path.length > setWatchesBytesMax) {
          portions.push({ data: [], exists: [], children: [] });
          bytes = 0;
        }
        portions.at(-1)?.[kind].push(path);
        bytes += path.length;
      }
    }
    return portions;
  }
}
