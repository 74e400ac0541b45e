/** Elasticsearch nodes: the core server and its HTTP module from their published jars, one node a cluster. */
import { execFile } from 'node:child_process';
import { mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findCompiler, findJava } from './java.ts';
import { freePorts } from './ports.ts';
import { prepareParts, ServerUnavailable } from './prepare.ts';
import { ServerProcess, type ServerPlan } from './server-process.ts';

const run = promisify(execFile);
const defaultVersion = '9.5.3';
const sources = join(import.meta.dirname, 'java', 'ElasticsearchServer.java');
/** These make up the HTTP module and must not be among the server's own jars. */
const moduleJars = /^(transport-netty4|netty-|elasticsearch-ssl-config)/;

export interface ElasticsearchOptions {
  /** Default: CABOOSE_TEST_ELASTICSEARCH_VERSION, else 9.5.3. Tried: 9.5.3 and 8.19.0. */
  version?: string;
  /** More lines of elasticsearch.yml, as flat keys. */
  settings?: Readonly<Record<string, string | number | boolean>>;
  /** As a real one runs: the full compiler and 2 GiB of heap. It starts slower, and is for what takes minutes. */
  sustained?: boolean;
}

/** The address of the handle is a URL. */
export async function startElasticsearch(options: ElasticsearchOptions = {}): Promise<ServerProcess> {
  const parts = await elasticsearchParts(options.version);
  const [port = 0, transportPort = 0] = await freePorts(2);
  return ServerProcess.start(plan(parts, options, port, transportPort));
}

export interface ElasticsearchParts {
  java: string;
  directory: string;
  major: number;
}

export async function elasticsearchParts(
  version = process.env['CABOOSE_TEST_ELASTICSEARCH_VERSION'] || defaultVersion,
): Promise<ElasticsearchParts> {
  const major = Number.parseInt(version, 10);
  // Version 8 switches a security manager on, which Java has dropped in 24.
  const java = major >= 9 ? await findJava(21) : await findJava(17, 23);
  if (!java) {
    throw new ServerUnavailable(
      major >= 9
        ? `Elasticsearch ${version} needs Java 21 or newer, which was not found; install one and set JAVA_HOME if it is in an unusual place`
        : `Elasticsearch ${version} needs a Java from 17 to 23, which was not found (Debian: apt-get install openjdk-17-jdk)`,
    );
  }
  const directory = await prepareParts({
    name: `elasticsearch-${version}`,
    inputs: [join(import.meta.dirname, 'poms', 'elasticsearch.xml'), sources],
    properties: { 'elasticsearch.version': version },
    arrange: (work) => arrangeHome(work, version, major),
  });
  return { java: java.java, directory, major };
}

/** The layout that a node expects below its home, and beside it `boot/` with the class that starts it. */
async function arrangeHome(directory: string, version: string, major: number): Promise<void> {
  const javaVersion = major >= 9 ? 21 : 17;
  const compiler = await findCompiler(javaVersion);
  if (!compiler) {
    throw new ServerUnavailable(
      `a Java compiler (JDK ${javaVersion} or newer) was not found; install a JDK, not only a runtime`,
    );
  }
  const lib = join(directory, 'lib');
  const module = join(directory, 'modules', 'transport-netty4');
  await mkdir(module, { recursive: true });
  for (const jar of await readdir(lib)) {
    if (moduleJars.test(jar)) await rename(join(lib, jar), join(module, jar));
  }
  await writeFile(
    join(module, 'plugin-descriptor.properties'),
    [
      'name=transport-netty4',
      'description=HTTP and transport over Netty',
      `version=${version}`,
      `elasticsearch.version=${version}`,
      `java.version=${javaVersion}`,
      'classname=org.elasticsearch.transport.netty4.Netty4Plugin',
      '',
    ].join('\n'),
  );
  await run(compiler, ['-cp', join(lib, '*'), '-d', join(directory, 'boot'), sources], { timeout: 120_000 });
}

function plan(
  parts: ElasticsearchParts,
  { settings = {}, sustained = false }: ElasticsearchOptions,
  port: number,
  transportPort: number,
): ServerPlan {
  const address = `http://127.0.0.1:${port}`;
  return {
    name: 'elasticsearch',
    address,
    async prepare(home) {
      for (const folder of ['lib', 'modules']) {
        await symlink(join(parts.directory, folder), join(home, folder));
      }
      for (const folder of ['config', 'plugins', 'data', 'logs']) await mkdir(join(home, folder));
      const lines = Object.entries({ ...nodeSettings(port, transportPort), ...settings }).map(
        ([key, value]) => `${key}: ${value}`,
      );
      await writeFile(join(home, 'config', 'elasticsearch.yml'), `${lines.join('\n')}\n`);
      await writeFile(join(home, 'config', 'log4j2.properties'), logging);
    },
    command: (home) => ({ file: parts.java, args: jvmArguments(parts, home, sustained) }),
    async probe() {
      const url = `${address}/_cluster/health?wait_for_status=yellow&timeout=1s`;
      const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
      await response.arrayBuffer();
      return response.ok;
    },
  };
}

function nodeSettings(port: number, transportPort: number): Record<string, string | number | boolean> {
  return {
    'cluster.name': `caboose-test-${port}`,
    'node.name': 'node-1',
    'network.host': '127.0.0.1',
    'http.port': port,
    'transport.port': transportPort,
    'discovery.type': 'single-node',
    // A development machine's disk may well be 95 % full.
    'cluster.routing.allocation.disk.threshold_enabled': false,
  };
}

const logging = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
`;

function jvmArguments({ directory, major }: ElasticsearchParts, home: string, sustained: boolean): string[] {
  return [
    ...(sustained ? ['-Xms2g', '-Xmx2g'] : ['-Xms256m', '-Xmx512m', '-XX:TieredStopAtLevel=1']),
    '-XX:+UseSerialGC',
    ...(major >= 9 ? [] : ['-Djava.security.manager=allow']),
    '--module-path',
    join(directory, 'lib'),
    '--add-modules=jdk.net,ALL-MODULE-PATH',
    '--add-modules=jdk.incubator.vector',
    '--enable-native-access=ALL-UNNAMED',
    `-Des.path.home=${home}`,
    '-Dlog4j2.disable.jmx=true',
    '-cp',
    join(directory, 'boot'),
    'ElasticsearchServer',
    home,
  ];
}
