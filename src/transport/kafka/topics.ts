import { crc32 } from 'node:zlib';
import type { ITopicConfig, Kafka } from 'kafkajs';
import { CabooseError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Lane } from '../../core/segment.ts';
import type { Connectivity } from './connectivity.ts';
import { errorType } from './problems.ts';
import { tellRedundancy } from './redundancy.ts';

export interface TopicOptions {
  topicPrefix: string;
  partitions: number;
  /** null: the broker's default. */
  replicationFactor: number | null;
  createTopics: boolean;
  /** Facts, incidents, dead letters and events are elsewhere. */
  segmentsOnly: boolean;
  /** Whether there is one of events. */
  eventsTopic: boolean;
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Records carry the broker's time. With the sender's, which is Kafka's default, a broker refuses what comes from a clock more than an hour
 * ahead, and drops what comes from one that is more than the retention behind, before anybody has read it.
 */
const brokersTime = { 'message.timestamp.type': 'LogAppendTime' } as const;

/** What a send of 900 KiB and its overhead need; Kafka's own default. */
const maxMessageBytes = '1048588';

export function segmentTopic(prefix: string, lane: Lane): string {
  return `${prefix}.segments.${lane}`;
}

export function otherTopics(
  prefix: string,
): Record<'facts' | 'events' | 'incidents' | 'deadLetters', string> {
  return {
    facts: `${prefix}.facts`,
    events: `${prefix}.events`,
    incidents: `${prefix}.incidents`,
    deadLetters: `${prefix}.dead-letters`,
  };
}

/** The topics with the settings that they are created with, once; an operator may change them later. */
export function topicSpecs(options: TopicOptions): ITopicConfig[] {
  const { topicPrefix, partitions, replicationFactor } = options;
  const { facts, events, incidents, deadLetters } = otherTopics(topicPrefix);
  const kept = (days: number): Record<string, string> => ({
    'cleanup.policy': 'delete',
    'retention.ms': String(days * dayMs),
  });
  const ofSegments: [string, Record<string, string>][] = [
    [segmentTopic(topicPrefix, 'fast'), kept(7)],
    [segmentTopic(topicPrefix, 'bulk'), kept(7)],
  ];
  const ofOthers: [string, Record<string, string>][] = [
    [facts, kept(30)],
    [incidents, { 'cleanup.policy': 'compact' }],
    [deadLetters, kept(30)],
    ...(options.eventsTopic ? [[events, kept(7)] as [string, Record<string, string>]] : []),
  ];
  return [...ofSegments, ...(options.segmentsOnly ? [] : ofOthers)].map(([topic, config]) => ({
    topic,
    numPartitions: partitions,
    replicationFactor: replicationFactor ?? -1,
    configEntries: Object.entries({ ...config, ...brokersTime, 'max.message.bytes': maxMessageBytes }).map(
      ([name, value]) => ({
        name,
        value,
      }),
    ),
  }));
}

/** Sees to it that the topics are there, once, and knows how many partitions each has. */
export class Topics {
  readonly #options: TopicOptions;
  readonly #client: Kafka;
  readonly #connectivity: Connectivity;
  readonly #logger: Logger;
  #counts: Promise<Map<string, number>> | null = null;
  /** Told once, to those who write or consume segments; one who only looks at them need not know. */
  #redundancy: 'nobody asks' | 'to be told' | 'told' = 'nobody asks';

  constructor(options: TopicOptions, client: Kafka, connectivity: Connectivity, logger: Logger) {
    this.#options = options;
    this.#client = client;
    this.#connectivity = connectivity;
    this.#logger = logger;
  }

