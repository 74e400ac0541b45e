import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { PartitionReport, SegmentBatch, Transport } from '../../core/transport.ts';

export interface PrecedenceOptions {
  /** The cluster that may hold what comes before. */
  other: Transport;
  /** Waited for so long, the bytes are taken for gone; null: without end. */
  holdMsMax: number | null;
  /** Told how many partitions are held. */
  onHeld: (partitions: number) => void;
  onGivenUp: () => void;
  clock: Clock;
  logger: Logger;
}

/** Of one partition, since a batch of it was held. */
interface Wait {
  /** Of the batch's first segment: another batch is another wait. */
  position: number;
  /** Monotonic ms */
  since: number;
  /** By partition of the same log: how far the other cluster reached when it was first asked; null while it has not answered. */
  ends: ReadonlyMap<number, number> | null;
  /** Monotonic ms: when it was asked last; and whether it answered. */
  askedAt: number;
  isAnswering: boolean;
  isTold: boolean;
  isGivenUp: boolean;
}

const answerMsMax = 5_000;
/** Whoever asks looks at the index each time, which tells of most waits that they are over; this question costs more. */
const askIntervalMs = 2_000;
/** What the other cluster is being read of comes soon. */
const soonMs = 500;

/**
 * Whether a batch of one cluster has to wait for the other one. What precedes a segment was acknowledged there before the segment was sent here, so
 * it is below the ends that the other cluster has once the segment is seen; when the group has committed up to them, it was taken in.
 */
export class Precedence {
  readonly #options: PrecedenceOptions;
  readonly #waits = new Map<string, Wait>();

  constructor(options: PrecedenceOptions) {
    this.#options = options;
  }

  async holds(batch: SegmentBatch, signal: AbortSignal): Promise<boolean> {
    const wait = this.#waitOf(batch);
    if (wait.isGivenUp) return false;
    const { clock } = this.#options;
    if (wait.isAnswering && clock.monotonic() - wait.askedAt < askIntervalMs) return true;
    const reports = await this.#ask(batch, signal);
    wait.askedAt = clock.monotonic();
    wait.isAnswering = reports !== null;
    if (reports) {
      wait.ends ??= new Map(reports.map(({ partition, end }) => [partition, end]));
      if (reports.every((report) => isTakenIn(report, wait.ends?.get(report.partition) ?? 0))) {
        this.#settle(batch, wait);
        return false;
      }
    }
    if (this.#isTooLong(wait)) return this.#giveUp(batch, wait);
    if (!wait.isTold) this.#tell(batch, wait);
    return true;
  }

  /** It was taken in as a whole: whatever it waited for has come, from wherever. */
  passed(batch: SegmentBatch): void {
    const wait = this.#waits.get(keyOf(batch));
    if (wait) this.#settle(batch, wait);
  }

  /** After how long a batch that was held may go on; undefined where that is not known. */
  retryMs(batch: SegmentBatch): number | undefined {
    return this.#waits.get(keyOf(batch))?.isAnswering === true ? soonMs : undefined;
  }

  #waitOf(batch: SegmentBatch): Wait {
    const key = keyOf(batch);
    const position = batch.segments[0]?.position ?? 0;
    const known = this.#waits.get(key);
    if (known?.position === position) return known;
    const since = this.#options.clock.monotonic();
    const wait = {
      position,
      since,
      ends: null,
      askedAt: since,
      isAnswering: false,
      isTold: false,
      isGivenUp: false,
    };
    this.#waits.set(key, wait);
    batch.revoked.addEventListener('abort', () => this.#forget(key, wait), { once: true });
    return wait;
  }

  /** Null while the other cluster does not answer. */
  async #ask({ lane, topicPrefix }: SegmentBatch, signal: AbortSignal): Promise<PartitionReport[] | null> {
    const { other, logger } = this.#options;
    try {
      const reports = await other.partitions(AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]));
      return reports.filter((report) => report.lane === lane && report.topicPrefix === topicPrefix);
    } catch (error) {
      signal.throwIfAborted();
      logger.debug({ reason: errorText(error) }, 'the other cluster does not tell how far it was read');
      return null;
    }
  }

  #isTooLong({ since }: Wait): boolean {
    const { clock, holdMsMax } = this.#options;
    return holdMsMax !== null && clock.monotonic() - since >= holdMsMax;
  }

  #tell(batch: SegmentBatch, wait: Wait): void {
    wait.isTold = true;
    this.#options.onHeld(this.#told);
    this.#options.logger.warn(
      { ...placeOf(batch), isAnswering: wait.isAnswering },
      'streams wait for what the other cluster has of them',
    );
  }

  #settle(batch: SegmentBatch, wait: Wait): void {
    this.#forget(keyOf(batch), wait);
    if (wait.isTold && !wait.isGivenUp)
      this.#options.logger.info(placeOf(batch), 'what streams waited for was read from the other cluster');
  }

  #giveUp(batch: SegmentBatch, wait: Wait): false {
    const { logger, onGivenUp, onHeld } = this.#options;
    wait.isGivenUp = true;
    onGivenUp();
    onHeld(this.#told);
    const hint = 'when the other cluster is back, caboose replay RUN takes in what it has';
    logger.error(
      { ...placeOf(batch), hint },
      'waited too long for the other cluster: what it has is recorded as missing',
    );
    return false;
  }

  #forget(key: string, wait: Wait): void {
    if (this.#waits.get(key) !== wait) return;
    this.#waits.delete(key);
    if (wait.isTold) this.#options.onHeld(this.#told);
  }

  get #told(): number {
    return [...this.#waits.values()].filter(({ isTold, isGivenUp }) => isTold && !isGivenUp).length;
  }
}

function isTakenIn({ first, committed }: PartitionReport, end: number): boolean {
  // What retention has dropped nobody will read.
  return first >= end || (committed ?? 0) >= end;
}

function keyOf({ topicPrefix, lane, partition }: SegmentBatch): string {
  return `${topicPrefix} ${lane} ${partition}`;
}

function placeOf({ topicPrefix, lane, partition, cluster }: SegmentBatch) {
  return { cluster: cluster ?? 'first', ...(topicPrefix !== undefined && { topicPrefix }), lane, partition };
}
