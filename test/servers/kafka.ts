/** Kafka brokers (KRaft, each broker also a controller), one or a cluster. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findJava } from './java.ts';
import { freePorts } from './ports.ts';
import { prepareParts, ServerUnavailable } from './prepare.ts';
import { ServerProcess, type ServerPlan } from './server-process.ts';

const run = promisify(execFile);
const jvmOptions = [
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
];

export interface KafkaOptions {
  /** More lines of server.properties. */
  properties?: Readonly<Record<string, string | number>>;
  /** The address that clients are told instead of a broker's own, such as that of a proxy before it. Brokers talk to each other directly. */
  advertised?: (address: string) => Promise<string>;
  heapMb?: number;
}

export async function startKafka(options: KafkaOptions = {}): Promise<ServerProcess> {
  const [broker] = await startKafkaCluster(1, options);
  if (!broker) throw new Error('a cluster of one has no broker');
  return broker;
}

/** A cluster of `brokers`; resolves when each knows all. Clients take `brokers.map((b) => b.address)`. */
export async function startKafkaCluster(
  brokers: number,
  options: KafkaOptions = {},
): Promise<ServerProcess[]> {
  const parts = await kafkaParts();
  const ports = await freePorts(brokers);
  const controllerPorts = await freePorts(brokers);
  const internalPorts = options.advertised ? await freePorts(brokers) : [];
  const cluster = {
    id: randomBytes(16).toString('base64url'),
    size: brokers,
    voters: controllerPorts.map((port, i) => `${i + 1}@127.0.0.1:${port}`).join(','),
  };
  const told = await Promise.all(
    ports.map(async (port) => (await options.advertised?.(`127.0.0.1:${port}`)) ?? `127.0.0.1:${port}`),
  );
  const plans = ports.map((port, i) =>
    plan(parts, options, cluster, {
      id: i + 1,
      port,
      controllerPort: controllerPorts[i] ?? 0,
      internalPort: internalPorts[i] ?? null,
      advertised: told[i] ?? '',
    }),
  );
  // None is ready before a majority of the controllers runs.
  const started = await Promise.all(plans.map((each) => ServerProcess.start(each, { ready: false })));
  try {
    await Promise.all(started.map((broker) => broker.ready()));
  } catch (error) {
    await Promise.all(started.map((broker) => broker.stop()));
    throw error;
  }
  return started;
}

export interface KafkaParts {
  java: string;
  directory: string;
}

export async function kafkaParts(): Promise<KafkaParts> {
  const java = await findJava(17);
  if (!java) {
    throw new ServerUnavailable(
      'Java 17 or newer was not found; install one (Debian: apt-get install openjdk-17-jdk)',
    );
  }
  const directory = await prepareParts({
    name: 'kafka',
    inputs: [join(import.meta.dirname, 'poms', 'kafka.xml')],
  });
  return { java: java.java, directory };
}

interface Cluster {
  id: string;
  size: number;
  voters: string;
}

interface Broker {
  id: number;
  port: number;
  controllerPort: number;
  /** Where the other brokers reach it, if clients are told another address. */
  internalPort: number | null;
  advertised: string;
}

function plan(
  parts: KafkaParts,
  { properties = {}, heapMb = 768 }: KafkaOptions,
  cluster: Cluster,
  broker: Broker,
): ServerPlan {
  const classpath = ['-cp', join(parts.directory, 'lib', '*')];
  const address = `127.0.0.1:${broker.port}`;
  return {
    name: 'kafka',
    address,
    async prepare(directory) {
      const config = join(directory, 'server.properties');
      const lines = Object.entries({ ...serverProperties(cluster, broker, directory), ...properties }).map(
        ([key, value]) => `${key}=${value}`,
      );
      await writeFile(config, `${lines.join('\n')}\n`);
      const format = ['kafka.tools.StorageTool', 'format', `--cluster-id=${cluster.id}`, '-c', config];
      await run(parts.java, ['-Xmx256m', ...jvmOptions, ...classpath, ...format], { timeout: 60_000 });
    },
    command: (directory) => ({
      file: parts.java,
      args: [
        `-Xmx${heapMb}m`,
        ...jvmOptions,
        ...classpath,
        'kafka.Kafka',
        join(directory, 'server.properties'),
      ],
    }),
    probe: async () => (await liveBrokers(broker.port)) === cluster.size,
  };
}

function serverProperties(
  cluster: Cluster,
  { id, port, controllerPort, internalPort, advertised }: Broker,
  directory: string,
): Record<string, string | number> {
  const replicas = Math.min(3, cluster.size);
  const inSync = Math.min(2, cluster.size);
  const internal = internalPort === null ? '' : `,INTERNAL://127.0.0.1:${internalPort}`;
  return {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': cluster.voters,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}${internal}`,
    'advertised.listeners': `PLAINTEXT://${advertised}${internal}`,
    'inter.broker.listener.name': internalPort === null ? 'PLAINTEXT' : 'INTERNAL',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT',
    'log.dirs': join(directory, 'data'),
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 5,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 5,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    // A group's first members wait 3 s for others unless told otherwise.
    'group.initial.rebalance.delay.ms': 0,
    // A killed broker can come back only when its session is over (9 s unless told otherwise).
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 500,
  };
}

/**
 * How many live brokers this one names: a Metadata request (API key 3, version 1) for no topics, by hand, because the
 * client library would keep timers and sockets of its own in every test process.
 * Format: https://kafka.apache.org/protocol#The_Messages_Metadata
 */
async function liveBrokers(port: number): Promise<number> {
  const request = Buffer.alloc(18);
  request.writeInt32BE(14, 0); // length of what follows
  request.writeInt16BE(3, 4);
  request.writeInt16BE(1, 6);
  request.writeInt32BE(1, 8); // correlation id
  request.writeInt16BE(-1, 12); // no client id
  request.writeInt32BE(0, 14); // no topics
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(2_000, () => socket.destroy(new Error('no answer to a metadata request within 2 s')));
  socket.write(request);
  let answer = Buffer.alloc(0);
  // Length, correlation id, and the count of brokers are all that is needed of the answer.
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    answer = Buffer.concat([answer, chunk]);
    if (answer.length >= 12) break;
  }
  socket.destroy();
  return answer.length >= 12 ? answer.readInt32BE(8) : 0;
}
