import { Kafka, logLevel } from 'kafkajs';
import { patchRequestQueue } from '../src/transport/kafka/request-queue-patch.ts';

// Else Node warns of kafkajs's negative timers, in the middle of the figures.
patchRequestQueue();

/** Topics of their own for a measurement, deleted after it: a gigabyte a run would stay on the broker's disk. */
export async function withTopicPrefix<T>(
  broker: string,
  work: (topicPrefix: string) => Promise<T>,
): Promise<T> {
  const topicPrefix = `bench-${process.pid}-${Date.now().toString(36)}`;
  try {
    return await work(topicPrefix);
  } finally {
    const admin = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${topicPrefix}.`));
    if (topics.length > 0) await admin.deleteTopics({ topics });
    await admin.disconnect();
  }
}
