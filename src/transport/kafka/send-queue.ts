/**
 * The producer's side: one send in flight at a time, each to one explicit partition, acks from all replicas, no idempotence. Any other
 * way kafkajs loses acknowledged records when it retries (it retries a send of several brokers as a whole, and forgets which
 * of them had answered); what this way sends twice, the consumers' range check drops.
 *
 * Records of the same partition that wait together go into one send, up to `sendBytesMax` encoded (a broker's limit counts the
 * batch). A record is encoded shortly before it is sent, while the send before it is on its way, and only its encoded
 * form is kept.
 *
 * The lanes take turns (core/lane-turns.ts), anew before every send: also before one that has failed is tried again, so that after an
 * outage the fast lane's news goes first. Within a lane, and so within a partition, order is kept.
 */
import type { Kafka, Producer } from 'kafkajs';
import { CabooseError } from '../../core/errors.ts';
import { LaneTurns, otherLane, perLane } from '../../core/lane-turns.ts';
import type { Logger } from '../../core/logger.ts';
import { lanes } from '../../core/segment.ts';
import type { Lane } from '../../core/segment.ts';
import type { Connectivity } from './connectivity.ts';
import { freeBuffer } from './free-buffer.ts';
import { OutgoingRecords } from './outgoing-records.ts';
import type { OutgoingMessage, OutgoingRecord } from './outgoing-records.ts';
import { errorType, isAboutRequest, isUnanswered, kafkaProblem } from './problems.ts';
import type { Topics } from './topics.ts';

export interface SendQueueOptions {
  /** Makes a client; a producer that keeps failing is replaced along with it. */
  createClient: () => Kafka;
  topics: Topics;
  connectivity: Connectivity;
  logger: Logger;
}

/** Failures in a row after which the producer is replaced. */
const failuresPerProducer = 3;
const produceTimeoutMs = 30_000;

export class SendQueue {
  readonly #options: SendQueueOptions;
  readonly #stopping = new AbortController();
  readonly #queues = perLane(() => new OutgoingRecords());
  readonly #turns = new LaneTurns();
  #accepting = true;
  #running: Promise<void> | null = null;
  #producer: Producer | null = null;

  constructor(options: SendQueueOptions) {
    this.#options = options;
  }

  /** Aborts when it is stopped for good. */
  get stopped(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Resolves when all replicas have it. Order is kept within a partition, which belongs to one lane. */
  send(lane: Lane, topic: string, partition: number, encode: () => OutgoingMessage): Promise<void> {
    if (!this.#accepting) return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      const record = { topic, partition, encode, encoded: null, bytes: 0, alone: false, resolve, reject };
      this.#queues[lane].add(record);
      this.#running ??= this.#run();
    });
  }

  /** Waits for the acks until the signal aborts, then drops the rest and disconnects. Tolerates a second call. */
  async stop(signal?: AbortSignal): Promise<void> {
    this.#accepting = false;
    const abort = (): void => this.#stopping.abort();
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    await this.#running;
    signal?.removeEventListener('abort', abort);
    this.#stopping.abort();
    await this.#disconnect();
  }

