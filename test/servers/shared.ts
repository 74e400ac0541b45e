/**
 * The set of servers that a whole test run shares: each is started when first asked for, unless the environment names
 * one. Tests keep apart by the names of their topics, indices and nodes.
 */
import { elasticsearchParts, startElasticsearch } from './elasticsearch.ts';
import { kafkaParts, startKafka } from './kafka.ts';
import { ServerUnavailable } from './prepare.ts';
import type { ServerProcess } from './server-process.ts';
import { startZooKeeper, zooKeeperParts } from './zookeeper.ts';

export const serverNames = ['kafka', 'zookeeper', 'elasticsearch'] as const;
export type ServerName = (typeof serverNames)[number];

/** Set, they name a running server, and none is started. Kafka and ZooKeeper: `host:port`, Elasticsearch: a URL. */
export const addressVariables = {
  kafka: 'CABOOSE_TEST_KAFKA',
  zookeeper: 'CABOOSE_TEST_ZOOKEEPER',
  elasticsearch: 'CABOOSE_TEST_ELASTICSEARCH',
} as const satisfies Record<ServerName, string>;

/** Where a server is, or why there is none. */
export type Availability = { available: true; address: string } | { available: false; reason: string };

const launchers = {
  kafka: { parts: kafkaParts, start: () => startKafka() },
  zookeeper: { parts: zooKeeperParts, start: () => startZooKeeper() },
  elasticsearch: { parts: elasticsearchParts, start: () => startElasticsearch() },
} as const satisfies Record<
  ServerName,
  { parts: () => Promise<unknown>; start: () => Promise<ServerProcess> }
>;

export class SharedServers {
  readonly #asked = new Map<ServerName, Promise<Availability>>();
  readonly #started: ServerProcess[] = [];

  /** The address of the shared server, which is started if need be. */
  get(name: ServerName): Promise<Availability> {
    let answer = this.#asked.get(name);
    if (!answer) {
      answer = this.#find(name);
      this.#asked.set(name, answer);
    }
    return answer;
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#asked.values());
    await Promise.all(this.#started.map((server) => server.stop()));
  }

  async #find(name: ServerName): Promise<Availability> {
    const address = process.env[addressVariables[name]];
    if (address) return { available: true, address };
    return unlessUnavailable(async () => {
      const server = await launchers[name].start();
      this.#started.push(server);
      return server.address;
    });
  }
}

/** Whether servers of that kind can be started here; what they are made of is fetched if need be. */
export function canStart(name: ServerName): Promise<Availability> {
  return unlessUnavailable(async () => {
    await launchers[name].parts();
    return '';
  });
}

async function unlessUnavailable(work: () => Promise<string>): Promise<Availability> {
  try {
    return { available: true, address: await work() };
  } catch (error) {
    if (error instanceof ServerUnavailable) return { available: false, reason: error.message };
    throw error;
  }
}
