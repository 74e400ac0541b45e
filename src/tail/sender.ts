import { hostname } from 'node:os';
import { CabooseError, errorText } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { retry } from '../core/retry.ts';
import type { Segment } from '../core/segment.ts';
import type { Publisher } from '../core/transport.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { CutLog } from './cut-log.ts';
import type { Cut, MadeCut, StreamState } from './cut-state.ts';
import type { ReadBuffers } from './read-buffers.ts';
import type { Redactor } from './redactor.ts';
import { Room } from './room.ts';

/**
 * Sends cuts and moves positions: only an ack does. Holds the bytes of what is under way, bounded by `bytesMax`; who wants to
 * read more waits for room. The cuts of one stream are handed to the publisher in order.
 */
export interface SenderOptions {
  publisher: Publisher;
  cutLog: CutLog;
  source: string;
  host?: string;
  bytesMax: number;
  redactor: Redactor;
  /** Where the bytes go when they are acknowledged. */
  buffers: ReadBuffers;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  /** In [0, 1), as Math.random: for the pauses between attempts. */
  random?: () => number;
}

const noBytes: Buffer = Buffer.alloc(0);

/** A cut that is under way, with the bytes of the file. */
export interface HeldCut {
  cut: Cut;
  bytes: Buffer;
}

