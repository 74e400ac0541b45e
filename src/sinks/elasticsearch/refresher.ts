import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';

export interface RefresherOptions {
  refresh: (indices: string[]) => Promise<void>;
  /** At most one refresh in so long; on a busy server, in twenty times as long as the last one took. */
  intervalMs: number;
  clock: Clock;
  logger: Logger;
}

/**
 * So that a server that is busy spends its time on what was written, not on showing it: at 8,000 documents a second, four refreshes a second
 * (and the merging of the small segments that they make) cost as much again as half of the indexing.
 */
const pausePerRefresh = 20;

/**
 * Asks Elasticsearch to show what was written, before its own turn comes: at once when the last time is long enough ago, else when it
 * is. Whoever asks does not wait. A refresh that fails is left to the server's own interval.
 */
export class Refresher {
  readonly #options: RefresherOptions;
  readonly #stopped = new AbortController();
  #wanted = new Set<string>();
  #running: Promise<void> | null = null;
  #nextAt = -Infinity;

  constructor(options: RefresherOptions) {
    this.#options = options;
  }

  request(indices: Iterable<string>): void {
    for (const index of indices) this.#wanted.add(index);
    if (this.#wanted.size > 0) this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { refresh, intervalMs, clock, logger } = this.#options;
    const { signal } = this.#stopped;
    while (this.#wanted.size > 0) {
      const waitMs = this.#nextAt - clock.monotonic();
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      if (signal.aborted) break;
      const indices = [...this.#wanted];
      this.#wanted = new Set();
      const beganAt = clock.monotonic();
      try {
        await refresh(indices);
      } catch (error) {
        logger.debug({ indices, error: errorText(error) }, 'a refresh failed: the index shows it by itself');
      }
      const tookMs = clock.monotonic() - beganAt;
      this.#nextAt = beganAt + Math.max(intervalMs, pausePerRefresh * tookMs);
    }
    this.#running = null;
  }
}
