import type { Admin, ITopicMetadata } from 'kafkajs';
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import { tellRedundancy } from '../../../src/transport/kafka/redundancy.ts';

let told: { level: string; topics: string[]; hint: string }[];
beforeEach(() => {
  told = [];
});

const tell = (level: string) => (fields: object) =>
  void told.push({ level, ...(fields as { topics: string[]; hint: string }) });
const logger = { ...silentLogger, info: tell('info'), warn: tell('warn') };

function topic(name: string, replicas: number, inSync = replicas): ITopicMetadata {
  const ids = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
  const partition = { partitionErrorCode: 0, partitionId: 0, leader: 1 };
  return {
    name,
    partitions: [
      { ...partition, replicas: ids(replicas), isr: ids(replicas) },
      { ...partition, partitionId: 1, replicas: ids(replicas), isr: ids(inSync) },
    ],
  };
}

function admin(inSyncMin: number | Error): Pick<Admin, 'describeConfigs'> {
  return {
    describeConfigs: async ({ resources }) => {
      if (inSyncMin instanceof Error) throw inSyncMin;
      const configEntries = [{ configName: 'min.insync.replicas', configValue: String(inSyncMin) }];
      return await Promise.resolve({
        throttleTime: 0,
        resources: resources.map(({ name }) => ({ resourceName: name, configEntries })),
      } as unknown as Awaited<ReturnType<Admin['describeConfigs']>>);
    },
  };
}

describe('tellRedundancy', () => {
  it('is silent about three replicas of which two must have a record', async () => {
    await tellRedundancy(admin(2), [topic('a', 3)], { replicationFactor: null, logger });
    expect(told).toEqual([]);
  });

  it('warns of one replica, in one line for all topics, with what to do', async () => {
    await tellRedundancy(admin(1), [topic('a', 1), topic('b', 1)], { replicationFactor: null, logger });
    expect(told).toMatchObject([{ level: 'warn', topics: ['a: one replica', 'b: one replica'] }]);
    expect(told[0]?.hint).toContain('replication factor 3');
  });

  it('only notes it when the config has decided it', async () => {
    await tellRedundancy(admin(1), [topic('a', 1)], { replicationFactor: 1, logger });
    expect(told).toMatchObject([{ level: 'info', topics: ['a: one replica'] }]);
  });

  it('warns when an ack of all may stand for one copy', async () => {
    await tellRedundancy(admin(1), [topic('a', 3)], { replicationFactor: 3, logger });
    expect(told).toMatchObject([
      { level: 'warn', topics: ['a: min.insync.replicas is 1: an ack may stand for one of 3 replicas'] },
    ]);
  });

  it('warns when fewer replicas are in sync than must be, of any partition', async () => {
    await tellRedundancy(admin(2), [topic('a', 3, 1)], { replicationFactor: 3, logger });
    expect(told[0]?.topics).toEqual([
      'a: min.insync.replicas is 2, 1 of 3 replicas in sync: writes are refused',
    ]);
  });

  it('goes on, by the replicas alone, when the settings may not be read', async () => {
    const refusal = new Error('not allowed');
    await tellRedundancy(admin(refusal), [topic('a', 1), topic('b', 3)], { replicationFactor: null, logger });
    expect(told).toMatchObject([{ level: 'warn', topics: ['a: one replica'] }]);
  });
});
