import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { access, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { originOf } from '../../config/origin.ts';
import type { OriginOfFile } from '../../config/origin.ts';
import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { holdsResources, kindLabel, resourcesKind } from '../../core/resources.ts';
import type { Lane } from '../../core/segment.ts';
import { cgroupSource } from '../../resources/cgroup.ts';
import { infinibandSource } from '../../resources/infiniband.ts';
import { machineSource } from '../../resources/machine.ts';
import { nvidiaSmiSource } from '../../resources/nvidia-smi.ts';
import type { Finished } from '../../resources/nvidia-smi.ts';
import type { ReadText, ResourceSource } from '../../resources/reading.ts';
import { SampleFiles, sampledRunOf } from '../../resources/sample-files.ts';
import type { SampledRun } from '../../resources/sample-files.ts';
import { Sampler } from '../../resources/sampler.ts';
import { isBelow } from '../../tail/patterns.ts';
import type { Patterns } from '../../tail/patterns.ts';
import { quickly } from '../../tail/quick-calls.ts';
import type { Tail } from '../../tail/tail.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

/** Samples go the way of every byte: into files below the state directory, which the tail follows beside the user's. */

type Environment = Readonly<Record<string, string | undefined>>;

/** What the tail asks of a path. */
export interface PathRules {
  patterns: Patterns;
  laneOf: (path: string) => Lane;
  isSnapshot: (path: string) => boolean;
  originOf: (path: string) => OriginOfFile;
  /** Whether its writer tells the tail of each write. */
  isTold: (path: string) => boolean;
}

/** The rules of the user's files, and those of the samples, which no pattern of a user speaks of. What an earlier process sampled is shipped, too. */
export function withSamples(rules: Omit<PathRules, 'isTold'>, config: Config, env: Environment): PathRules {
  const dir = samplesDirectory(config);
  const { patterns, laneOf, isSnapshot } = rules;
  const mayHoldSamples = config.agent.resources.enabled || existsSync(dir);
  const isSample = (path: string) => sampledRunOf(dir, path) !== null;
  // What the configuration and the environment say of this agent; no path has a say in it.
  const { rank, labels } = originOf('/', '/', { ...config.source, pathPatterns: [] }, env);
  return {
    patterns: {
      roots: mayHoldSamples ? [...patterns.roots, dir] : patterns.roots,
      matches: (path) => (isBelow(path, dir) ? isSample(path) : patterns.matches(path)),
      prunes: (directory) => !isBelow(directory, dir) && patterns.prunes(directory),
    },
    laneOf: (path) => (isSample(path) ? 'fast' : laneOf(path)),
    isSnapshot: (path) => !isSample(path) && isSnapshot(path),
    isTold: (path) => isBelow(path, dir),
    originOf(path) {
      const sampled = sampledRunOf(dir, path);
      if (sampled === null) return rules.originOf(path);
      return { ...sampled, rank, labels: { ...labels, [kindLabel]: resourcesKind } };
    },
  };
}

export interface SamplingOptions {
  tail: Tail;
  env: Environment;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

/** A run is sampled for so long after the last byte of its files: one that hangs is what people want to look at. */
const sampledAfterMs = 3_600_000;
/** More runs at once are not sampled: the most recently written are. */
const runsMax = 16;

/**
 * Samples the runs that the tail follows, until the signal aborts. Does nothing if the config says so; never rejects. Nobody needs to wait
 * for its end, which a program that hangs may put off: what it still writes is shipped at the next start.
 */
export async function sampleResources(
  config: Config,
  { tail, env, clock, logger, metrics }: SamplingOptions,
  signal: AbortSignal,
): Promise<void> {
  const { enabled, intervalMs, bytesMax } = config.agent.resources;
  if (!enabled) return;
  try {
    const files = await SampleFiles.open({
      dir: samplesDirectory(config),
      bytesMax,
      acknowledged: (path) => tail.acknowledged(path),
      onWritten: (path, isNew) => tail.wake(isNew ? 'appeared' : 'changed', path),
      onDropped: () => metrics.dropped.inc({ reason: 'resources-full' }),
      clock,
      logger,
    });
    const sampler = new Sampler({
      sources: sourcesOf(config, env, clock),
      intervalMs,
      write: async (sample) => await files.write(sampledRuns(tail, clock), sample),
      clock,
      logger,
    });
    await sampler.run(signal);
  } catch (error) {
    const hint = 'the rest goes on; switch it off with agent.resources.enabled';
    logger.error({ reason: errorText(error), hint }, 'resource usage is not sampled');
  }
}

function samplesDirectory({ state }: Config): string {
  return join(state.dir, 'resources');
}

/** Of each run the latest attempt; the most recently written runs first. */
function sampledRuns(tail: Tail, clock: Clock): SampledRun[] {
  const runs = new Map<string, SampledRun & { writtenAt: number }>();
  for (const { record, writtenAt } of tail.streamsWrittenSince(clock.now() - sampledAfterMs)) {
    if (holdsResources(record)) continue;
    const known = runs.get(record.run);
    const attempt = Math.max(known?.attempt ?? 0, record.attempt);
    runs.set(record.run, { run: record.run, attempt, writtenAt: Math.max(known?.writtenAt ?? 0, writtenAt) });
  }
  return [...runs.values()].sort((a, b) => b.writtenAt - a.writtenAt).slice(0, runsMax);
}

function sourcesOf({ agent }: Config, env: Environment, clock: Clock): ResourceSource[] {
  const { cgroup, nvidiaSmi, cpuMax } = agent.resources;
  const sources = [
    cgroupSource(readText, cgroup ?? null),
    machineSource({ readText, exists }),
    infinibandSource({ readText, list }),
  ];
  if (nvidiaSmi === null) return sources;
  const gpus = nvidiaSmiSource({
    run: async (args) => await runProgram(nvidiaSmi, args, env),
    childCpuSeconds,
    cpuMax,
    clock,
  });
  return [...sources, gpus];
}

const readText: ReadText = async (path) => {
  try {
    return await quickly(
      () => readFileSync(path, 'utf8'),
      async () => await readFile(path, 'utf8'),
    );
  } catch {
    // Not there, not for this user, or not supported by the kernel or the device: there is nothing to be had.
    return null;
  }
};

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function list(directory: string): Promise<string[]> {
  return await readdir(directory).catch(() => []);
}

const programTimeoutMs = 10_000;
const outputBytesMax = 1024 * 1024;

/** Rejects when it cannot be started. */
async function runProgram(program: string, args: readonly string[], env: Environment): Promise<Finished> {
  const options = {
    timeout: programTimeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: outputBytesMax,
    env: { ...env, LC_ALL: 'C' },
  } as const;
  return await new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error?.code ?? (error?.killed === true ? null : 0);
      if (error !== null && typeof code === 'string') reject(error);
      else resolve({ code: typeof code === 'number' ? code : null, stdout, stderr });
    });
  });
}

/** proc_pid_stat(5): cutime and cstime, in ticks of 1/100 s. */
async function childCpuSeconds(): Promise<number> {
  const stat = (await readText('/proc/self/stat')) ?? '';
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[13]) || 0) + (Number(fields[14]) || 0)) / 100;
}
