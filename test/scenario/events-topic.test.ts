import { appendFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWith } from '../servers/servers.ts';
import { CabooseProcess, runCaboose } from './caboose-process.ts';

const lines = 500;

await describeWith(['kafka'], 'the topic of events', ({ kafka: broker }) => {
  const id = `events${Date.now()}`;
  let dir: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'caboose-events-'));
    await mkdir(join(dir, 'logs'));
  });
  afterAll(async () => await rm(dir, { recursive: true, force: true }));

  /** All records of the topic, as `[key, value]`. */
  async function records(): Promise<[string, Record<string, unknown>][]> {
    const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    const ends = await admin.fetchTopicOffsets(`${id}.events`);
    await admin.disconnect();
    const expected = ends.reduce((sum, { offset }) => sum + Number(offset), 0);
    const consumer = kafka.consumer({ groupId: `${id}-reader` });
    const found: [string, Record<string, unknown>][] = [];
    await consumer.connect();
    await consumer.subscribe({ topic: `${id}.events`, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const eachMessage = async ({ message }: { message: { key: Buffer | null; value: Buffer | null } }) => {
        const value = JSON.parse(message.value?.toString() ?? '') as Record<string, unknown>;
        found.push([message.key?.toString() ?? '', value]);
        if (found.length === expected) resolve();
        await Promise.resolve();
      };
      consumer.run({ eachMessage }).catch(reject);
    });
    await consumer.disconnect();
    return found;
  }

  it(
    'has every closed event of the index as a line of JSON, those of a stream in order',
    { timeout: 120_000 },
    async () => {
      for (const name of ['a.log', 'b.log']) {
        const text = Array.from({ length: lines }, (_, i) => `${name} line ${i}\n`).join('');
        await appendFile(join(dir, 'logs', name), text);
      }
      const config = `
source: { id: ${id}, include: ["${dir}/logs/*.log"], run: ${id} }
transport: { kafka: { brokers: ["${broker}"], topicPrefix: ${id}, partitions: 2, groupId: ${id}, eventsTopic: true } }
index: { local: { dir: "${dir}/index" } }
state: { dir: "${dir}/state" }
`;
      const { configFile } = new CabooseProcess('caboose', 'agent', config, dir);
      for (const command of ['agent', 'indexer']) {
        const { code, stderr } = await runCaboose([command, '--once', '--config', configFile]);
        if (code !== 0) throw new Error(stderr);
      }
      const byStream = Map.groupBy(await records(), ([key]) => key);
      expect([...byStream.values()].map((each) => each.length)).toEqual([lines - 1, lines - 1]);
      for (const [stream, each] of byStream) {
        const name = String(each[0]?.[1]['path']).endsWith('a.log') ? 'a.log' : 'b.log';
        expect(each.map(([, { stream: own, message }]) => [own, message])).toEqual(
          Array.from({ length: lines - 1 }, (_, i) => [stream, `${name} line ${i}`]),
        );
      }
    },
  );
});
