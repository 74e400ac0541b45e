/**
 * The transport over Kafka, through kafkajs under a strict discipline (each rule guards against a fault that was seen): one send in
 * flight (send-queue.ts), manual commits that never cross a rebalance (pull-consumer.ts), an idle connection that sleeps
 * (request-queue-patch.ts). Nothing connects before its first use. A broker that is down is waited for and told once
 * (connectivity.ts); what waiting cannot mend is thrown with what to do.
 */
import type { ConnectionOptions } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { lanes } from '../../core/segment.ts';
import type { CarriedSegment, Lane } from '../../core/segment.ts';
import type { ScanOptions, Transport } from '../../core/transport.ts';
import type { CompressionLevel } from '../../segment/compression.ts';
import { encodeSegment } from '../../segment/wire-format.ts';
import { receive } from '../received-segment.ts';
import {
  deadLetterFromJson,
  deadLetterToJson,
  eventToJson,
  factFromJson,
  factToJson,
  incidentToJson,
} from '../record-json.ts';
import { createClient } from './client.ts';
import { Connectivity } from './connectivity.ts';
import { partitionReports } from './partition-reports.ts';
import { receivedRecord } from './received-record.ts';
import { readRecords } from './record-reader.ts';
import type { RecordReaderOptions } from './record-reader.ts';
import { SendQueue } from './send-queue.ts';
import { KafkaSubscriber } from './subscriber.ts';
import { Topics, otherTopics, segmentTopic } from './topics.ts';

export interface KafkaTransportOptions {
  /** host:port */
  brokers: readonly string[];
  clientId?: string;
  /** Replaces the word `caboose` in the topics' names. */
  topicPrefix?: string;
  /** The consumer group of `subscriber()`. */
  groupId?: string;
  tls?: ConnectionOptions | undefined;
  sasl?:
    | { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string }
    | undefined;
  /** Of topics that are made. Default 12. */
  partitions?: number;
  /** Of topics that are made; null or absent: the broker's default. */
  replicationFactor?: number | null;
  createTopics?: boolean;
  /** Of a prefix that carries segments and nothing else, no other topics are made. */
  segmentsOnly?: boolean;
  /** Has a topic of events as JSON, too. Default false. */
  eventsTopic?: boolean;
  /** A killed member's partitions move within this + 3 s. Default 8 s. */
  sessionTimeoutMs?: number;
  /** How hard segments are compressed, asked for each. */
  compressionLevel?: () => CompressionLevel;
  clock: Clock;
  logger: Logger;
}

