import { spawn } from 'node:child_process';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { statSync, writeFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openIndex } from '../src/commands/wiring/index.ts';
import { itemsOf, openSaid, readSegment } from '../src/commands/wiring/reading.ts';
import { loadConfig } from '../src/config/load.ts';
import { systemClock } from '../src/core/clock.ts';
import type { EventIndex, IndexItem } from '../src/core/event-index.ts';
import { streamId } from '../src/core/ids.ts';
import { silentLogger } from '../src/core/logger.ts';
import type { Segment } from '../src/core/segment.ts';
import { CutLog } from '../src/tail/cut-log.ts';
import { hashOf } from '../src/tail/identity.ts';
import { nodeJournalStore } from '../src/tail/journal-store.ts';
import { projectRoot } from './agent-process.ts';
import type { Bench, Figure } from './bench.ts';

const streams = Number(process.env['CABOOSE_BENCH_STREAMS'] ?? 100_000);
const filesPerDirectory = 1_000;
const secondsMax = 60;
const requestsMax = 100;
const source = 'bench';
const run = 'bench';

/** The quick audit of many small files, their cut log and their stream documents; in Elasticsearch, if one is named. */
export const auditStreams: Bench = {
  name: 'audit-streams',
  about: `\`caboose audit\` of ${streams} streams (CABOOSE_TEST_ELASTICSEARCH: there, too)`,
  async measure({ runs, directory }) {
    const figures: Figure[] = [];
    const node = process.env['CABOOSE_TEST_ELASTICSEARCH'];
    for (const kind of ['local', ...(node === undefined ? [] : ['elasticsearch'])] as const) {
      const counter = kind === 'local' ? null : await countingProxy(node ?? '');
      const configFile = await writeConfig(join(directory, kind), counter?.node ?? null);
      await fill(configFile, join(directory, kind, 'logs'));
      const seconds: number[] = [];
      const rssMiB: number[] = [];
      const requests: number[] = [];
      for (let i = 0; i < runs; i += 1) {
        if (counter) counter.requests = 0;
        const began = performance.now();
        const { maxRSS } = await audit(configFile, join(directory, 'usage.json'));
        seconds.push((performance.now() - began) / 1000);
        rssMiB.push(maxRSS / 1024);
        if (counter) requests.push(counter.requests);
      }
      figures.push({ name: `${kind}: time`, unit: 's', values: seconds, budget: { max: secondsMax } });
      figures.push({ name: `${kind}: RSS, most`, unit: 'MiB', values: rssMiB });
      if (counter)
        figures.push({ name: `${kind}: requests`, unit: '', values: requests, budget: { max: requestsMax } });
      counter?.close();
    }
    return figures;
  },
};

async function writeConfig(directory: string, node: string | null): Promise<string> {
  await mkdir(directory, { recursive: true });
  const index =
    node === null
      ? `local: { dir: ${directory}/index }`
      : `elasticsearch: { node: "${node}", indexPrefix: bench-${process.pid} }`;
  const configFile = join(directory, 'caboose.yaml');
  await writeFile(
    configFile,
    `
source: { id: ${source}, include: ["${directory}/logs/**/*.log"], run: ${run} }
transport: { local: { dir: ${directory}/transport } }
index: { ${index} }
state: { dir: ${directory}/state }
`,
  );
  return configFile;
}

/** Writes the files, and what agent and indexer would have made of them. */
async function fill(configFile: string, logs: string): Promise<void> {
  const options = { clock: systemClock, logger: silentLogger };
  const config = await loadConfig({ file: configFile, cwd: '/', env: {}, needs: [], overrides: {} });
  const index = await openIndex(config, options);
  await index.prepare();
  const cutLog = await CutLog.open({
    store: nodeJournalStore(config.state.dir),
    source,
    logger: silentLogger,
  });
  let items: IndexItem[] = [];
  for (let n = 0; n < streams; n += 1) {
    const directory = join(logs, String(Math.floor(n / filesPerDirectory)));
    if (n % filesPerDirectory === 0) await mkdir(directory, { recursive: true });
    items.push(...ship(join(directory, `rank${n}.log`), n, cutLog));
    if (n % filesPerDirectory === filesPerDirectory - 1 || n === streams - 1) {
      await write(index, items);
      items = [];
    }
  }
  await cutLog.close();
  await index.refresh();
  await index.close();
}

function ship(path: string, n: number, cutLog: CutLog): IndexItem[] {
  const bytes = Buffer.from(`stream ${n} begins\nstep 1 loss 2.5\nstep 2 loss 2.4\n`);
  writeFileSync(path, bytes);
  const { dev, ino } = statSync(path, { bigint: true });
  const head = bytes.subarray(0, bytes.indexOf(0x0a) + 1);
  const identity = { source, run, dev: String(dev), ino: String(ino), head, generation: 0 };
  const id = streamId(identity);
  const origin = { run, attempt: 0, rank: n, labels: {} };
  const created = Date.now();
  const { generation, dev: device, ino: inode } = identity;
  const place = { path, firstPath: path, dev: device, ino: inode, lane: 'bulk' as const, partition: 0 };
  const known = {
    id,
    base: id,
    generation,
    headBytes: head.length,
    headHash: hashOf(head),
    created,
    previous: null,
  };
  const state = cutLog.register({ ...origin, ...place, ...known }, 0);
  const cut = {
    start: 0,
    end: bytes.length,
    observed: created,
    anchor: hashOf(bytes),
    gap: null,
    final: true,
  };
  cutLog.cut(state, cut);
  cutLog.ack(state, cut);
  const segment: Segment = {
    ...origin,
    source,
    host: 'bench',
    path,
    stream: id,
    start: 0,
    end: bytes.length,
    created,
    observed: created,
    previous: null,
    final: true,
    gap: null,
    snapshot: false,
    bytes,
  };
  const carried = { lane: 'bulk' as const, partition: 0, position: n, segment };
  const { closed, open, document } = readSegment(null, carried, { timeZone: 'UTC', now: created });
  return [...itemsOf(closed, []), ...openSaid(document, open).items, { kind: 'stream', document }];
}

async function write(index: EventIndex, items: readonly IndexItem[]): Promise<void> {
  const results = await index.write(items, AbortSignal.timeout(600_000));
  if (results.some(({ status }) => status === 'rejected')) throw new Error('the index refuses the bench');
}

async function audit(configFile: string, usageFile: string): Promise<NodeJS.ResourceUsage> {
  const args = ['--import', join(import.meta.dirname, 'report-usage.ts'), join(projectRoot, 'src/main.ts')];
  const child = spawn(process.execPath, [...args, 'audit', '--config', configFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, CABOOSE_BENCH_USAGE: usageFile },
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const code = await new Promise<number | null>((done) => void child.once('close', done));
  if (code !== 0 || !text.includes(`complete: ${streams} streams`))
    throw new Error(`exit ${code}: ${text.slice(0, 2_000)}`);
  return JSON.parse(await readFile(usageFile, 'utf8')) as NodeJS.ResourceUsage;
}

/** Stands before a server and counts what it is asked. */
async function countingProxy(node: string) {
  const target = new URL(node);
  const server = createServer((incoming, outgoing) => {
    counter.requests += 1;
    const { method, url, headers } = incoming;
    const onward = request(
      { host: target.hostname, port: target.port, method, path: url, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const counter = {
    requests: 0,
    node: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => server.close().closeAllConnections(),
  };
  return counter;
}
