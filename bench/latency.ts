import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build, CabooseProcess } from '../test/scenario/caboose-process.ts';
import { AgentProcess, usedBy } from './agent-process.ts';
import { quantile } from './bench.ts';
import type { Bench, BenchContext, Figure } from './bench.ts';
import { indexedBy, loadBare } from './bare-loader.ts';
import type { Loaded } from './bare-loader.ts';
import { withTopicPrefix } from './kafka-topics.ts';
import { trainingLines, wordyLines } from './training-lines.ts';

const files = 50;
const linesPerSecond = Number(process.env['CABOOSE_BENCH_LINES_PER_SECOND'] ?? 10_000);
const linesPerMetricsLine = Number(process.env['CABOOSE_BENCH_LINES_PER_METRICS_LINE'] ?? 20);
const measuredSeconds = Number(process.env['CABOOSE_BENCH_SECONDS'] ?? 30);
/** Takes a CPU profile of the indexer. */
const profileDirectory = process.env['CABOOSE_BENCH_PROFILE_DIR'];
/**
 * Java compiles what runs often: of a server that has just started the first 200,000 documents cost five times as much each as after 600,000,
 * and its compiler takes a fifth of a core for some minutes more. So the load is kept up until a round costs Elasticsearch no less than the one
 * before, which is the state of a server that has been up for a while.
 */
const warmUpSeconds = 20;
const warmUpRoundsMin = 4;
const warmUpRoundsMax = 15;
const settledShare = 0.95;
const tickMs = 25;
const probeIntervalMs = 100;
/** A search takes the index 10 to 30 ms. */
const pollMs = 200;
const comesThroughMsMax = 240_000;
const foundMsMax = 60_000;
const p99SecondsMax = 3;
const cpuPercentMax = 25;
/** 150 MB */
const rssMiBMax = 143;

/** From a line's being written to its being found by a search, under a load of metrics and logs, and what the agent costs meanwhile. */
export const latency: Bench = {
  name: 'latency',
  about: `${linesPerSecond} lines/s in ${files} files through agent, Kafka, indexer and Elasticsearch, ${measuredSeconds} s`,
  async measure(context) {
    const measured: Measured[] = [];
    for (let run = 0; run < context.runs; run += 1) measured.push(await measureOnce(context, run));
    const of = (value: (one: Measured) => number) => measured.map(value);
    const cpuFigures = processNames.map((name) => ({
      name: `CPU of ${name}`,
      unit: 'cores',
      values: of(({ cores }) => cores[name]),
    }));
    const figures: Figure[] = [
      { name: 'written', unit: 'lines/s', values: of((one) => one.linesPerSecond) },
      { name: 'from write to found, p50', unit: 's', values: of(({ seconds }) => quantile(seconds, 0.5)) },
      {
        name: 'from write to found, p99',
        unit: 's',
        values: of(({ seconds }) => quantile(seconds, 0.99)),
        budget: { max: p99SecondsMax },
      },
      {
        name: "agent's CPU of a core",
        unit: '%',
        values: of(({ cores }) => cores.agent * 100),
        budget: { max: cpuPercentMax },
      },
      {
        name: "agent's RSS, most",
        unit: 'MiB',
        values: of(({ rssBytesMax }) => rssBytesMax / 2 ** 20),
        budget: { max: rssMiBMax },
      },
      ...cpuFigures,
      { name: 'indexed while writing', unit: 'docs/s', values: of((one) => one.docsPerSecond) },
      { name: 'bare bulk loader', unit: 'docs/s', values: of(({ baseline }) => baseline.docsPerSecond) },
      {
        name: "bare bulk loader: Elasticsearch's CPU",
        unit: 'µs/doc',
        values: of(({ baseline }) => baseline.cpuMicrosPerDoc),
      },
      {
        name: 'indexed, of what the loader reaches',
        unit: '',
        values: of(({ docsPerSecond, baseline }) => docsPerSecond / baseline.docsPerSecond),
      },
    ];
    return figures;
  },
};

const processNames = ['load generator', 'agent', 'indexer', 'kafka', 'elasticsearch'] as const;
type PerProcess = Record<(typeof processNames)[number], number>;

interface Measured {
  seconds: number[];
  /** CPU by process; NaN of a server that was not started here. */
  cores: PerProcess;
  rssBytesMax: number;
  linesPerSecond: number;
  docsPerSecond: number;
  baseline: Loaded;
}