export class Sender {
  readonly #options: SenderOptions;
  readonly #host: string;
  /** By lane and topic prefix. */
  readonly #partitions = new Map<string, Promise<number>>();
  /** Per stream: when the last of its cuts was handed over. */
  readonly #handovers = new Map<StreamState, Promise<void>>();
  /** Per stream: what is under way. */
  readonly #held = new Map<StreamState, Set<HeldCut>>();
  /** Streams with a segment that was refused: resolves when it is taken. */
  readonly #refused = new Map<StreamState, Promise<void>>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  /** Raw bytes sent and not acknowledged. */
  readonly room: Room;
  /** So far. */
  acks = 0;
  #refusal: CabooseError | null = null;
  readonly #refusedOnce = new AbortController();
  #waiters: (() => void)[] = [];

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#host = options.host ?? hostname();
    this.room = new Room(options.bytesMax);
  }

  /** Why the transport refuses what it was sent, though it is there; null while it does not. */
  get refusal(): CabooseError | null {
    return this.#refusal;
  }

  /** Aborts when the transport refuses something for the first time. */
  get refusedSignal(): AbortSignal {
    return this.#refusedOnce.signal;
  }

  /** What is under way of this stream, in order, with its bytes. */
  held(state: StreamState): readonly HeldCut[] {
    return [...(this.#held.get(state) ?? [])];
  }

  /** Resolves when the next ack has come, or the signal aborts. */
  async nextAck(signal?: AbortSignal): Promise<void> {
    if (signal?.aborted || this.#underWay.size === 0) return;
    await new Promise<void>((resolve) => {
      const wake = () => {
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiters.push(wake);
      signal?.addEventListener('abort', wake);
    });
  }

  /** Sends one cut, which must be durable in the cut log. */
  send({ state, cut, bytes, before }: MadeCut): void {
    const { lane } = state.record;
    this.room.take(lane, bytes.length);
    const letGo = this.#hold(state, { cut, bytes });
    const last = this.#handovers.get(state) ?? Promise.resolve();
    const handover = last.then(() => this.#handOver(state, this.#segment(state, cut, bytes, before)));
    const ordered = handover.then(
      () => undefined,
      () => undefined,
    );
    this.#handovers.set(state, ordered);
    const acked = handover
      .then(async ({ ack }) => await ack)
      .then(
        () => {
          letGo();
          this.#acknowledged(state, cut, bytes);
        },
        (error: unknown) => {
          letGo();
          this.#unsent(error);
        },
      )
      .finally(() => {
        this.room.giveBack(lane, bytes.length);
        this.#underWay.delete(acked);
        if (this.#handovers.get(state) === ordered) this.#handovers.delete(state);
        for (const wake of this.#waiters.splice(0)) wake();
      });
    this.#underWay.add(acked);
  }

  /** Waits until everything is acknowledged or the signal aborts; true when it all was. */
  async drained(signal?: AbortSignal): Promise<boolean> {
    for (;;) {
      if (this.#underWay.size === 0) return true;
      if (signal?.aborted) return false;
      await this.nextAck(signal);
    }
  }

  /** Stops waiting for a transport that is not there. */
  stop(): void {
    this.#stopped.abort();
  }

  /** Resolves when the publisher has the segment; the ack is another promise, lest the next cut wait for it. */
  async #handOver(state: StreamState, segment: Segment): Promise<{ ack: Promise<void> }> {
    const { publisher } = this.#options;
    if (state.record.partition === null) {
      const assign = async () => await this.#assignPartition(state);
      await assign().catch(async (error: unknown) => await this.#tryAgain(state, segment, error, assign));
    }
    await this.#refused.get(state);
    // What waits for one that was given up at the end must not go out without it.
    this.#stopped.signal.throwIfAborted();
    const { lane, partition, topicPrefix } = state.record;
    const publish = async () => await publisher.publish(lane, partition ?? 0, segment, topicPrefix);
    return {
      ack: publish().catch(async (error: unknown) => await this.#tryAgain(state, segment, error, publish)),
    };
  }

  /**
   * A transport that is there and refuses (no permission, a limit too low, no broker at all at that address) is an operator's to
   * mend: the work is tried again until it succeeds, and what follows in its stream waits.
   */
  async #tryAgain(
    state: StreamState,
    segment: Segment,
    refusal: unknown,
    work: () => Promise<void>,
  ): Promise<void> {
    const { clock, random } = this.#options;
    const signal = this.#stopped.signal;
    if (signal.aborted) throw refusal;
    this.#tellRefusal(segment, refusal);
    const before = this.#refused.get(state) ?? Promise.resolve();
    const again = async (attempt: number) => {
      if (attempt === 0) throw refusal;
      await work();
    };
    const taken = before.then(
      async () =>
        await retry(again, { clock, signal, initialMs: 1_000, maxMs: 30_000, ...(random ? { random } : {}) }),
    );
    const settled = taken.catch(() => undefined);
    this.#refused.set(state, settled);
    await taken;
    if (this.#refused.get(state) === settled) this.#refused.delete(state);
    if (this.#refused.size === 0) this.#refusal = null;
  }

  async #assignPartition(state: StreamState): Promise<void> {
    const { lane, topicPrefix } = state.record;
    const { publisher, source, cutLog } = this.#options;
    const key = `${lane} ${topicPrefix}`;
    let asked = this.#partitions.get(key);
    if (!asked) {
      asked = publisher.partitionFor(lane, source, this.#stopped.signal, topicPrefix);
      this.#partitions.set(key, asked);
      asked.catch(() => this.#partitions.delete(key));
    }
    cutLog.setPartition(state, await asked);
  }

  #hold(state: StreamState, held: HeldCut): () => void {
    const all = this.#held.get(state) ?? new Set();
    this.#held.set(state, all.add(held));
    return () => {
      all.delete(held);
      if (all.size === 0) this.#held.delete(state);
    };
  }

  #segment(state: StreamState, cut: Cut, bytes: Buffer, before = noBytes): Segment {
    const { record } = state;
    return {
      source: this.#options.source,
      run: record.run,
      attempt: record.attempt,
      rank: record.rank,
      host: this.#host,
      path: record.firstPath,
      labels: record.labels,
      stream: record.id,
      start: cut.start,
      end: cut.end,
      created: record.created,
      observed: cut.observed,
      previous: cut.start === 0 ? record.previous : null,
      final: cut.final,
      gap: cut.gap,
      snapshot: record.snapshot === true,
      ...(cut.redact !== undefined && bytes.length > 0 && { redact: cut.redact }),
      bytes: this.#options.redactor.masked(record, cut, before, bytes),
    };
  }

  #acknowledged(state: StreamState, cut: Cut, bytes: Buffer): void {
    const { cutLog, metrics, buffers } = this.#options;
    cutLog.ack(state, cut);
    this.acks += 1;
    metrics.ackedBytes.inc({ lane: state.record.lane }, bytes.length);
    buffers.giveBack(bytes);
    metrics.segments.inc({ lane: state.record.lane });
  }

  #tellRefusal({ path, start, end }: Segment, error: unknown): void {
    const { logger } = this.#options;
    const reason = errorText(error);
    const hint = error instanceof CabooseError ? error.hint : undefined;
    this.#refusedOnce.abort();
    if (this.#refusal === null) {
      logger.error(
        { path, start, end, reason, hint },
        'the transport refuses segments: they are sent again until it takes them',
      );
    }
    this.#refusal =
      error instanceof CabooseError
        ? error
        : new CabooseError('REFUSED', reason, { cause: error, retriable: true });
  }

  /** Stopped before the ack: the cut is in the log and is sent again at the next start. */
  #unsent(error: unknown): void {
    if (this.#stopped.signal.aborted) return;
    this.#options.logger.error(
      { reason: errorText(error) },
      'a segment could not be handed to the transport',
    );
  }
}
