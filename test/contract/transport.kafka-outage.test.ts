import { randomBytes, randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { Logger } from '../../src/core/logger.ts';
import type { Transport } from '../../src/core/transport.ts';
import { segmentBytesMax } from '../../src/core/segment.ts';
import { createKafkaTransport } from '../../src/transport/kafka/transport.ts';
import type { KafkaTransportOptions } from '../../src/transport/kafka/transport.ts';
import { until } from '../fakes/clock.ts';
import { exampleSegment } from '../segment/arbitrary-segment.ts';
import { startKafka } from '../servers/kafka.ts';
import type { ServerProcess } from '../servers/server-process.ts';
import { describeStarting } from '../servers/servers.ts';
import { Consumer, series, source } from './transport.suite.ts';

await describeStarting(['kafka'], 'kafka transport, with a broker of its own', () => {
  let broker: ServerProcess;
  const opened: Transport[] = [];
  const told: string[] = [];
  const tell = (_fields: object, message: string): void => void told.push(message);
  const logger: Logger = { debug: () => undefined, info: tell, warn: tell, error: tell };

  beforeAll(async () => {
    broker = await startKafka();
  });

  afterAll(async () => {
    for (const transport of opened) await transport.close();
    await broker.stop();
  });

  const open = (over: Partial<KafkaTransportOptions> = {}): Transport => {
    const transport = createKafkaTransport({
      brokers: [broker.address],
      partitions: 3,
      sessionTimeoutMs: 6000,
      clock: systemClock,
      logger,
      ...over,
    });
    opened.push(transport);
    return transport;
  };

  test('what is published while the broker is down is acknowledged when it is back; one line each', async () => {
    const writer = open();
    const partition = await writer.publisher.partitionFor('bulk', source);
    const consumer = new Consumer(open());
    await writer.publisher.publish('bulk', partition, series('x', 1)[0]!);
    await until(() => consumer.segments.length === 1, 'the first segment', 30_000);
    told.length = 0;
    await broker.kill('SIGKILL');
    const published = Promise.all(
      series('y', 20).map(async (segment) => await writer.publisher.publish('bulk', partition, segment)),
    );
    await until(() => !writer.state().connected, 'the outage to be seen', 60_000);
    await until(
      () => told.filter((line) => line.includes('cannot be reached')).length === 2,
      'both transports to tell',
      60_000,
    );
    await broker.restart();
    await published;
    await until(
      () => new Set(consumer.segments.map((segment) => `${segment.path} ${segment.start}`)).size === 21,
      'all of them',
      60_000,
    );
    expect(writer.state().connected).toBe(true);
    // Two transports, each says both things once.
    await until(
      () => told.filter((line) => line === 'Kafka is back').length === 2,
      'both to be back',
      30_000,
    );
    expect(told.filter((line) => line === 'Kafka cannot be reached, waiting')).toHaveLength(2);
    await consumer.stop();
  });

  test('segments of the largest size that do not shrink are taken, each in a send of its own', async () => {
    const writer = open({ topicPrefix: `large-${randomUUID().slice(0, 8)}` });
    const partition = await writer.publisher.partitionFor('bulk', source);
    const sent = Array.from({ length: 5 }, (_, i) =>
      exampleSegment({
        start: i * segmentBytesMax,
        end: (i + 1) * segmentBytesMax,
        bytes: randomBytes(segmentBytesMax),
      }),
    );
    await Promise.all(
      sent.map(async (segment) => await writer.publisher.publish('bulk', partition, segment)),
    );
    const found = [];
    for await (const { segment } of writer.scanner.scan())
      found.push(segment.bytes.equals(sent[found.length]!.bytes));
    expect(found).toEqual([true, true, true, true, true]);
  });

  test('missing topics that may not be made: the error says which, with their settings', async () => {
    const writer = open({ topicPrefix: 'absent', createTopics: false });
    await expect(writer.publisher.partitionFor('fast', source)).rejects.toMatchObject({
      code: 'KAFKA_TOPICS_MISSING',
      message: expect.stringContaining('absent.segments.fast') as string,
      hint: expect.stringContaining(
        '--topic absent.incidents --partitions 3 --config cleanup.policy=compact',
      ) as string,
    });
  });

  test('one broker is one copy: told once by each transport, as a warning unless the config has decided it', async () => {
    const levels: string[] = [];
    const note = (level: string) => (_fields: object, message: string) =>
      void (message.startsWith('the topics do not keep enough copies') && levels.push(level));
    const noting = { ...logger, info: note('info'), warn: note('warn') };
    const topicPrefix = `copies-${randomUUID().slice(0, 8)}`;
    await open({ topicPrefix, logger: noting }).publisher.partitionFor('bulk', source);
    expect(levels).toEqual(['warn']);
    const decided = open({ topicPrefix, logger: noting, replicationFactor: 1 });
    await decided.publisher.partitionFor('bulk', source);
    await decided.publisher.publish('bulk', 0, series('x', 1)[0]!);
    expect(levels).toEqual(['warn', 'info']);
  });

  test('a scan leaves no group behind', async () => {
    const transport = open();
    for await (const _ of transport.scanner.scan());
    const admin = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const { groups } = await admin.listGroups();
    await admin.disconnect();
    expect(groups.map((group) => group.groupId).filter((id) => id.includes('-scan-'))).toEqual([]);
  });
});
