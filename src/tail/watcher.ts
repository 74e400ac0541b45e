import { watch } from 'chokidar';
import { errorCode, errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';

/** Tells that something may have changed. Never relied upon: whoever listens polls as well. */
export interface Watcher {
  /** `changed`: this file may have grown; `appeared`: look for new, moved and deleted files. */
  start(listener: (kind: 'changed' | 'appeared', path: string) => void): Promise<void>;
  close(): Promise<void>;
}

/** Polling only: for file systems that tell nothing (NFS, Lustre, FUSE) and for tests. */
export const noWatcher: Watcher = { start: async () => undefined, close: async () => undefined };

/**
 * chokidar over the directories: it drops trailing events, has limits, and is silent on network file systems, so a failure
 * costs latency and nothing else. Told once.
 */
export function directoryWatcher(
  roots: readonly string[],
  isInteresting: (path: string) => boolean,
  logger: Logger,
): Watcher {
  const watcher = watch([], {
    ignoreInitial: true,
    followSymlinks: false,
    ignorePermissionErrors: true,
    atomic: false,
    ignored: (path, stats) => stats !== undefined && !stats.isDirectory() && !isInteresting(path),
  });
  let told = false;
  return {
    async start(listener) {
      watcher.on('change', (path) => listener('changed', path));
      for (const event of ['add', 'unlink', 'addDir', 'unlinkDir'] as const) {
        watcher.on(event, (path) => listener('appeared', path));
      }
      watcher.on('error', (error) => {
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
      });
      watcher.add([...roots]);
    },
    close: async () => await watcher.close(),
  };
}
