import { CabooseError } from '../../core/errors.ts';
import type { IndexItem, ItemResult } from '../../core/event-index.ts';
import type { Logger } from '../../core/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

/**
 * Tells a document that an index refuses from an index that refuses documents. A refused one is a dead letter, and what follows goes
 * on. When a partition has had `refusedInARowMax` of one kind refused in a row and none taken, the fault is not theirs: a template
 * was deleted, a mapping changed. Millions of letters would help nobody, so from then on its batch waits, whole, and comes again until
 * something is taken; that is told once, and shows in /readyz and in `caboose_index_refusing`.
 */
export interface RefusalsOptions {
  refusedInARowMax: number | null;
  logger: Logger;
  metrics: Pick<Metrics, 'indexRefusing'>;
}

export class Refusals {
  readonly #options: RefusalsOptions;
  /** By partition and kind of item. */
  readonly #inARow = new Map<string, number>();
  /** Partitions whose batch waits, with the reason. */
  readonly #held = new Map<string, string>();

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  /** Of one partition that waits, why. */
  get reason(): string | null {
    const [first] = this.#held;
    return first ? `the index refuses every document of ${first[0]}: ${first[1]}` : null;
  }

  isHeld(partition: string): boolean {
    return this.#held.has(partition);
  }

  /** Throws INDEX_REFUSES_ALL when the batch is to wait. */
  check(partition: string, items: readonly IndexItem[], results: readonly ItemResult[]): void {
    for (const kind of ['event', 'points', 'stream'] as const) {
      const own = results.filter((_, i) => items[i]?.kind === kind);
      if (own.length === 0) continue;
      const refused = own.filter((result) => result.status === 'rejected');
      const [first] = refused;
      const key = `${partition} ${kind}`;
      if (!first || refused.length < own.length) {
        this.#inARow.delete(key);
        continue;
      }
      const inARow = (this.#inARow.get(key) ?? 0) + refused.length;
      this.#inARow.set(key, inARow);
      if (inARow > (this.#options.refusedInARowMax ?? Infinity)) this.#hold(partition, first.reason);
    }
    this.#release(partition);
  }

  /** The partition was taken away. */
  forget(partition: string): void {
    for (const key of this.#inARow.keys()) if (key.startsWith(`${partition} `)) this.#inARow.delete(key);
    this.#release(partition);
  }

  #hold(partition: string, reason: string): never {
    const { logger, metrics, refusedInARowMax } = this.#options;
    const hint = 'mend the mapping that the reason names; then it goes on by itself, and nothing is lost';
    if (!this.#held.has(partition)) {
      logger.error(
        { partition, reason, refusedInARowMax, hint },
        'the index refuses one document after the other: the batch waits',
      );
    }
    this.#held.set(partition, reason);
    metrics.indexRefusing.set(this.#held.size);
    throw new CabooseError('INDEX_REFUSES_ALL', `the index refuses every document: ${reason}`, {
      hint,
      retriable: true,
    });
  }

  #release(partition: string): void {
    const { logger, metrics } = this.#options;
    if (!this.#held.delete(partition)) return;
    metrics.indexRefusing.set(this.#held.size);
    logger.info({ partition }, 'the index takes documents again');
  }
}
