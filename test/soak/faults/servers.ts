/**
 * The servers of a run, each behind a proxy of ours: brokers of one quorum, which advertise their proxies; ZooKeeper servers, to which
 * each stage makes proxies of its own; one Elasticsearch behind a proxy that speaks HTTP, and that behind one that does not.
 */
import { tcpProxy } from '../../fakes/tcp-proxy.ts';
import type { TcpProxy } from '../../fakes/tcp-proxy.ts';
import { startElasticsearch } from '../../servers/elasticsearch.ts';
import { startKafkaCluster } from '../../servers/kafka.ts';
import { freePort } from '../../servers/ports.ts';
import type { ServerProcess } from '../../servers/server-process.ts';
import { startZooKeeper, startZooKeeperEnsemble } from '../../servers/zookeeper.ts';
import { indexProxy } from './index-proxy.ts';
import type { IndexProxy } from './index-proxy.ts';

export interface FaultServersOptions {
  brokers: number;
  /** How many ZooKeeper servers to start, or the address of one that runs. */
  zookeepers: number | string;
  /** The URL of one that runs; else it is started. */
  elasticsearch?: string;
}

const heapMb = 384;

export class FaultServers {
  readonly brokers: readonly ServerProcess[];
  /** In the order of the brokers, whose node ids begin at 1. */
  readonly brokerLinks: readonly TcpProxy[];
  /** None where the address was given. */
  readonly zookeepers: readonly ServerProcess[];
  readonly zookeeperAddresses: readonly string[];
  /** Past the proxies, for the oracle. */
  readonly elasticsearch: string;
  readonly index: IndexProxy;
  readonly indexLink: TcpProxy;
  readonly #owned: readonly ServerProcess[];

  private constructor(parts: {
    brokers: readonly ServerProcess[];
    brokerLinks: readonly TcpProxy[];
    zookeepers: readonly ServerProcess[];
    zookeeperAddresses: readonly string[];
    elasticsearch: string;
    index: IndexProxy;
    indexLink: TcpProxy;
    owned: readonly ServerProcess[];
  }) {
    this.brokers = parts.brokers;
    this.brokerLinks = parts.brokerLinks;
    this.zookeepers = parts.zookeepers;
    this.zookeeperAddresses = parts.zookeeperAddresses;
    this.elasticsearch = parts.elasticsearch;
    this.index = parts.index;
    this.indexLink = parts.indexLink;
    this.#owned = parts.owned;
  }

  static async start({ brokers, zookeepers, elasticsearch }: FaultServersOptions): Promise<FaultServers> {
    const brokerLinks: TcpProxy[] = [];
    const owned: ServerProcess[] = [];
    const keep = <T extends ServerProcess[]>(servers: T): T => {
      owned.push(...servers);
      return servers;
    };
    const starting = [
      startKafkaCluster(brokers, {
        heapMb,
        advertised: async (address) => {
          const link = await tcpProxy(address, await freePort());
          brokerLinks.push(link);
          return link.address;
        },
      }).then(keep),
      startZooKeepers(zookeepers).then(keep),
      (elasticsearch === undefined ? startElasticsearch().then((one) => [one]) : Promise.resolve([])).then(
        keep,
      ),
    ] as const;
    try {
      const [kafka, keepers, indices] = await Promise.all(starting);
      const node = elasticsearch ?? indices[0]?.address ?? '';
      const index = await indexProxy(node);
      return new FaultServers({
        brokers: kafka,
        brokerLinks,
        zookeepers: keepers,
        zookeeperAddresses:
          typeof zookeepers === 'string' ? [zookeepers] : keepers.map(({ address }) => address),
        elasticsearch: node,
        index,
        indexLink: await tcpProxy(index.address, await freePort()),
        owned,
      });
    } catch (error) {
      await Promise.allSettled(starting);
      await Promise.all([
        ...owned.map((server) => server.stop()),
        ...brokerLinks.map((link) => link.close()),
      ]);
      throw error;
    }
  }

  /** What clients are given. */
  get kafka(): readonly string[] {
    return this.brokerLinks.map(({ address }) => address);
  }

  /** Ends every fault: servers that are down are started, links pass. */
  async heal(): Promise<void> {
    this.index.answerInstead(null);
    for (const link of [...this.brokerLinks, this.indexLink]) {
      link.onToServer(null);
      link.delay(0);
      link.throttle(Infinity);
      await link.pass();
    }
    const down = this.#owned.filter((server) => !server.running);
    await Promise.all(down.map(async (server) => await server.restart({ ready: false })));
    await Promise.all(down.map(async (server) => await server.ready()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.brokerLinks, this.indexLink].map(async (link) => await link.close()));
    await this.index.close();
    await Promise.all(this.#owned.map(async (server) => await server.stop()));
  }
}

async function startZooKeepers(which: number | string): Promise<ServerProcess[]> {
  if (typeof which === 'string') return [];
  return which === 1 ? [await startZooKeeper()] : await startZooKeeperEnsemble(which);
}
