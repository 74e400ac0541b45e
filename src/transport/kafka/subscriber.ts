import type { Kafka } from 'kafkajs';
import type { Sharing } from '../../core/assignment-plan.ts';
import { backoffMs } from '../../core/retry.ts';
import { lanes } from '../../core/segment.ts';
import type { CarriedSegment, Lane } from '../../core/segment.ts';
import type { GroupView, LagReport, RejectedRecord, SegmentBatch, Subscriber } from '../../core/transport.ts';
import { receive } from '../received-segment.ts';
import { WakeUp } from '../wake-up.ts';
import { readGroup, topicLags } from './group-view.ts';
import { PlanAssigner } from './plan-assigner.ts';
import { PullConsumer } from './pull-consumer.ts';
import type { FetchedBatch, PullConsumerOptions } from './pull-consumer.ts';
import { receivedRecord } from './received-record.ts';
import { segmentTopic } from './topics.ts';

export interface KafkaSubscriberOptions extends Omit<
  PullConsumerOptions,
  'topics' | 'wakeUp' | 'startOffset' | 'assigner'
> {
  topicPrefix: string;
  /** Without it partitions are shared by turns. */
  sharing: Sharing | undefined;
  admin: () => ReturnType<Kafka['admin']>;
}

const releasePause = { initialMs: 200, maxMs: 5000 };
/** Batches that are worked on at once: some ten megabytes of raw bytes each. One is kept for each lane. */
const batchesUnderWayMax = 4;
/** A wake-up that was missed costs at most this. */
const wakeIntervalMs = 1000;

/**
 * One member of the consumer group. Both lanes are subscribed; of batches that wait, the fast lane's come first, and each lane has a slot
 * to itself, so that neither waits for the other.
 */
export class KafkaSubscriber implements Subscriber {
  readonly #options: KafkaSubscriberOptions;
  readonly #wakeUp = new WakeUp();
  readonly #lanes: ReadonlyMap<string, Lane>;
  readonly #assigner: PlanAssigner | null;
  #consumer: PullConsumer | null = null;
  /** Releases in a row by partition; each lengthens the pause. */
  readonly #releases = new Map<string, number>();

  constructor(options: KafkaSubscriberOptions) {
    this.#options = options;
    this.#lanes = new Map(lanes.map((lane) => [segmentTopic(options.topicPrefix, lane), lane]));
    const { sharing, topicPrefix, clock } = options;
    this.#assigner = sharing ? new PlanAssigner({ sharing, topicPrefix, clock }) : null;
  }

  async *batches(signal: AbortSignal): AsyncIterable<SegmentBatch> {
    const consumer = new PullConsumer({
      ...this.#options,
      topics: [...this.#lanes.keys()],
      outstandingMax: batchesUnderWayMax,
      assigner: this.#assigner,
      wakeUp: this.#wakeUp,
    });
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    let failure: { error: unknown } | null = null;
    const running = consumer.run(both).catch((error: unknown) => {
      failure = { error };
      this.#wakeUp.notify();
    });
    this.#consumer = consumer;
    try {
      while (!signal.aborted) {
        if (failure !== null) throw (failure as { error: unknown }).error;
        const seen = this.#wakeUp.count;
        const fetched = consumer.take();
        if (fetched === null) await this.#wakeUp.wait(seen, wakeIntervalMs, this.#options.clock, signal);
        else if (fetched.messages.length === 0) consumer.done(fetched);
        else yield this.#batch(consumer, fetched);
      }
    } finally {
      over.abort();
      this.#consumer = null;
      await running;
    }
  }

  async lag(): Promise<LagReport[]> {
    const assigned = this.#consumer?.assigned() ?? [];
    if (assigned.length === 0) return [];
    const mine = new Set(assigned.map(({ topic, partition }) => `${topic}/${partition}`));
    const topics = [...new Set(assigned.map(({ topic }) => topic))];
    const lags = await this.#ask(async (admin) => await topicLags(admin, this.#options.groupId, topics));
    return lags
      .filter(({ topic, partition }) => mine.has(`${topic}/${partition}`))
      .map(({ topic, partition, records }) => ({ lane: this.#laneOf(topic), partition, records }));
  }

  async group(): Promise<GroupView | null> {
    const { groupId, topicPrefix } = this.#options;
    return await this.#ask(async (admin) => await readGroup(admin, groupId, topicPrefix));
  }

  async #ask<T>(question: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
    const admin = this.#options.admin();
    await admin.connect();
    try {
      return await question(admin);
    } finally {
      await admin.disconnect();
    }
  }

  #batch(consumer: PullConsumer, fetched: FetchedBatch): SegmentBatch {
    const { partition, topic, assignment } = fetched;
    const lane = this.#laneOf(topic);
    const segments: CarriedSegment[] = [];
    const rejected: RejectedRecord[] = [];
    for (const message of fetched.messages) {
      const received = receive(
        { lane, partition, position: Number(message.offset) },
        receivedRecord(message),
      );
      if (received === 'no match') continue;
      if ('segment' in received) segments.push(received.segment);
      else rejected.push(received.rejected);
    }
    const key = `${topic}/${partition}`;
    let isOut = true;
    return {
      lane,
      partition,
      segments,
      rejected,
      assignment: assignment.number,
      revoked: assignment.revoked.signal,
      commit: async () => {
        if (!isOut) return;
        isOut = false;
        await consumer.commit(fetched);
        this.#releases.delete(key);
        consumer.done(fetched);
      },
      release: (pauseMs) => {
        if (!isOut) return;
        isOut = false;
        const releases = this.#releases.get(key) ?? 0;
        this.#releases.set(key, releases + 1);
        consumer.putBack(fetched, pauseMs ?? backoffMs(releases, releasePause));
      },
    };
  }

  #laneOf(topic: string): Lane {
    return this.#lanes.get(topic) ?? 'bulk';
  }
}
