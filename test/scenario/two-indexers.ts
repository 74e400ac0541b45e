import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import type { EventIndex } from '../../src/core/event-index.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createElasticsearchIndex } from '../../src/sinks/elasticsearch/index.ts';
import { until } from '../fakes/clock.ts';
import { startZooKeeper } from '../servers/zookeeper.ts';
import { CabooseProcess } from './caboose-process.ts';

export interface TwoIndexersOptions {
  /** Of topics, indices, the consumer group and the lease's path. */
  id: string;
  kafka: string;
  elasticsearch: string;
  sessionTimeoutMs: number;
  partitions: number;
  /** More of the config, as YAML. */
  more: string;
}

type ZooKeeper = Awaited<ReturnType<typeof startZooKeeper>>;

/** Two indexers as processes that want the same lease, of a ZooKeeper of their own, and what goes with them. */
export class TwoIndexers {
  readonly dir: string;
  /** What an agent's config and the indexers' have in common. */
  readonly common: string;
  readonly index: EventIndex;
  readonly processes: readonly CabooseProcess[];
  readonly #zookeeper: ZooKeeper;

  private constructor(dir: string, zookeeper: ZooKeeper, options: TwoIndexersOptions) {
    const { id, kafka, elasticsearch, sessionTimeoutMs, partitions, more } = options;
    this.dir = dir;
    this.#zookeeper = zookeeper;
    this.common = `
transport: { kafka: { brokers: ["${kafka}"], topicPrefix: ${id}, partitions: ${partitions}, groupId: ${id}, sessionTimeoutMs: 6000 } }
index: { elasticsearch: { node: "${elasticsearch}", indexPrefix: ${id} } }
lease: { zookeeper: { servers: ["${zookeeper.address}"], path: /${id}, sessionTimeoutMs: ${sessionTimeoutMs} } }
http: { listen: "127.0.0.1:0" }
${more}
`;
    this.index = createElasticsearchIndex({
      node: elasticsearch,
      indexPrefix: id,
      clock: systemClock,
      logger: silentLogger,
    });
    this.processes = ['1', '2'].map(
      (name) => new CabooseProcess(`indexer-${name}`, 'indexer', this.common, dir),
    );
  }

  /** Makes everything, with an empty directory `logs`, and starts ZooKeeper only. */
  static async create(options: TwoIndexersOptions): Promise<TwoIndexers> {
    const dir = await mkdtemp(join(tmpdir(), 'caboose-two-'));
    await mkdir(join(dir, 'logs'));
    return new TwoIndexers(dir, await startZooKeeper({ tickTimeMs: 500 }), options);
  }

  start(): void {
    for (const each of this.processes) each.start();
  }

  /** Those whose metric is 1 now. */
  async with(metric: string): Promise<CabooseProcess[]> {
    const values = await Promise.all(this.processes.map(async (each) => await each.metric(metric)));
    return this.processes.filter((_, i) => values[i] === 1);
  }

  /** Waits until the metric is 1 of exactly one of them. */
  async theOneWith(metric: string): Promise<CabooseProcess> {
    let found: CabooseProcess[] = [];
    await until(
      async () => (found = await this.with(metric)).length === 1,
      `${metric} is 1 of one`,
      60_000,
      100,
    );
    return found[0] as CabooseProcess;
  }

  async close(): Promise<void> {
    for (const each of this.processes) each.signal('SIGCONT');
    await Promise.all(this.processes.map(async (each) => await each.stop()));
    await this.#zookeeper.stop();
    await this.index.close();
    await rm(this.dir, { recursive: true, force: true });
  }
}
