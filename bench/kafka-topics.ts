import { Kafka, logLevel } from 'kafkajs';

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