  /** Partition counts by topic. Waits out an outage; throws KAFKA_TOPICS_MISSING. */
  async counts(signal?: AbortSignal): Promise<ReadonlyMap<string, number>> {
    for (;;) {
      const counts = (this.#counts ??= this.#connectivity.attempt(async () => await this.#ensure(), signal));
      try {
        return await unlessAborted(counts, signal, () => this.#connectivity.outage);
      } catch (error) {
        if (this.#counts === counts) this.#counts = null;
        // Another caller's signal may have ended the attempt that this one shared.
        if (signal?.aborted || !(error instanceof CabooseError) || !error.retriable) throw error;
      }
    }
  }

  /** The next look at the topics says, once, whether they could lose records. */
  askRedundancy(): void {
    if (this.#redundancy === 'nobody asks') this.#redundancy = 'to be told';
  }

  /** Looks again at the next call: a topic was deleted, or has grown. */
  forget(): void {
    this.#counts = null;
  }

  /** Of a record with this key; asked for once for many. */
  async partitioner(topic: string, signal?: AbortSignal): Promise<(key: string) => number> {
    const counts = await this.counts(signal);
    return (key) => crc32(key) % (counts.get(topic) ?? 1);
  }

  async #ensure(): Promise<Map<string, number>> {
    const specs = topicSpecs(this.#options);
    const admin = this.#client.admin();
    await admin.connect();
    try {
      const existing = await admin.listTopics();
      const missing = specs.filter((spec) => !existing.includes(spec.topic));
      if (missing.length > 0) {
        if (!this.#options.createTopics) throw topicsMissing(missing);
        await this.#create(admin, missing);
      }
      const { topics } = await admin.fetchTopicMetadata({ topics: specs.map((spec) => spec.topic) });
      if (this.#redundancy === 'to be told') {
        await tellRedundancy(admin, topics, { ...this.#options, logger: this.#logger });
        this.#redundancy = 'told';
      }
      return new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
    } finally {
      await admin.disconnect();
    }
  }

  async #create(admin: ReturnType<Kafka['admin']>, missing: ITopicConfig[]): Promise<void> {
    try {
      const created = await admin.createTopics({ topics: missing, waitForLeaders: true, timeout: 15_000 });
      if (created) this.#logger.info({ topics: missing.map((spec) => spec.topic) }, 'created topics');
    } catch (error) {
      if (errorType(error)?.endsWith('AUTHORIZATION_FAILED')) throw topicsMissing(missing, error);
      // Another process creates them at the same time: then some of ours exist already, and the next attempt finds them.
      throw error;
    }
  }
}

/** The answer to a question that several have asked: each waits no longer than its own signal says. */
async function unlessAborted<T>(
  answer: Promise<T>,
  signal: AbortSignal | undefined,
  problem: () => CabooseError | null,
): Promise<T> {
  if (!signal) return await answer;
  const over = new AbortController();
  const aborted = new Promise<never>((_resolve, reject) => {
    const stop = (): void => reject(problem() ?? stopped(signal.reason));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true, signal: over.signal });
  });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    over.abort();
  }
}

function stopped(cause: unknown): CabooseError {
  return new CabooseError('TRANSPORT_STOPPED', 'stopped before Kafka could be reached', {
    cause,
    retriable: true,
    hint: 'nothing is lost: what was not acknowledged is sent again',
  });
}

function topicsMissing(missing: readonly ITopicConfig[], cause?: unknown): CabooseError {
  const commands = missing.map((spec) => {
    const replication =
      spec.replicationFactor === -1 ? '' : ` --replication-factor ${spec.replicationFactor}`;
    const settings = (spec.configEntries ?? [])
      .map(({ name, value }) => ` --config ${name}=${value}`)
      .join('');
    return `kafka-topics.sh --create --topic ${spec.topic} --partitions ${spec.numPartitions}${replication}${settings}`;
  });
  const why = cause === undefined ? 'transport.kafka.createTopics is false' : 'this user may not create them';
  return new CabooseError(
    'KAFKA_TOPICS_MISSING',
    `topics are missing and ${why}: ${missing.map((spec) => spec.topic).join(', ')}`,
    { cause, hint: `create them:\n${commands.join('\n')}` },
  );
}
