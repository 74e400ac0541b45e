import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createKafkaTransport } from '../../src/transport/kafka/transport.ts';
import { describeWith } from '../servers/servers.ts';
import { transportSuite } from './transport.suite.ts';
import type { TransportHarness } from './transport.suite.ts';

await describeWith(['kafka'], 'on a real broker', ({ kafka: address }) => {
  transportSuite('kafka transport', async () => await kafkaHarness(address));
});

async function kafkaHarness(address: string): Promise<TransportHarness> {
  const topicPrefix = `test-${randomUUID().slice(0, 8)}`;
  const kafka = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });
  return await Promise.resolve({
    open: () =>
      createKafkaTransport({
        brokers: [address],
        topicPrefix,
        groupId: `${topicPrefix}-indexer`,
        partitions: 3,
        sessionTimeoutMs: 6000,
        clock: systemClock,
        logger: silentLogger,
      }),
    publishGarbage: async (lane, partition) => {
      const producer = kafka.producer();
      await producer.connect();
      await producer.send({
        topic: `${topicPrefix}.segments.${lane}`,
        messages: [{ partition, key: 'k', value: 'not a segment', headers: { v: '1' } }],
      });
      await producer.disconnect();
    },
    dispose: async () => {
      const admin = kafka.admin();
      await admin.connect();
      const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(topicPrefix));
      if (topics.length > 0) await admin.deleteTopics({ topics });
      await admin.disconnect();
    },
  });
}
