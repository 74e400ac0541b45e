/**
 * Turns kafkajs's push (a callback per fetched batch) into a pull, for subscribers and scans.
 *
 *   connecting → joined → (rebalancing → joined)* → ended → connecting …     until the signal aborts
 *
 * The callback never works: it puts the batch into its partition's queue and returns, so that kafkajs goes on to fetch and to
 * send heartbeats for as long as a batch is worked on, and one slow partition holds up no other. A partition that has enough
 * waiting is paused. At every rebalance all partitions count as taken away: batches that are out are revoked and never
 * committed, what waits is dropped, and each partition starts again at its committed offset.
 *
 * A session that crashes is begun anew, with a client of its own; one that shows no sign of life is ended by a watchdog.
 */
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { Consumer, EachBatchPayload, Kafka, KafkaMessage } from 'kafkajs';
import type { WakeUp } from '../wake-up.ts';
import type { Connectivity } from './connectivity.ts';
import type { PlanAssigner } from './plan-assigner.ts';
import { portionsOf } from './portions.ts';
import { errorType } from './problems.ts';
import { withTimeout } from './send-queue.ts';
import { hasSlot } from './slots.ts';

export interface PullConsumerOptions {
  createClient: () => Kafka;
  groupId: string;
  topics: readonly string[];
  sessionTimeoutMs: number;
  /** Most batches that are out at once; of them one is kept for each topic. Absent: no bound. */
  outstandingMax?: number;
  /** Where to begin in a partition, instead of the committed offset. */
  startOffset?: (topic: string, partition: number) => string | null;
  /** How the group shares the partitions; without it, by turns. */
  assigner?: PlanAssigner | null;
  /** Waits until the topics are there. */
  ready: (signal: AbortSignal) => Promise<unknown>;
  wakeUp: WakeUp;
  connectivity: Connectivity;
  clock: Clock;
  logger: Logger;
}

/** Records of one partition, in order: all that were fetched together, or a portion; none if all that was there was of no concern. */
export interface FetchedBatch {
  topic: string;
  partition: number;
  messages: readonly KafkaMessage[];
  /** The offset behind the last record. */
  nextOffset: bigint;
  bytes: number;
  assignment: PartitionAssignment;
  payload: EachBatchPayload | null;
}

export interface PartitionAssignment {
  /** Another number at every (re)assignment. */
  number: number;
  revoked: AbortController;
}

interface PartitionQueue {
  topic: string;
  partition: number;
  assignment: PartitionAssignment;
  waiting: FetchedBatch[];
  outstanding: FetchedBatch | null;
  paused: boolean;
  /** Monotonic ms before which nothing is handed out. */
  notBefore: number;
}

const waitingBatchesMax = 2;
const waitingBytesMax = 32 * 1024 * 1024;
const watchIntervalMs = 1000;
const rebalanceTimeoutMs = 15_000;
/** No fetch can be on its way for longer. */
const fetchMsMax = 35_000;

let assignmentCount = 0;

export class PullConsumer {
  readonly #options: PullConsumerOptions;
  readonly #queues = new Map<string, PartitionQueue>();
  #consumer: Consumer | null = null;
  #waitingBytes = 0;
  #lastSignOfLife = 0;
  /** Per broker: when its last fetch began, and under which assignment. */
  readonly #fetches = new Map<string, { assignment: number; began: number }>();
  #generation = 0;

  constructor(options: PullConsumerOptions) {
    this.#options = options;
  }

