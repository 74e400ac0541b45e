import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../src/core/clock.ts';
import { silentLogger } from '../src/core/logger.ts';
import { createLocalTransport } from '../src/transport/local/transport.ts';
import { until } from '../test/fakes/clock.ts';
import { AgentProcess, usedBy } from './agent-process.ts';
import { quantile } from './bench.ts';
import type { Bench, Figure } from './bench.ts';
import { trainingLines } from './training-lines.ts';

const directories = 100;
const filesEach = 100;
const liveFiles = 50;
const idlePercentMax = 1;
const liveMsMax = 1000;
const settledWithinMs = 180_000;
/** A walk comes every minute. */
const measuredMs = Number(process.env['CABOOSE_BENCH_IDLE_MS'] ?? 60_000);
const rounds = 40;
const roundMs = 250;

/** A directory of a long training campaign: ten thousand files that are done, and fifty that are written to. */
export const agentManyFiles: Bench = {
  name: 'agent-many-files',
  about: `an agent over ${directories * filesEach} files, of which ${liveFiles} are written to, to a local log`,
  async measure({ runs, directory }) {
    const start: number[] = [];
    const idle: number[] = [];
    const live: number[] = [];
    const rssMiB: number[] = [];
    const [middle, slow]: [number[], number[]] = [[], []];
    for (let run = 0; run < runs; run += 1) {
      const logs = join(directory, `logs-${run}`);
      const paths = await writeFiles(logs);
      const agent = await AgentProcess.start({ directory, include: [`${logs}/**/*.log`] });
      await agent.logged('"following"', 120_000);
      const pid = agent.child.pid ?? 0;
      await settled(agent, paths.length);
      start.push((await usedBy(pid)).cpuSeconds);
      idle.push(await percentOf(pid, async () => await sleep(measuredMs)));
      const latencies: number[] = [];
      const following = new AbortController();
      const followed = follow(agent.transportDirectory, latencies, following.signal);
      live.push(await percentOf(pid, async () => await writeLive(paths)));
      await sleep(5000);
      following.abort();
      await followed;
      if (latencies.length < liveFiles * rounds)
        throw new Error(`only ${latencies.length} of ${liveFiles * rounds} lines were published`);
      middle.push(quantile(latencies, 0.5));
      slow.push(quantile(latencies, 0.99));
      const { rssBytesMax } = await agent.stop();
      rssMiB.push(rssBytesMax / 2 ** 20);
    }
    const figures: Figure[] = [
      { name: 'CPU of the start', unit: 's', values: start },
      { name: 'CPU of a core, idle', unit: '%', values: idle, budget: { max: idlePercentMax } },
      { name: 'CPU of a core, 50 live', unit: '%', values: live },
      { name: 'write to published, half within', unit: 'ms', values: middle, budget: { max: liveMsMax } },
      { name: 'write to published, 99 % within', unit: 'ms', values: slow, budget: { max: liveMsMax } },
      { name: 'RSS, most', unit: 'MiB', values: rssMiB },
    ];
    return figures;
  },
};

/** Resolves when every file is followed and acknowledged to its end, and none is polled: from then on it costs walks and events. */
async function settled(agent: AgentProcess, files: number): Promise<void> {
  let seen: object = {};
  const isSettled = async (): Promise<boolean> => {
    const now = await agent.metrics('caboose_followed_files', 'caboose_lag_bytes', 'caboose_polled_files');
    seen = now;
    const { caboose_followed_files: followed, caboose_lag_bytes: lag, caboose_polled_files: polled } = now;
    // Its own samples of resource usage are a file as well.
    return (followed ?? 0) >= files && lag === 0 && polled === 0;
  };
  await until(isSettled, () => `the agent has settled: ${JSON.stringify(seen)}`, settledWithinMs, 1000);
}

async function writeFiles(logs: string): Promise<string[]> {
  const content = trainingLines(10);
  const paths: string[] = [];
  for (let directory = 0; directory < directories; directory += 1) {
    await mkdir(join(logs, `run-${directory}`), { recursive: true });
    for (let file = 0; file < filesEach; file += 1) {
      const path = join(logs, `run-${directory}`, `worker-${file}.log`);
      await writeFile(path, content);
      paths.push(path);
    }
  }
  return paths;
}

/** A line each, with the time at which it was written. */
async function writeLive(paths: readonly string[]): Promise<void> {
  const step = Math.floor(paths.length / liveFiles);
  const chosen = paths.filter((_, i) => i % step === 0).slice(0, liveFiles);
  for (let round = 0; round < rounds; round += 1) {
    for (const path of chosen) await appendFile(path, `live ${Date.now()}\n`);
    await sleep(roundMs);
  }
}

/** Reads the local log as it grows, and notes how old each live line is when it can be read there. */
async function follow(dir: string, latencies: number[], signal: AbortSignal): Promise<void> {
  const retention = { bytesMax: 2 ** 40, ageMsMax: 2 ** 40 };
  const transport = createLocalTransport({
    dir,
    segmentFileBytesMax: 64 * 1024 * 1024,
    retention,
    clock: systemClock,
    logger: silentLogger,
    group: 'bench',
  });
  for await (const { segment } of transport.scanner.scan({ follow: true, signal })) {
    const now = Date.now();
    for (const [, written] of segment.bytes.toString().matchAll(/live (\d+)\n/g))
      latencies.push(now - Number(written));
  }
  await transport.close();
}

async function percentOf(pid: number, work: () => Promise<void>): Promise<number> {
  const [before, began] = [await usedBy(pid), performance.now()];
  await work();
  const after = await usedBy(pid);
  return ((after.cpuSeconds - before.cpuSeconds) * 100_000) / (performance.now() - began);
}
