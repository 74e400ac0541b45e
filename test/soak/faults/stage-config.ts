import { crc32 } from 'node:zlib';
import { kafkaSessionMs } from './scenario.ts';
import type { Stage } from './stage.ts';

export function agentConfig(stage: Stage, agent: number): string {
  const name = sourceId(stage, agent);
  return `
source: { id: ${name}, include: ["${stage.logsDir(agent)}/**/*.log*"], run: ${name}, rank: ${agent} }
state: { dir: ${stage.stateDir(agent)} }
${common(stage)}`;
}

/** One whose partition is that of the agent's number, so that the load is shared by the indexers. */
function sourceId({ id, shape: { partitions } }: Stage, agent: number): string {
  for (let i = 0; ; i += 1) {
    const name = `${id}-${agent}-${i}`;
    if (crc32(name) % partitions === agent % partitions) return name;
  }
}

export function indexerConfig(stage: Stage, zookeepers: readonly string[]): string {
  const { zookeeperSessionMs } = stage.shape;
  return `
lease: { zookeeper: { servers: ${JSON.stringify(zookeepers)}, path: /${stage.id}, sessionTimeoutMs: ${zookeeperSessionMs} } }
${common(stage)}`;
}

function common({ id, servers, shape }: Stage): string {
  return `
transport: { kafka: { brokers: ${JSON.stringify(servers.kafka)}, topicPrefix: ${id}, partitions: ${shape.partitions}, groupId: ${id}, sessionTimeoutMs: ${kafkaSessionMs} } }
index: { elasticsearch: { node: "http://${servers.indexLink.address}", indexPrefix: ${id} } }
http: { listen: "127.0.0.1:0" }
${shape.config}
`;
}