  async #run(): Promise<void> {
    // Lets the callers of this turn join the first send.
    await Promise.resolve();
    for (let failures = 0; ;) {
      const lane = this.#turns.next(perLane((each) => !this.#queues[each].isEmpty));
      if (lane === null) break;
      if (!this.#queues[lane].isReady) {
        // What comes while it is encoded may be more urgent: then it is chosen anew.
        await Promise.all([this.#queues[lane].prepare(this.#stopping.signal), this.#reachable()]);
        continue;
      }
      const [sent] = await Promise.all([this.#deliver(lane, failures), this.#prepareNext()]);
      failures = sent ? 0 : failures + 1;
    }
    // In the same turn as the look at what waits: a record that comes later starts a new run.
    this.#running = null;
  }

  /** Waits for the topics before it is decided what is sent first. A reason why not is met, and told, by the send. */
  async #reachable(): Promise<void> {
    await this.#options.topics.counts(this.#stopping.signal).catch(() => undefined);
  }

  /** While one send is on its way. */
  async #prepareNext(): Promise<void> {
    for (const lane of lanes)
      if (!this.#queues[lane].isReady) await this.#queues[lane].prepare(this.#stopping.signal);
  }

  /** Tries once. False: it failed, and is the next of its lane again. */
  async #deliver(lane: Lane, failures: number): Promise<boolean> {
    const batch = this.#queues[lane].takeReady();
    try {
      await this.#send(batch, failures);
      this.#options.connectivity.succeeded();
      const bytes = batch.reduce((sum, record) => sum + record.bytes, 0);
      this.#turns.took(lane, bytes, !this.#queues[otherLane(lane)].isEmpty);
      for (const record of batch) acknowledge(record);
      return true;
    } catch (error) {
      return await this.#failed(lane, batch, failures, error);
    }
  }

  /** True: there is an answer, if not the one that was hoped for. */
  async #failed(lane: Lane, batch: OutgoingRecord[], failures: number, error: unknown): Promise<boolean> {
    const { connectivity } = this.#options;
    const { signal } = this.#stopping;
    const problem = signal.aborted ? kafkaProblem(error, connectivity.foreign) : connectivity.failed(error);
    if (!signal.aborted && !connectivity.isFatal(problem)) {
      this.#queues[lane].putBack(batch);
      await connectivity.pause(failures, signal);
      if (signal.aborted) this.#rejectAll();
      return false;
    }
    if (problem.code === 'KAFKA_MESSAGE_TOO_LARGE' && batch.length > 1) {
      for (const record of batch) record.alone = true;
      this.#queues[lane].putBack(batch);
      return true;
    }
    for (const record of batch)
      record.reject(isAboutRequest(problem) || !problem.retriable ? problem : stopped(problem));
    if (signal.aborted) this.#rejectAll();
    return true;
  }

  #rejectAll(): void {
    for (const queue of Object.values(this.#queues))
      for (const record of queue.takeAll()) record.reject(stopped());
  }

  async #send(batch: readonly OutgoingRecord[], attempt: number): Promise<void> {
    if (this.#stopping.signal.aborted) throw stopped();
    const { topic, partition } = batch[0]!;
    await this.#checkPartition(topic, partition);
    if (attempt > 0 && attempt % failuresPerProducer === 0) await this.#disconnect();
    const producer = await this.#connect();
    try {
      const answer = await producer.send({
        topic,
        acks: -1,
        timeout: produceTimeoutMs,
        messages: batch.map((record) => ({ ...record.encoded!, partition })),
      });
      // An answer that does not speak of this partition is no ack, whatever the library makes of it.
      if (
        !answer.some(
          (part) => part.topicName === topic && part.partition === partition && part.errorCode === 0,
        )
      ) {
        throw new Error('the broker did not acknowledge the records');
      }
    } catch (error) {
      if (errorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') this.#options.topics.forget();
      if (isUnanswered(error)) await this.#disconnect();
      throw error;
    }
  }

  async #checkPartition(topic: string, partition: number): Promise<void> {
    const counts = await this.#options.topics.counts(this.#stopping.signal);
    const count = counts.get(topic) ?? 0;
    if (partition < count) return;
    this.#options.topics.forget();
    throw new CabooseError(
      'KAFKA_PARTITION_MISSING',
      `topic ${topic} has ${count} partitions, ${partition} is needed`,
      {
        hint: 'a topic must not be made again with fewer partitions while agents hold streams in it; add partitions',
      },
    );
  }

  async #connect(): Promise<Producer> {
    if (this.#producer) return this.#producer;
    const producer = this.#options.createClient().producer({
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
      idempotent: false,
      allowAutoTopicCreation: false,
      maxInFlightRequests: 1,
      // Each attempt is ours, with a fresh look at who leads the partition.
      retry: { retries: 0 },
    });
    await producer.connect();
    this.#producer = producer;
    return producer;
  }

  async #disconnect(): Promise<void> {
    const producer = this.#producer;
    this.#producer = null;
    // kafkajs waits for requests whose answers may never come.
    if (producer) await withTimeout(producer.disconnect(), 3000);
  }
}

function acknowledge({ encoded, resolve }: OutgoingRecord): void {
  const { value, headers } = encoded ?? {};
  // With another codec the value is the caller's.
  if (Buffer.isBuffer(value) && headers?.['codec'] === 'zstd') freeBuffer(value);
  resolve();
}

export async function withTimeout(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => (timer = setTimeout(resolve, timeoutMs)));
  await Promise.race([work.catch(() => undefined), timeout]);
  clearTimeout(timer);
}

function stopped(cause?: unknown): CabooseError {
  return new CabooseError(
    'TRANSPORT_STOPPED',
    'the publisher was stopped before Kafka acknowledged the record',
    {
      cause,
      retriable: true,
      hint: 'nothing is lost: the cut log holds what was not acknowledged',
    },
  );
}