async function measureOnce(context: BenchContext, run: number): Promise<Measured> {
  const [broker, node] = [await context.kafka(), await context.elasticsearch()];
  const directory = join(context.directory, `run${run}`);
  const logs = join(directory, 'logs');
  mkdirSync(logs, { recursive: true });
  return await withTopicPrefix(broker, async (topicPrefix) => {
    const include = [`${logs}/*`];
    const main = await build();
    const agent = await AgentProcess.start({ directory, include, broker, topicPrefix, main, limits: {} });
    const indexer = new CabooseProcess(
      'indexer',
      'indexer',
      JSON.stringify({
        transport: { kafka: { brokers: [broker], topicPrefix, groupId: topicPrefix } },
        index: { elasticsearch: { node, indexPrefix: topicPrefix } },
        lease: { inProcess: {} },
        http: { listen: '127.0.0.1:0' },
      }),
      directory,
      {
        main,
        env:
          profileDirectory === undefined
            ? {}
            : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDirectory}` },
      },
    );
    indexer.start();
    const writer = new Writer(logs);
    try {
      await agent.logged('"following"', 60_000);
      const probes = new Probes(node, `${topicPrefix}-logs-*`);
      const comesThrough = async (): Promise<number> => {
        const one = new Probes(node, `${topicPrefix}-logs-*`);
        writer.probe(one);
        one.end();
        return (await one.search(comesThroughMsMax))[0] ?? NaN;
      };
      // The load begins when a line comes through: until then the indexer and its consumer group are starting.
      await comesThrough();
      await warmUp(context.serverPids().elasticsearch, async () => {
        await writer.write(warmUpSeconds);
        return await comesThrough();
      });
      const pids = { ...context.serverPids(), agent: agent.child.pid ?? 0, indexer: indexer.pid };
      const indices = [`${topicPrefix}-logs-*`, `${topicPrefix}-metrics-*`];
      const docsBefore = await indexedBy(node, indices);
      const before = await cpuSecondsOf(pids);
      const began = performance.now();
      const searching = probes.search();
      const lines = await writer.write(measuredSeconds, probes);
      const wallSeconds = (performance.now() - began) / 1000;
      const after = await cpuSecondsOf(pids);
      const docs = (await indexedBy(node, indices)) - docsBefore;
      const { rssBytesMax } = await usedBy(pids.agent);
      probes.end();
      const seconds = await searching;
      await agent.stop();
      await indexer.stop();
      return {
        seconds,
        cores: mapValues(after, (name, cpuSeconds) => (cpuSeconds - before[name]) / wallSeconds),
        rssBytesMax,
        linesPerSecond: lines / wallSeconds,
        docsPerSecond: docs / wallSeconds,
        baseline: await loadBare(node, indices, context.serverPids().elasticsearch),
      };
    } catch (error) {
      const said = indexer.log.split('\n').slice(-20).join('\n');
      throw new Error(`the indexer said last:\n${said}`, { cause: error });
    } finally {
      writer.close();
      await indexer.stop();
      if (agent.child.exitCode === null) agent.child.kill('SIGKILL');
      await fetch(new URL(`/${topicPrefix}-*`, node), { method: 'DELETE' });
    }
  });
}

/** Rounds of load until they cost no less and a line comes through in time, within bounds. A round tells what its last line took, in seconds. */
async function warmUp(elasticsearch: number | null, load: () => Promise<number>): Promise<void> {
  const cpuSeconds = async () => (elasticsearch === null ? 0 : (await usedBy(elasticsearch)).cpuSeconds);
  for (let round = 0, costBefore = Infinity; round < warmUpRoundsMax; round += 1) {
    const before = await cpuSeconds();
    const seconds = await load();
    const cost = (await cpuSeconds()) - before;
    const isSettled = cost >= costBefore * settledShare && seconds <= p99SecondsMax;
    if (isSettled && round + 1 >= warmUpRoundsMin) return;
    costBefore = cost;
  }
}

async function cpuSecondsOf(pids: {
  agent: number;
  indexer: number;
  kafka: number | null;
  elasticsearch: number | null;
}): Promise<PerProcess> {
  const of = async (pid: number | null) => (pid === null ? NaN : (await usedBy(pid)).cpuSeconds);
  const { user, system } = process.cpuUsage();
  return {
    'load generator': (user + system) / 1e6,
    agent: await of(pids.agent),
    indexer: await of(pids.indexer),
    kafka: await of(pids.kafka),
    elasticsearch: await of(pids.elasticsearch),
  };
}

function mapValues(
  values: PerProcess,
  change: (name: keyof PerProcess, value: number) => number,
): PerProcess {
  return Object.fromEntries(processNames.map((name) => [name, change(name, values[name])])) as PerProcess;
}

/**
 * As a run writes them: half of the files are logs (bulk), a quarter stderr and a quarter metrics (both fast). One line in
 * `linesPerMetricsLine` states metrics: a step's in the logs, a record in the metrics files, which grow that much slower. The others say
 * in words what a program does.
 */
class Writer {
  readonly #files: { fd: number; lines: readonly string[]; pace: number; owed: number; at: number }[];

  constructor(directory: string) {
    const steps = linesOf(trainingLines(20_000)).filter((line) => line.includes('train.loop: step'));
    const words = linesOf(wordyLines(20_000));
    const logs = words.map((line, i) =>
      i % linesPerMetricsLine === 0 ? (steps[i % steps.length] ?? line) : line,
    );
    const records = words.map(
      (_, step) => `{"step": ${step}, "loss": ${(2.5 + (step % 97) / 1000).toFixed(4)}}`,
    );
    const kinds = [
      { name: 'stdout.log', lines: logs, share: 1 },
      { name: 'metrics.jsonl', lines: records, share: 1 / linesPerMetricsLine },
      { name: 'stdout2.log', lines: logs, share: 1 },
      { name: 'stderr', lines: words, share: 1 },
    ];
    const chosen = Array.from({ length: files }, (_, i) => kinds[i % kinds.length] as (typeof kinds)[number]);
    const shares = chosen.reduce((sum, { share }) => sum + share, 0);
    this.#files = chosen.map(({ name, lines, share }, i) => ({
      fd: openSync(join(directory, `rank${i}.${name}`), 'a'),
      lines,
      pace: share / shares,
      owed: 0,
      at: 0,
    }));
  }

  /** Writes for so long; returns how many lines. A probe is a line like the others, with a word of its own. */
  async write(seconds: number, probes?: Probes): Promise<number> {
    const began = performance.now();
    let written = 0;
    let told = 0;
    let nextProbeAt = began;
    while (performance.now() - began < seconds * 1000) {
      const due = ((performance.now() - began) / 1000) * linesPerSecond;
      for (const file of this.#files) {
        file.owed += (due - told) * file.pace;
        const lines = Math.floor(file.owed);
        if (lines === 0) continue;
        file.owed -= lines;
        let text = '';
        for (let i = 0; i < lines; i += 1) text += `${file.lines[(file.at + i) % file.lines.length]}\n`;
        file.at += lines;
        written += lines;
        writeSync(file.fd, text);
      }
      told = due;
      if (probes && performance.now() >= nextProbeAt) {
        this.probe(probes);
        nextProbeAt += probeIntervalMs;
      }
      await sleep(tickMs);
    }
    return written;
  }

  /** Writes a line to look for into any of the files. */
  probe(probes: Probes): void {
    const { fd } = this.#files[Math.floor(Math.random() * files)] ?? { fd: -1 };
    writeSync(fd, `${new Date().toISOString()} INFO probe: ${probes.next()}\n`);
  }

  close(): void {
    for (const { fd } of this.#files) closeSync(fd);
  }
}

function linesOf(text: Buffer): string[] {
  return text.toString().split('\n').slice(0, -1);
}

/** Words that were written and are looked for until they are found. */
class Probes {
  readonly #node: string;
  readonly #indices: string;
  readonly #waiting = new Map<string, number>();
  #count = 0;
  #ended = false;

  constructor(node: string, indices: string) {
    this.#node = node;
    this.#indices = indices;
  }

  next(): string {
    this.#count += 1;
    const word = `probe${this.#count}x${Math.floor(Math.random() * 1e9)}`;
    this.#waiting.set(word, performance.now());
    return word;
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
  }

  /** Resolves, with the seconds that each took, when all are found. */
  async search(afterEndMsMax = foundMsMax): Promise<number[]> {
    const seconds: number[] = [];
    for (let endedAt = Infinity; !this.#ended || this.#waiting.size > 0;) {
      if (this.#ended) endedAt = Math.min(endedAt, performance.now());
      if (performance.now() - endedAt > afterEndMsMax)
        throw new Error(`${this.#waiting.size} lines were not found`);
      for (const word of await this.#found()) {
        const at = this.#waiting.get(word);
        if (at === undefined) continue;
        this.#waiting.delete(word);
        seconds.push((performance.now() - at) / 1000);
      }
      await sleep(pollMs);
    }
    return seconds;
  }

  async #found(): Promise<string[]> {
    if (this.#waiting.size === 0) return [];
    const oldest = [...this.#waiting.keys()].slice(0, 200);
    const response = await fetch(new URL(`/${this.#indices}/_search`, this.#node), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        size: 200,
        _source: ['message'],
        query: { match: { message: { query: oldest.join(' '), operator: 'or' } } },
      }),
    });
    if (!response.ok) return [];
    const { hits } = (await response.json()) as { hits: { hits: { _source: { message: string } }[] } };
    return hits.hits.flatMap(({ _source: { message } }) => /probe\d+x\d+/.exec(message) ?? []);
  }
}
