import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';

/**
 * Notices a part of the process that should make progress and does not. A part tells when a piece of work begins, gets on, and ends:
 *
 *   idle ──begin──▶ at work ──no progress for `tellAfterMs`──▶ stalled ──progress or end──▶ at work, idle
 *                                                                 └──for `hopelessAfterMs`──▶ hopeless: /livez fails
 *
 * What waits for a server that is away is no stall: while `excuse` gives a reason, time does not count. Nor does time in which the
 * process did not run at all: a blocked event loop, or a stopped process, is a stall of the part `event-loop`, told afterwards,
 * for nobody could tell it meanwhile (a probe that gets no answer does).
 *
 * Failure rule: it tells and counts, and touches nothing. Whether a restart helps is decided by who asks /livez.
 */
export interface StallWatchOptions {
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'stalls'>;
}

export interface PartOptions {
  tellAfterMs?: number;
  /** Null: a restart would not help. */
  hopelessAfterMs?: number | null;
  /** Why it has to wait, in words; null while nothing holds it up. */
  excuse?: () => string | null;
}

/** One part of the process; any number of pieces of work may be under way. */
export interface WatchedPart {
  begin(what: string): Work;
}

export interface Work {
  /** It gets on; `what` it does now. */
  progress(what: string): void;
  end(): void;
}

const checkIntervalMs = 5_000;
const blockedMsMax = 5_000;
export const tellAfterMs = 120_000;
export const hopelessAfterMs = 600_000;

export class StallWatch {
  readonly #options: StallWatchOptions;
  readonly #parts: Part[] = [];

  constructor(options: StallWatchOptions) {
    this.#options = options;
    options.metrics.stalls.inc({ part: eventLoop }, 0);
  }

  part(name: string, options: PartOptions = {}): WatchedPart {
    this.#options.metrics.stalls.inc({ part: name }, 0);
    const part = new Part(name, options, this.#options.clock);
    this.#parts.push(part);
    return part;
  }

  /** Looks now and then, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, metrics } = this.#options;
    while (!signal.aborted) {
      const due = clock.monotonic() + checkIntervalMs;
      await clock.sleep(checkIntervalMs, signal);
      const lateMs = clock.monotonic() - due;
      if (signal.aborted) return;
      if (lateMs > blockedMsMax) {
        for (const part of this.#parts) part.forgive(lateMs);
        metrics.stalls.inc({ part: eventLoop });
        logger.error(
          { part: eventLoop, stalledMs: Math.round(lateMs) },
          'the process did not run for a while',
        );
      }
      for (const part of this.#parts) this.#look(part);
    }
  }

  /** Shown by /readyz and, where only a restart helps, by /livez. */
  register(health: Health): void {
    health.addReadiness('progress', () => this.#told(({ isTold }) => isTold));
    health.addLiveness('progress', () => this.#told(({ isHopeless }) => isHopeless));
  }

  #look(part: Part): void {
    const { logger, metrics } = this.#options;
    const before = part.isTold;
    part.look();
    if (part.isTold === before) return;
    const { name, what, stalledMs } = part;
    if (part.isTold) {
      metrics.stalls.inc({ part: name });
      const hint =
        'nothing that it waits for is known to be away; if it stays so, /livez fails and a restart helps';
      logger.error({ part: name, at: what, stalledMs, hint }, 'a part makes no progress');
    } else logger.warn({ part: name }, 'a part makes progress again');
  }

  #told(which: (part: Part) => boolean): string | null {
    const stalled = this.#parts.filter(which);
    const text = stalled.map(
      ({ name, what, stalledMs }) =>
        `${name} makes no progress since ${Math.round(stalledMs / 1000)} s (${what})`,
    );
    return stalled.length === 0 ? null : text.join('; ');
  }
}

const eventLoop = 'event-loop';

interface PieceOfWork {
  what: string;
  /** Monotonic ms. */
  since: number;
}

class Part implements WatchedPart {
  readonly name: string;
  readonly #options: PartOptions;
  readonly #clock: Clock;
  readonly #work = new Set<PieceOfWork>();
  isTold = false;
  isHopeless = false;

  constructor(name: string, options: PartOptions, clock: Clock) {
    this.name = name;
    this.#options = options;
    this.#clock = clock;
  }

  begin(what: string): Work {
    const piece = { what, since: this.#clock.monotonic() };
    this.#work.add(piece);
    return {
      progress: (now) => {
        piece.what = now;
        piece.since = this.#clock.monotonic();
      },
      end: () => void this.#work.delete(piece),
    };
  }

  look(): void {
    const { tellAfterMs: tell = tellAfterMs, hopelessAfterMs: hopeless = hopelessAfterMs } = this.#options;
    if (this.#options.excuse?.()) for (const piece of this.#work) piece.since = this.#clock.monotonic();
    this.isTold = this.stalledMs >= tell;
    this.isHopeless = hopeless !== null && this.stalledMs >= hopeless;
  }

  /** The process did not run for so long: nobody could make progress. */
  forgive(ms: number): void {
    for (const piece of this.#work) piece.since += ms;
  }

  get what(): string {
    return this.#oldest?.what ?? 'idle';
  }

  get stalledMs(): number {
    return this.#oldest ? Math.round(this.#clock.monotonic() - this.#oldest.since) : 0;
  }

  get #oldest(): PieceOfWork | undefined {
    let oldest: PieceOfWork | undefined;
    for (const piece of this.#work) if (!oldest || piece.since < oldest.since) oldest = piece;
    return oldest;
  }
}

/** For what runs unwatched: tests, and commands that end by themselves. */
export const unwatched: WatchedPart = {
  begin: () => ({ progress: () => undefined, end: () => undefined }),
};
