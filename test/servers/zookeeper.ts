/** ZooKeeper servers, alone or as an ensemble. */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { findJava } from './java.ts';
import { freePort, freePorts } from './ports.ts';
import { prepareParts, ServerUnavailable } from './prepare.ts';
import { ServerProcess, type ServerPlan } from './server-process.ts';

export interface ZooKeeperOptions {
  /** ZooKeeper's clock tick, ms. Sessions last 2 to 20 ticks. */
  tickTimeMs?: number;
  /** More lines of zoo.cfg. */
  config?: Readonly<Record<string, string | number>>;
}

export async function startZooKeeper(options: ZooKeeperOptions = {}): Promise<ServerProcess> {
  const parts = await zooKeeperParts();
  return ServerProcess.start(plan(parts, options, await freePort()));
}

/** An ensemble of `servers`; resolves when each has joined the quorum. */
export async function startZooKeeperEnsemble(
  servers: number,
  options: ZooKeeperOptions = {},
): Promise<ServerProcess[]> {
  const parts = await zooKeeperParts();
  const clientPorts = await freePorts(servers);
  const peerPorts = await freePorts(servers);
  const electionPorts = await freePorts(servers);
  const peers = peerPorts.map((peer, i) => `127.0.0.1:${peer}:${electionPorts[i]}`);
  // None is ready before a majority runs.
  const started = await Promise.all(
    clientPorts.map((port, i) =>
      ServerProcess.start(plan(parts, options, port, { id: i + 1, peers }), { ready: false }),
    ),
  );
  try {
    await Promise.all(started.map((server) => server.ready()));
  } catch (error) {
    await Promise.all(started.map((server) => server.stop()));
    throw error;
  }
  return started;
}

export interface ZooKeeperParts {
  java: string;
  directory: string;
}

export async function zooKeeperParts(): Promise<ZooKeeperParts> {
  const java = await findJava(17);
  if (!java) {
    throw new ServerUnavailable(
      'Java 17 or newer was not found; install one (Debian: apt-get install openjdk-17-jdk)',
    );
  }
  const directory = await prepareParts({
    name: 'zookeeper',
    inputs: [join(import.meta.dirname, 'poms', 'zookeeper.xml')],
  });
  return { java: java.java, directory };
}

function plan(
  parts: ZooKeeperParts,
  { tickTimeMs = 500, config = {} }: ZooKeeperOptions,
  port: number,
  member?: { id: number; peers: readonly string[] },
): ServerPlan {
  return {
    name: 'zookeeper',
    address: `127.0.0.1:${port}`,
    async prepare(directory) {
      const data = join(directory, 'data');
      await mkdir(data);
      if (member) await writeFile(join(data, 'myid'), `${member.id}\n`);
      const lines = Object.entries({
        tickTime: tickTimeMs,
        dataDir: data,
        clientPort: port,
        clientPortAddress: '127.0.0.1',
        'admin.enableServer': 'false',
        '4lw.commands.whitelist': '*',
        maxClientCnxns: 0,
        initLimit: 20,
        syncLimit: 10,
        ...Object.fromEntries((member?.peers ?? []).map((peer, i) => [`server.${i + 1}`, peer])),
        ...config,
      }).map(([key, value]) => `${key}=${value}`);
      await writeFile(join(directory, 'zoo.cfg'), `${lines.join('\n')}\n`);
    },
    command: (directory) => ({
      file: parts.java,
      args: [
        '-Xmx192m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
        '-cp',
        join(parts.directory, 'lib', '*'),
        'org.apache.zookeeper.server.quorum.QuorumPeerMain',
        join(directory, 'zoo.cfg'),
      ],
    }),
    // `ruok` is answered without a quorum, too; `srvr` names the mode only when requests are served.
    probe: async () =>
      (await fourLetterWord(port, 'ruok')) === 'imok' &&
      (await fourLetterWord(port, 'srvr')).includes('Mode:'),
  };
}

/** Asks a server of 127.0.0.1 by a four-letter word (`stat`, `mntr`, `cons` …). */
export async function fourLetterWord(port: number, word: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setTimeout(2_000, () => socket.destroy(new Error(`no answer to ${word} within 2 s`)));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.end(word);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString('utf8');
}
