import type { Kafka } from 'kafkajs';
import { lanes } from '../../core/segment.ts';
import type { PartitionReport } from '../../core/transport.ts';
import { segmentTopic } from './topics.ts';

/** What the topics of segments hold and how far the group has come, asked as an administrator would. */
export async function partitionReports(
  newAdmin: () => ReturnType<Kafka['admin']>,
  { topicPrefix, groupId }: { topicPrefix: string; groupId: string },
): Promise<PartitionReport[]> {
  const admin = newAdmin();
  await admin.connect();
  try {
    const topics = lanes.map((lane) => segmentTopic(topicPrefix, lane));
    const offsets = await admin.fetchOffsets({ groupId, topics });
    const reports: PartitionReport[] = [];
    for (const lane of lanes) {
      const topic = segmentTopic(topicPrefix, lane);
      const committed = new Map(
        offsets
          .filter((found) => found.topic === topic)
          .flatMap(({ partitions }) => partitions)
          .map(({ partition, offset }) => [partition, Number(offset)]),
      );
      for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
        const offset = committed.get(partition) ?? -1;
        reports.push({
          lane,
          partition,
          first: Number(low),
          end: Number(high),
          committed: offset < 0 ? null : offset,
        });
      }
    }
    return reports;
  } finally {
    await admin.disconnect();
  }
}
