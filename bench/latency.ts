import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CabooseProcess } from '../test/scenario/caboose-process.ts';
import { AgentProcess, usedBy } from './agent-process.ts';
import type { Bench, BenchContext, Figure } from './bench.ts';
import { withTopicPrefix } from './kafka-topics.ts';
import { trainingLines, wordyLines } from './training-lines.ts';

const files = 50;
const linesPerSecond = 10_000;
const measuredSeconds = Number(process.env['CABOOSE_BENCH_SECONDS'] ?? 30);
const warmUpSeconds = 10;
const tickMs = 25;
const probeIntervalMs = 100;
const pollMs = 50;
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
    const p50: number[] = [];
    const p99: number[] = [];
    const cpuPercents: number[] = [];
    const rssMiB: number[] = [];
    const written: number[] = [];
    for (let run = 0; run < context.runs; run += 1) {
      const measured = await measureOnce(context, run);
      const seconds = measured.seconds.toSorted((a, b) => a - b);
      p50.push(seconds[Math.floor(seconds.length * 0.5)] ?? NaN);
      p99.push(seconds[Math.floor(seconds.length * 0.99)] ?? NaN);
      cpuPercents.push(measured.cpuPercent);
      rssMiB.push(measured.rssBytesMax / 2 ** 20);
      written.push(measured.linesPerSecond);
    }
    const figures: Figure[] = [
      { name: 'written', unit: 'lines/s', values: written },
      { name: 'from write to found, p50', unit: 's', values: p50 },
      { name: 'from write to found, p99', unit: 's', values: p99, budget: { max: p99SecondsMax } },
      { name: "agent's CPU of a core", unit: '%', values: cpuPercents, budget: { max: cpuPercentMax } },
      { name: "agent's RSS, most", unit: 'MiB', values: rssMiB, budget: { max: rssMiBMax } },
    ];
    return figures;
  },
};

interface Measured {
  seconds: number[];
  cpuPercent: number;
  rssBytesMax: number;
  linesPerSecond: number;
}

async function measureOnce(context: BenchContext, run: number): Promise<Measured> {
  const [broker, node] = [await context.kafka(), await context.elasticsearch()];
  const directory = join(context.directory, `run${run}`);
  const logs = join(directory, 'logs');
  mkdirSync(logs, { recursive: true });
  return await withTopicPrefix(broker, async (topicPrefix) => {
    const include = [`${logs}/*`];
    const agent = await AgentProcess.start({ directory, include, broker, topicPrefix, limits: {} });
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
    );
    indexer.start();
    const writer = new Writer(logs);
    try {
      await agent.logged('"following"', 60_000);
      const probes = new Probes(node, `${topicPrefix}-logs-*`);
      await writer.write(warmUpSeconds);
      const pid = agent.child.pid ?? 0;
      const before = await usedBy(pid);
      const began = performance.now();
      const searching = probes.search();
      const lines = await writer.write(measuredSeconds, probes);
      const wallSeconds = (performance.now() - began) / 1000;
      const after = await usedBy(pid);
      probes.end();
      const seconds = await searching;
      await agent.stop();
      return {
        seconds,
        cpuPercent: ((after.cpuSeconds - before.cpuSeconds) * 100) / wallSeconds,
        rssBytesMax: after.rssBytesMax,
        linesPerSecond: lines / wallSeconds,
      };
    } finally {
      writer.close();
      await indexer.stop();
      if (agent.child.exitCode === null) agent.child.kill('SIGKILL');
      await fetch(new URL(`/${topicPrefix}-*`, node), { method: 'DELETE' });
    }
  });
}

/** Half of the files are logs (bulk), the others metrics and stderr (fast). All grow at the same pace. */
class Writer {
  readonly #files: { fd: number; lines: readonly string[] }[];
  #line = 0;

  constructor(directory: string) {
    const numbers = trainingLines(20_000).toString().split('\n').slice(0, -1);
    const words = wordyLines(20_000).toString().split('\n').slice(0, -1);
    const metrics = numbers.map(
      (_, step) => `{"step": ${step}, "loss": ${(2.5 + (step % 97) / 1000).toFixed(4)}}`,
    );
    this.#files = Array.from({ length: files }, (_, i) => {
      const [name, lines] =
        i % 2 === 0
          ? [`rank${i}.log`, i % 4 === 0 ? numbers : words]
          : i % 4 === 1
            ? [`metrics${i}.jsonl`, metrics]
            : [`rank${i}.stderr`, words];
      return { fd: openSync(join(directory, name), 'a'), lines };
    });
  }

  /** Writes for so long; returns how many lines. A probe is a line like the others, with a word of its own. */
  async write(seconds: number, probes?: Probes): Promise<number> {
    const began = performance.now();
    let written = 0;
    let nextProbeAt = began;
    while (performance.now() - began < seconds * 1000) {
      const due = Math.floor(((performance.now() - began) / 1000) * linesPerSecond) - written;
      const perFile = Math.floor(due / files);
      for (const { fd, lines } of perFile > 0 ? this.#files : []) {
        let text = '';
        for (let i = 0; i < perFile; i += 1) text += `${lines[(this.#line + i) % lines.length]}\n`;
        writeSync(fd, text);
      }
      this.#line += perFile;
      written += perFile * files;
      if (probes && performance.now() >= nextProbeAt) {
        const { fd } = this.#files[Math.floor(Math.random() * files)] ?? { fd: -1 };
        writeSync(fd, `${new Date().toISOString()} INFO probe: ${probes.next()}\n`);
        nextProbeAt += probeIntervalMs;
      }
      await sleep(tickMs);
    }
    return written;
  }

  close(): void {
    for (const { fd } of this.#files) closeSync(fd);
  }
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
  async search(): Promise<number[]> {
    const seconds: number[] = [];
    for (let endedAt = Infinity; !this.#ended || this.#waiting.size > 0;) {
      if (this.#ended) endedAt = Math.min(endedAt, performance.now());
      if (performance.now() - endedAt > foundMsMax)
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
