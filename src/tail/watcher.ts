import { errorCode, errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { Looks, WatchedDirectory } from './watched-directory.ts';
import type { Wake, WatchedDirectoryOptions } from './watched-directory.ts';

/** Tells that something may have changed. Never relied upon: whoever listens polls as well. */
export interface Watcher {
  start(onWake: Wake): void;
  /** These are the directories to watch, each without those below it; called after each walk. */
  follow(directories: ReadonlySet<string>): void;
  close(): Promise<void>;
}

/** Polling only: for file systems that tell nothing (NFS, Lustre, FUSE) and for tests. */
export const noWatcher: Watcher = {
  start: () => undefined,
  follow: () => undefined,
  close: async () => undefined,
};

/**
 * Events of the file system: some are dropped, there are limits, and network file systems are silent, so a failure costs latency and
 * nothing else. Told once.
 */
export function directoryWatcher(
  options: Omit<WatchedDirectoryOptions, 'onWake' | 'onError' | 'looks'> & {
    /** A directory in which nobody writes without telling: it is not watched. */
    isTold?: (directory: string) => boolean;
    logger: Logger;
  },
): Watcher {
  const { logger, isTold } = options;
  const looks = new Looks();
  const watched = new Map<string, WatchedDirectory>();
  const closing = new Set<Promise<void>>();
  let wake: Wake = () => undefined;
  let told = false;

  const onError = (error: unknown): void => {
    if (told) return;
    told = true;
    const hint =
      errorCode(error) === 'ENOSPC' || errorCode(error) === 'EMFILE'
        ? 'raise fs.inotify.max_user_watches or max_user_instances to be woken sooner'
        : 'nothing to do';
    logger.warn(
      { reason: errorText(error), hint },
      'file system events are not to be had: polling finds changes',
    );
  };
  const leave = (directory: string): void => {
    const closed = watched.get(directory)?.close() ?? Promise.resolve();
    watched.delete(directory);
    const noted = closed.finally(() => closing.delete(noted));
    closing.add(noted);
  };

  return {
    start: (onWake) => void (wake = onWake),
    follow(directories) {
      for (const directory of watched.keys()) if (!directories.has(directory)) leave(directory);
      for (const directory of directories) {
        if (watched.has(directory) || isTold?.(directory) === true) continue;
        const onWake: Wake = (kind, path) => wake(kind, path);
        watched.set(directory, new WatchedDirectory(directory, { ...options, looks, onWake, onError }));
      }
    },
    async close() {
      for (const directory of watched.keys()) leave(directory);
      await Promise.all(closing);
    },
  };
}