  /** Consumes until the signal aborts. Throws what waiting cannot mend. */
  async run(signal: AbortSignal): Promise<void> {
    const { connectivity, ready, clock } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const began = clock.monotonic();
      try {
        await ready(signal);
        await this.#session(signal);
      } catch (error) {
        if (signal.aborted) return;
        const problem = connectivity.failed(error);
        if (connectivity.isFatal(problem)) throw problem;
        if (clock.monotonic() - began > 30_000) attempt = 0;
        await connectivity.pause(attempt, signal);
      }
    }
  }

  /**
   * The next batch of any partition of which none is out, in the order in which `topics` are named, as far as the topic has a slot. Null:
   * wait for the wake-up.
   */
  take(): FetchedBatch | null {
    const now = this.#options.clock.monotonic();
    const { topics, outstandingMax = Infinity } = this.#options;
    const out = [...this.#queues.values()].filter(({ outstanding }) => outstanding !== null);
    const outTopics = out.map(({ topic }) => topic);
    for (const topic of topics.filter((each) => hasSlot(each, topics, outTopics, outstandingMax))) {
      for (const queue of this.#queues.values()) {
        if (queue.topic !== topic || queue.outstanding !== null || queue.notBefore > now) continue;
        const batch = queue.waiting.shift();
        if (!batch) continue;
        queue.outstanding = batch;
        // Round robin: the partition goes to the end of the line.
        this.#queues.delete(keyOf(queue));
        this.#queues.set(keyOf(queue), queue);
        return batch;
      }
    }
    return null;
  }

  /** The batch is worked off; the next of its partition may come. */
  done(batch: FetchedBatch): void {
    const queue = this.#queues.get(keyOf(batch));
    if (!queue || queue.outstanding !== batch) return;
    queue.outstanding = null;
    this.#waitingBytes -= batch.bytes;
    for (const paused of this.#queues.values()) if (paused.paused) this.#resumeIfDrained(paused);
    this.#options.wakeUp.notify();
  }

  /** The batch was not worked off: it is the next of its partition again, after the pause. */
  putBack(batch: FetchedBatch, pauseMs: number): void {
    const queue = this.#queues.get(keyOf(batch));
    if (!queue || queue.outstanding !== batch) return;
    queue.outstanding = null;
    queue.waiting.unshift(batch);
    queue.notBefore = this.#options.clock.monotonic() + pauseMs;
    this.#options.wakeUp.notify();
  }

  /** Commits up to and with the batch. False when the partition is no longer ours, and then nothing was committed. */
  async commit(batch: FetchedBatch): Promise<boolean> {
    const { topic, partition, assignment, payload } = batch;
    const offsets = { topics: [{ topic, partitions: [{ partition, offset: String(batch.nextOffset) }] }] };
    const { signal } = assignment.revoked;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await payload?.commitOffsetsIfNecessary(offsets);
        return !signal.aborted;
      } catch (error) {
        if (isLostMembership(error)) return false;
        this.#options.logger.debug({ topic, partition, error: String(error) }, 'commit failed, trying again');
        await this.#options.connectivity.pause(attempt, signal);
      }
    }
    return false;
  }

  assigned(): { topic: string; partition: number }[] {
    return [...this.#queues.values()].map(({ topic, partition }) => ({ topic, partition }));
  }

  async #session(signal: AbortSignal): Promise<void> {
    const { groupId, sessionTimeoutMs, clock, createClient, assigner } = this.#options;
    const consumer = createClient().consumer({
      groupId,
      sessionTimeout: sessionTimeoutMs,
      heartbeatInterval: Math.floor(sessionTimeoutMs / 4),
      rebalanceTimeout: rebalanceTimeoutMs,
      maxWaitTimeInMs: 500,
      maxBytesPerPartition: 1024 * 1024,
      maxBytes: 8 * 1024 * 1024,
      allowAutoTopicCreation: false,
      ...(assigner ? { partitionAssigners: assigner.assigners() } : {}),
    });
    this.#consumer = consumer;
    this.#lastSignOfLife = clock.monotonic();
    const ended = this.#watch(consumer, signal);
    try {
      // Raced, so that the watchdog also ends a connect or a join that never answers.
      await Promise.race([this.#start(consumer).then(async () => await ended.reason), ended.reason]);
    } finally {
      ended.stop();
      this.#revokeAll();
      this.#consumer = null;
      await withTimeout(consumer.disconnect(), 5000);
    }
  }

  async #start(consumer: Consumer): Promise<void> {
    await consumer.connect();
    await consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async (payload) => await Promise.resolve(this.#accept(consumer, payload)),
    });
  }

  /** `reason` resolves when the signal aborts, and rejects when the session crashed or stalls. */
  #watch(consumer: Consumer, signal: AbortSignal): { reason: Promise<void>; stop: () => void } {
    const { clock, sessionTimeoutMs, logger, groupId, assigner } = this.#options;
    const over = new AbortController();
    const crashed = new Promise<never>((_resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    });
    const alive = (): void => {
      this.#lastSignOfLife = clock.monotonic();
    };
    const { events } = consumer;
    consumer.on(events.GROUP_JOIN, ({ payload }) => {
      alive();
      assigner?.joined(payload.memberAssignment, payload.isLeader, payload.groupProtocol);
      this.#assign(consumer, payload.memberAssignment);
    });
    consumer.on(events.REBALANCING, () => {
      this.#revokeAll();
      // All fetches have ended before a rebalance is announced.
      this.#fetches.clear();
    });
    consumer.on(events.FETCH_START, ({ payload }) => {
      const nodeId = String((payload as { nodeId?: unknown }).nodeId);
      this.#fetches.set(nodeId, { assignment: this.#generation, began: clock.monotonic() });
    });
    consumer.on(events.HEARTBEAT, () => {
      alive();
      if (!assigner?.isOutdated()) return;
      logger.info({ groupId }, 'the assignment plan has changed: the group shares its partitions anew');
      throw rejoin();
    });
    consumer.on(events.FETCH, alive);
    consumer.on(events.END_BATCH_PROCESS, ({ payload }) => {
      const { topic, partition, lastOffset, batchSize } = payload;
      if (batchSize === 0)
        this.#enqueue(consumer, {
          topic,
          partition,
          messages: [],
          nextOffset: BigInt(lastOffset) + 1n,
          payload: null,
        });
    });
    const stallMs = sessionTimeoutMs + rebalanceTimeoutMs + 5000;
    const watchdog = async (): Promise<void> => {
      const both = AbortSignal.any([signal, over.signal]);
      while (!both.aborted) {
        await clock.sleep(watchIntervalMs, both);
        const silentMs = clock.monotonic() - this.#lastSignOfLife;
        // The broker has given our partitions away by now.
        if (silentMs > sessionTimeoutMs && this.#queues.size > 0) this.#revokeAll();
        if (silentMs <= stallMs || both.aborted) continue;
        logger.warn(
          { groupId, silentMs: Math.round(silentMs) },
          'the Kafka consumer makes no progress, starting it again',
        );
        throw new Error(`the consumer made no progress for ${Math.round(silentMs / 1000)} s`);
      }
    };
    const reason = Promise.race([crashed, watchdog()]);
    // It may be rejected before anyone waits for it: while connecting, the connect itself throws.
    reason.catch(() => undefined);
    return { reason, stop: () => over.abort() };
  }

  #assign(consumer: Consumer, assignment: Record<string, number[]>): void {
    this.#revokeAll();
    this.#generation += 1;
    this.#options.connectivity.succeeded();
    for (const [topic, partitions] of Object.entries(assignment)) {
      // kafkajs remembers what was paused before the rebalance.
      if (partitions.length > 0) consumer.resume([{ topic, partitions }]);
      for (const partition of partitions) {
        assignmentCount += 1;
        this.#queues.set(keyOf({ topic, partition }), {
          topic,
          partition,
          assignment: { number: assignmentCount, revoked: new AbortController() },
          waiting: [],
          outstanding: null,
          paused: false,
          notBefore: 0,
        });
        const offset = this.#options.startOffset?.(topic, partition) ?? null;
        if (offset !== null) consumer.seek({ topic, partition, offset });
      }
    }
    this.#options.wakeUp.notify();
  }

  #revokeAll(): void {
    for (const queue of this.#queues.values()) queue.assignment.revoked.abort();
    this.#queues.clear();
    this.#waitingBytes = 0;
    this.#options.wakeUp.notify();
  }

  #accept(consumer: Consumer, payload: EachBatchPayload): void {
    const { batch } = payload;
    const { topic, partition, messages } = batch;
    if (payload.isStale() || this.#isFetchOutdated()) return;
    const nextOffset = BigInt(batch.lastOffset()) + 1n;
    const accepted = this.#enqueue(consumer, { topic, partition, messages, nextOffset, payload });
    if (accepted) payload.resolveOffset(batch.lastOffset());
  }

  /** True while a fetch may still be on its way that was asked for under an earlier assignment, from positions that no longer hold. */
  #isFetchOutdated(): boolean {
    const since = this.#options.clock.monotonic() - fetchMsMax;
    return [...this.#fetches.values()].some(
      ({ assignment, began }) => assignment < this.#generation && began > since,
    );
  }

  #enqueue(consumer: Consumer, fetched: Omit<FetchedBatch, 'assignment' | 'bytes'>): boolean {
    const { topic, partition } = fetched;
    const queue = this.#queues.get(keyOf(fetched));
    if (!queue) return false;
    const portions = portionsOf(fetched.messages);
    for (const messages of portions) {
      const last = messages === portions.at(-1) ? null : messages.at(-1);
      const nextOffset = last ? BigInt(last.offset) + 1n : fetched.nextOffset;
      const bytes = messages.reduce((sum, message) => sum + (message.value?.length ?? 0) + 500, 0);
      queue.waiting.push({ ...fetched, messages, nextOffset, bytes, assignment: queue.assignment });
      this.#waitingBytes += bytes;
    }
    if (queue.waiting.length >= waitingBatchesMax || this.#waitingBytes > waitingBytesMax) {
      queue.paused = true;
      consumer.pause([{ topic, partitions: [partition] }]);
    }
    this.#options.wakeUp.notify();
    return true;
  }

  #resumeIfDrained(queue: PartitionQueue): void {
    if (queue.waiting.length >= waitingBatchesMax) return;
    if (this.#waitingBytes > waitingBytesMax && queue.waiting.length > 0) return;
    queue.paused = false;
    this.#consumer?.resume([{ topic: queue.topic, partitions: [queue.partition] }]);
  }
}

function keyOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}/${partition}`;
}

/**
 * Thrown from a heartbeat's event it is to kafkajs as if the broker had answered so: it ends the fetches, tells of the rebalance, and
 * joins anew as the same member, without leaving first.
 */
function rejoin(): Error {
  return Object.assign(new Error('the assignment plan has changed'), { type: 'REBALANCE_IN_PROGRESS' });
}

/** The group has moved on without us: the batch comes again, to whoever owns its partition now. */
function isLostMembership(error: unknown): boolean {
  const type = errorType(error) ?? '';
  return ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS', 'FENCED_INSTANCE_ID'].includes(
    type,
  );
}
