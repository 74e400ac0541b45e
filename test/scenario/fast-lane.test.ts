import { expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { tcpProxy } from '../fakes/tcp-proxy.ts';
import type { TcpProxy } from '../fakes/tcp-proxy.ts';
import { startKafka } from '../servers/kafka.ts';
import { describeWith } from '../servers/servers.ts';
import { bulkTakenIn, FastLaneScenario } from './fast-lane.ts';

await describeWith(['elasticsearch'], 'the fast lane behind a backlog', ({ elasticsearch }) => {
  it(
    'after an outage of Kafka a traceback is found while most of bulk is behind',
    { timeout: 300_000 },
    async () => {
      await using scenario = await FastLaneScenario.create();
      const { dir } = scenario;
      const id = `fast${Date.now()}`;
      const proxies: TcpProxy[] = [];
      // A broker of its own, which is reached through a proxy alone.
      const broker = await startKafka({
        advertised: async (address) => {
          const proxy = await tcpProxy(address);
          proxies.push(proxy);
          return proxy.address;
        },
      });
      try {
        const common = `
transport: { kafka: { brokers: ["${proxies[0]?.address}"], topicPrefix: ${id}, groupId: ${id}, partitions: 4, sessionTimeoutMs: 6000 } }
http: { listen: "127.0.0.1:0" }
`;
        const agent = scenario.start(
          'agent',
          `${common}
source: { id: ${id}, run: ${id}, include: ["${dir}/logs/**/*.log"] }
state: { dir: ${dir}/state }
`,
        );
        const indexer = scenario.start(
          'indexer',
          `${common}
index: { elasticsearch: { node: "${elasticsearch}", indexPrefix: ${id} } }
lease: { inProcess: {} }
`,
        );
        const find = async (word: string) => await elasticHits(elasticsearch, `${id}-logs-*`, word);
        await scenario.tellAlone(find);

        for (const proxy of proxies) await proxy.refuse();
        await scenario.writeBacklog();
        await until(() => agent.log.includes('Kafka cannot be reached'), 'the outage to be seen', 60_000);
        for (const proxy of proxies) await proxy.pass();
        await until(async () => (await bulkTakenIn(indexer)) > 1e6, 'bulk to flow again', 90_000);

        const behind = await scenario.behindWhenFound(find, async () => await bulkTakenIn(indexer));
        expect(Math.min(...behind)).toBeGreaterThan(0.5);
        // Bulk does not stand still meanwhile.
        expect(behind.at(-1)).toBeLessThan(behind[0] ?? 0);
      } finally {
        await scenario[Symbol.asyncDispose]();
        for (const proxy of proxies) await proxy.close();
        await broker.stop();
      }
    },
  );
});

async function elasticHits(node: string, index: string, word: string): Promise<number> {
  const response = await fetch(new URL(`/${index}/_search?size=0`, node), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: { match: { message: word } } }),
  });
  if (!response.ok) return 0;
  const { hits } = (await response.json()) as { hits: { total: { value: number } } };
  return hits.total.value;
}
