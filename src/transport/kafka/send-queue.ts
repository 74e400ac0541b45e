/**
 * The producer's side: one send in flight at a time, each to one explicit partition, acks from all replicas, no idempotence. Any other
 * way kafkajs loses acknowledged records when it retries (it retries a send of several brokers as a whole, and forgets which
 * of them had answered); what this way sends twice, the consumers' range check drops.
 *
 * Records of the same partition that wait together go into one send, up to `sendBytesMax` encoded (a broker's limit counts the
 * batch). A record is encoded shortly before it is sent, while the send before it is on its way, and only its encoded
 * form is kept.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kafka, Message, Producer } from 'kafkajs';
import { CabooseError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Connectivity } from './connectivity.ts';
import { freeBuffer } from './free-buffer.ts';
import { errorType, isAboutRequest, isUnanswered } from './problems.ts';
import type { Topics } from './topics.ts';

/** Headers as texts, as we write them. */
export type OutgoingMessage = Message & { headers?: Record<string, string> };

export interface SendQueueOptions {
  /** Makes a client; a producer that keeps failing is replaced along with it. */
  createClient: () => Kafka;
  topics: Topics;
  connectivity: Connectivity;
  logger: Logger;
}

interface Waiting {
  topic: string;
  partition: number;
  /** Called once; its result replaces it. */
  encode: (() => OutgoingMessage) | null;
  encoded: OutgoingMessage | null;
  bytes: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

const sendBytesMax = 900 * 1024;
const sendRecordsMax = 1000;
/** Failures in a row after which the producer is replaced. */
const failuresPerProducer = 3;
const produceTimeoutMs = 30_000;

export class SendQueue {
  readonly #options: SendQueueOptions;
  readonly #stopping = new AbortController();
  #waiting: Waiting[] = [];
  #accepting = true;
  #running: Promise<void> | null = null;
  #producer: Producer | null = null;

  constructor(options: SendQueueOptions) {
    this.#options = options;
  }

  /** Resolves when all replicas have it. Order is kept within a partition. */
  send(topic: string, partition: number, encode: () => OutgoingMessage): Promise<void> {
    if (!this.#accepting) return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ topic, partition, encode, encoded: null, bytes: 0, resolve, reject });
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
    let next: Waiting[] = [];
    while (next.length > 0 || this.#waiting.length > 0) {
      if (next.length === 0) next = await this.#collect();
      if (next.length === 0) continue;
      const [following] = await Promise.all([this.#collect(), this.#deliver(next)]);
      next = following;
    }
    // In the same turn as the look at what waits: a record that comes later starts a new run.
    this.#running = null;
  }

  /** Takes the oldest waiting record and those of the same partition that fit with it, encoded. */
  async #collect(): Promise<Waiting[]> {
    const taken: Waiting[] = [];
    let bytes = 0;
    for (let i = 0; i < this.#waiting.length && taken.length < sendRecordsMax;) {
      const record = this.#waiting[i]!;
      const first = taken[0] ?? record;
      if (record.topic !== first.topic || record.partition !== first.partition) {
        i += 1;
        continue;
      }
      if (!this.#encode(record)) {
        this.#waiting.splice(i, 1);
        continue;
      }
      if (taken.length > 0 && bytes + record.bytes > sendBytesMax) break;
      bytes += record.bytes;
      taken.push(record);
      this.#waiting.splice(i, 1);
      // Compression is synchronous: sockets and timers get their turn between two segments.
      await nextTurn();
      if (this.#stopping.signal.aborted) break;
    }
    return taken;
  }

  /** False when it cannot be encoded; its caller has been told then. */
  #encode(record: Waiting): boolean {
    if (record.encode === null) return true;
    try {
      record.encoded = record.encode();
      record.encode = null;
      record.bytes = encodedBytes(record.encoded);
      return true;
    } catch (error) {
      record.reject(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
  }

  async #deliver(batch: readonly Waiting[]): Promise<void> {
    const { connectivity } = this.#options;
    try {
      await connectivity.attempt(async (attempt) => await this.#send(batch, attempt), this.#stopping.signal);
      for (const record of batch) acknowledge(record);
    } catch (error) {
      const problem = error as CabooseError;
      if (problem.code === 'KAFKA_MESSAGE_TOO_LARGE' && batch.length > 1) {
        for (const record of batch) await this.#deliver([record]);
        return;
      }
      for (const record of batch)
        record.reject(isAboutRequest(problem) || !problem.retriable ? problem : stopped(problem));
      if (this.#stopping.signal.aborted)
        for (const record of this.#waiting.splice(0)) record.reject(stopped());
    }
  }

  async #send(batch: readonly Waiting[], attempt: number): Promise<void> {
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

function acknowledge({ encoded, resolve }: Waiting): void {
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

/** As Kafka's record batch counts it, rounded up. */
function encodedBytes(message: OutgoingMessage): number {
  let bytes = 100 + (message.key?.length ?? 0) + (message.value?.length ?? 0);
  for (const [name, text] of Object.entries(message.headers ?? {}))
    bytes += 10 + name.length + Buffer.byteLength(text);
  return bytes;
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
