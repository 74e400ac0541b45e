import type { Admin, ConfigResourceTypes, ITopicMetadata } from 'kafkajs';
import { errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';

/** `ConfigResourceTypes.TOPIC`, which kafkajs does not export by name to modules. */
const topicResource: ConfigResourceTypes = 2;

/** How many copies a topic has: the fewest over its partitions. */
export interface TopicCopies {
  topic: string;
  replicas: number;
  inSync: number;
  /** `min.insync.replicas`; null when this user may not know. */
  inSyncMin: number | null;
}

/**
 * Tells once, at the start, whether an acknowledged record could be lost with one broker: agents let go of their bytes when Kafka has
 * acknowledged them. Whoever sets `transport.kafka.replicationFactor: 1` has decided it, and is told as info. Never fails a start.
 */
export async function tellRedundancy(
  admin: Pick<Admin, 'describeConfigs'>,
  topics: readonly ITopicMetadata[],
  options: { replicationFactor: number | null; logger: Logger },
): Promise<void> {
  const { replicationFactor, logger } = options;
  const copies = await copiesOf(admin, topics, logger);
  const problems = copies.flatMap(problemOf);
  if (problems.length === 0) return;
  const isDecided = replicationFactor === 1 && copies.every(({ replicas }) => replicas === 1);
  const fields = {
    topics: problems.map(({ topic, problem }) => `${topic}: ${problem}`),
    hint: isDecided
      ? 'transport.kafka.replicationFactor is 1: with that broker, what it has acknowledged is lost'
      : 'use three brokers, replication factor 3 and min.insync.replicas=2 for these topics; with one broker on purpose, set transport.kafka.replicationFactor: 1',
  };
  const sentence = 'the topics do not keep enough copies of acknowledged records';
  if (isDecided) logger.info(fields, sentence);
  else logger.warn(fields, sentence);
}

/** What is wrong with a topic; nothing, or one thing: the worst. */
export function problemOf({
  topic,
  replicas,
  inSync,
  inSyncMin,
}: TopicCopies): { topic: string; problem: string }[] {
  if (inSyncMin !== null && inSyncMin > inSync) {
    const problem = `min.insync.replicas is ${inSyncMin}, ${inSync} of ${replicas} replicas in sync: writes are refused`;
    return [{ topic, problem }];
  }
  if (replicas === 1) return [{ topic, problem: 'one replica' }];
  if (inSyncMin === 1)
    return [{ topic, problem: `min.insync.replicas is 1: an ack may stand for one of ${replicas} replicas` }];
  return [];
}

async function copiesOf(
  admin: Pick<Admin, 'describeConfigs'>,
  topics: readonly ITopicMetadata[],
  logger: Logger,
): Promise<TopicCopies[]> {
  const inSyncMins = await readInSyncMins(
    admin,
    topics.map(({ name }) => name),
    logger,
  );
  return topics.map(({ name, partitions }) => ({
    topic: name,
    replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
    inSync: Math.min(...partitions.map(({ isr }) => isr.length)),
    inSyncMin: inSyncMins.get(name) ?? null,
  }));
}

async function readInSyncMins(
  admin: Pick<Admin, 'describeConfigs'>,
  topics: readonly string[],
  logger: Logger,
): Promise<Map<string, number>> {
  const setting = 'min.insync.replicas';
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: topics.map((name) => ({ type: topicResource, name, configNames: [setting] })),
    });
    return new Map(
      resources.flatMap(({ resourceName, configEntries }) => {
        const value = configEntries.find(({ configName }) => configName === setting)?.configValue;
        return value === undefined ? [] : [[resourceName, Number(value)]];
      }),
    );
  } catch (error) {
    // The right to describe settings is one of its own, and nothing else needs it.
    logger.debug({ error: errorText(error) }, 'the settings of the topics cannot be read');
    return new Map();
  }
}
