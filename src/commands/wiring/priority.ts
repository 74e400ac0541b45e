import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';

/**
 * Never in the trainer's way: nice 19, for each thread. On Linux the priority is a thread's, and those that compress and read run already; threads
 * that come later have it from the one that makes them. Some containers do not allow even that.
 */
export function lowerPriority(logger: Logger): void {
  try {
    for (const thread of threadsOfProcess()) setPriority(thread, constants.priority.PRIORITY_LOW);
  } catch (error) {
    logger.debug({ reason: errorText(error) }, 'the priority cannot be lowered');
  }
}

/** Thread ids; where they cannot be seen, 0 stands for the process. */
function threadsOfProcess(): number[] {
  if (process.platform !== 'linux') return [0];
  return readdirSync('/proc/self/task').map(Number);
}