export function createKafkaTransport(options: KafkaTransportOptions): Transport {
  const {
    brokers,
    clock,
    logger,
    clientId = 'caboose',
    topicPrefix = 'caboose',
    groupId = 'caboose-indexer',
    compressionLevel = () => 'normal',
  } = options;
  const connectivity = new Connectivity({ brokers, clock, logger });
  const { tls, sasl } = options;
  const newClient = (): ReturnType<typeof createClient> =>
    createClient({ brokers, clientId, tls, sasl, logger }, connectivity.foreign);
  const client = newClient();
  const topicOptions = {
    topicPrefix,
    partitions: options.partitions ?? 12,
    replicationFactor: options.replicationFactor ?? null,
    createTopics: options.createTopics ?? true,
    segmentsOnly: options.segmentsOnly ?? false,
    eventsTopic: options.eventsTopic ?? false,
  };
  const topics = new Topics(topicOptions, client, connectivity, logger);
  const queue = new SendQueue({ createClient: newClient, topics, connectivity, logger });
  const names = otherTopics(topicPrefix);
  const reading: RecordReaderOptions = {
    createClient: newClient,
    admin: () => client.admin(),
    topicPrefix,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 8000,
    ready: async (signal) => await topics.counts(signal),
    connectivity,
    clock,
    logger,
  };
  const sendJson = async (
    topic: string,
    records: readonly { key: string; text: string }[],
    lane: Lane = 'fast',
  ): Promise<void> => {
    const partitionOf = await topics.partitioner(topic, queue.stopped);
    await Promise.all(
      records.map(async ({ key, text }) => {
        await queue.send(lane, topic, partitionOf(key), () => ({ key, value: Buffer.from(text) }));
      }),
    );
  };

  return {
    publisher: {
      partitionFor: async (lane, source, signal) => {
        topics.askRedundancy();
        const until = signal ? AbortSignal.any([signal, queue.stopped]) : queue.stopped;
        const partitionOf = await topics.partitioner(segmentTopic(topicPrefix, lane), until);
        return partitionOf(source);
      },
      publish: async (lane, partition, segment) => {
        topics.askRedundancy();
        const encode = () => encodeSegment(segment, { level: compressionLevel() });
        await queue.send(lane, segmentTopic(topicPrefix, lane), partition, encode);
      },
      stop: async (signal) => await queue.stop(signal),
    },
    subscriber: (sharing) => {
      topics.askRedundancy();
      return new KafkaSubscriber({ ...reading, groupId, sharing });
    },
    scanner: { scan: (scan) => scanSegments(reading, scan) },
    async partitions(signal) {
      await topics.counts(signal);
      const ask = async () => await partitionReports(() => client.admin(), { topicPrefix, groupId });
      return await connectivity.attempt(ask, signal);
    },
    facts: {
      append: async (facts) =>
        await sendJson(
          names.facts,
          facts.map((fact) => ({ key: fact.run, text: factToJson(fact) })),
        ),
      async *read(read) {
        for await (const { messages } of readRecords(reading, [names.facts], read)) {
          const facts = messages.map((message) => factFromJson(message.value?.toString() ?? ''));
          yield facts.filter((fact) => fact !== null);
        }
      },
    },
    ...(topicOptions.eventsTopic && {
      events: {
        append: async (events) =>
          await sendJson(
            names.events,
            events.map((event) => ({ key: event.stream, text: eventToJson(event) })),
            'bulk',
          ),
      },
    }),
    incidents: {
      append: async (incidents) =>
        await sendJson(
          names.incidents,
          incidents.map((incident) => ({ key: incident.id, text: incidentToJson(incident) })),
        ),
    },
    deadLetters: {
      append: async (letters) =>
        await sendJson(
          names.deadLetters,
          letters.map((letter) => ({ key: letter.stream ?? '', text: deadLetterToJson(letter) })),
        ),
      mark: async (marks) =>
        await sendJson(
          names.deadLetters,
          marks.map((mark) => ({ key: mark.stream ?? '', text: deadLetterToJson(mark) })),
        ),
      async *read(signal) {
        for await (const { messages } of readRecords(
          reading,
          [names.deadLetters],
          signal ? { signal } : {},
        )) {
          const letters = messages.map((message) => deadLetterFromJson(message.value?.toString() ?? ''));
          for (const letter of letters) if (letter !== null) yield letter;
        }
      },
    },
    state: () => connectivity.state(),
    close: async () => await queue.stop(AbortSignal.abort()),
  };
}

async function* scanSegments(
  reading: RecordReaderOptions,
  scan: ScanOptions = {},
): AsyncIterable<CarriedSegment> {
  const laneOf = new Map<string, Lane>(lanes.map((lane) => [segmentTopic(reading.topicPrefix, lane), lane]));
  for await (const { topic, partition, messages } of readRecords(reading, [...laneOf.keys()], scan)) {
    const lane = laneOf.get(topic) ?? 'bulk';
    for (const message of messages) {
      const place = { lane, partition, position: Number(message.offset) };
      const received = receive(place, receivedRecord(message), scan.match);
      if (received === 'no match') continue;
      if ('segment' in received) yield received.segment;
      else scan.onRejected?.(received.rejected);
    }
  }
}
