import type { Clock } from '../../core/clock.ts';
import { CabooseError, errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';

/** That no server can be reached: one line tells of it and one of its end, over as many sessions as it lasts. */
export class Outage {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #sinceMs: number | null = null;
  #reason: string | null = null;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Why the last attempt to connect failed, also when one has succeeded since; null if none ever failed. */
  get reason(): string | null {
    return this.#reason;
  }

  /** In ms; null while a server is reached. */
  get lastsMs(): number | null {
    return this.#sinceMs === null ? null : this.#clock.monotonic() - this.#sinceMs;
  }

  /** The link was lost, or an attempt to connect has failed. */
  tell(error: unknown): void {
    this.#reason = errorText(error);
    if (this.#sinceMs !== null) return;
    this.#sinceMs = this.#clock.monotonic();
    const hint = error instanceof CabooseError ? error.hint : undefined;
    this.#logger.warn(
      { reason: this.#reason, ...(hint === undefined ? {} : { hint }) },
      'ZooKeeper cannot be reached: trying the servers in turn',
    );
  }

  end(fields: { server: string; session: string }): void {
    if (this.lastsMs === null) return;
    this.#logger.info({ ...fields, outageMs: Math.round(this.lastsMs) }, 'ZooKeeper connection is back');
    this.#sinceMs = null;
  }
}
