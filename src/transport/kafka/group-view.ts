/** The consumer group seen from outside, by questions to the brokers: who is in it, who has what, and how far behind each partition is. */
import type { Kafka } from 'kafkajs';
import { lanes } from '../../core/segment.ts';
import type { GroupView } from '../../core/transport.ts';
import { decodeAssignment, decodeMembers, protocolName } from './group-protocol.ts';
import { segmentTopic } from './topics.ts';

type Admin = ReturnType<Kafka['admin']>;

export interface TopicLag {
  topic: string;
  partition: number;
  /** Offset of the next record that will be published. */
  end: number;
  /** Records published but not committed. */
  records: number;
}

/** Of a connected admin. */
export async function topicLags(
  admin: Admin,
  groupId: string,
  topics: readonly string[],
): Promise<TopicLag[]> {
  const committed = await admin.fetchOffsets({ groupId, topics: [...topics] });
  const lags: TopicLag[] = [];
  for (const topic of topics) {
    const offsets = committed.find((found) => found.topic === topic)?.partitions ?? [];
    for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
      const offset = Number(offsets.find((found) => found.partition === partition)?.offset ?? -1);
      const end = Number(high);
      lags.push({ topic, partition, end, records: Math.max(0, end - Math.max(offset, Number(low))) });
    }
  }
  return lags;
}

/** Null while the group is not settled, or has members that know nothing of plans. */
export async function readGroup(admin: Admin, groupId: string, prefix: string): Promise<GroupView | null> {
  const { groups } = await admin.describeGroups([groupId]);
  const [group] = groups;
  if (group?.state !== 'Stable' || group.protocol !== protocolName) return null;
  const slots = new Map(
    group.members.map(({ memberId, memberAssignment }) => [
      memberId,
      decodeAssignment(prefix, memberAssignment),
    ]),
  );
  const members = decodeMembers(group.members).map(({ id, weight, memberId }) => ({
    id,
    weight,
    slots: slots.get(memberId) ?? [],
  }));
  const partitions = await Promise.all(
    lanes.map(async (lane) => {
      const lags = await topicLags(admin, groupId, [segmentTopic(prefix, lane)]);
      return lags.map(({ partition, end, records }) => ({ lane, partition, end, records }));
    }),
  );
  return { members, partitions: partitions.flat() };
}
