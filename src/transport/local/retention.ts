import { rm } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { listLogFiles, statLogFile } from './log-files.ts';

/** All in bytes and ms, per log; absent means without limit. */
export interface RetentionPolicy {
  bytesMax?: number;
  ageMsMax?: number;
  /** Above this, files go even when a group has not consumed them. Each such loss is told. */
  bytesHardMax?: number;
}

/** Deletes the oldest whole files that are over the limits; never the last one, and what a group still needs only at the hard cap. */
export async function applyRetention(options: {
  dir: string;
  retention: RetentionPolicy;
  consumed: () => Promise<number>;
  clock: Clock;
  logger: Logger;
}): Promise<void> {
  const { dir, retention, clock, logger } = options;
  const { bytesMax = Infinity, ageMsMax = Infinity, bytesHardMax = Infinity } = retention;
  if (bytesMax === Infinity && ageMsMax === Infinity && bytesHardMax === Infinity) return;
  const files = [];
  for (const file of await listLogFiles(dir)) {
    const found = await statLogFile(file.path);
    if (found) files.push({ ...file, ...found });
  }
  let total = files.reduce((sum, file) => sum + file.size, 0);
  const consumed = await options.consumed();
  for (const [i, file] of files.slice(0, -1).entries()) {
    const isOver = total > bytesMax || clock.now() - file.mtimeMs > ageMsMax;
    const isConsumed = consumed >= (files[i + 1]?.base ?? Infinity);
    const isForced = !isConsumed && total > bytesHardMax;
    if (!isForced && !(isOver && isConsumed)) return;
    if (isForced) {
      logger.error(
        { dir, position: file.base, bytes: file.size, bytesHardMax },
        'retention deleted records that a consumer group had not read',
      );
    }
    await rm(file.path, { force: true });
    total -= file.size;
  }
}
