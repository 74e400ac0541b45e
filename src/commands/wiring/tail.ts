import { statfs } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import { CabooseError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { ProcessLock } from '../../core/process-lock.ts';
import type { Publisher } from '../../core/transport.ts';
import { compressionLevels } from '../../segment/compression.ts';
import { Budget } from '../../tail/budget.ts';
import type { CompressionChoice } from '../../tail/compression-choice.ts';
import { CutLog, stateDirectoryError } from '../../tail/cut-log.ts';
import { descriptorLimit, openFilesWithin } from '../../tail/descriptors.ts';
import { nodeFileSystem } from '../../tail/file-system.ts';
import { nodeJournalStore } from '../../tail/journal-store.ts';
import { compilePatterns } from '../../tail/patterns.ts';
import type { Patterns } from '../../tail/patterns.ts';
import { nodeSpoolStore } from '../../tail/spool-store.ts';
import { Spool } from '../../tail/spool.ts';
import { Tail } from '../../tail/tail.ts';
import { directoryWatcher, noWatcher } from '../../tail/watcher.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { fileMatcher } from './file-matcher.ts';
import type { WatchedPart } from '../../telemetry/stalls.ts';
import { openRedactor } from './redaction.ts';
import { laneResolver, originResolver, routedOrigin } from './origin.ts';
import { withSamples } from './resources.ts';

export interface OpenTailOptions {
  publisher: Publisher;
  /** Told of what binds; absent: compression stays as it is. */
  compression?: CompressionChoice;
  env: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  /** Only work through what is there: nothing wakes it up. */
  once?: boolean;
  /** The process does other work as well, so that its CPU time says nothing of the tail: no CPU ceiling. */
  sharesProcess?: boolean;
  watched?: WatchedPart;
}

export interface OpenTail {
  tail: Tail;
  /** Null while decisions can be kept in the state directory; else why not. */
  stateNotReady: () => Promise<string | null>;
  /** Brings the gauges of the tail up to date. */
  measure: () => void;
  /** Gives the state directory back; after `tail.drain` or `tail.once`. */
  release: () => void;
}

/** The tail that the config describes, with its state directory locked. Throws LOCKED or STATE_DIRECTORY. */
export async function openTail(config: Config, options: OpenTailOptions): Promise<OpenTail> {
  const { publisher, compression, env, clock, logger, metrics } = options;
  const { once = false, sharesProcess = false, watched } = options;
  const { agent, state } = config;
  const { source } = config;
  if (!source)
    throw new CabooseError('CONFIG_INVALID', 'the config has no source', {
      hint: 'add source: { include: […] }',
    });
  const patterns = sourcePatterns(source);
  const lock = lockState(state.dir);
  const cutLog = await openCutLog(state.dir, source.id, logger, lock);
  const rules = withSamples(
    {
      patterns,
      laneOf: laneResolver(source),
      isSnapshot: fileMatcher(source.snapshots),
      originOf: originResolver(source, patterns.roots, env),
    },
    config,
    env,
  );
  const tail = new Tail({
    source: source.id,
    host: hostname(),
    ...rules,
    originOf: routedOrigin(config, rules.originOf),
    publisher,
    cutLog,
    spool: new Spool({
      store: nodeSpoolStore(join(state.dir, 'spool')),
      source: source.id,
      bytesMax: agent.spoolBytesMax,
      clock,
      logger,
      metrics,
    }),
    redactor: openRedactor(source, cutLog, { logger, metrics }),
    fs: nodeFileSystem,
    watcher:
      agent.fileSystemEvents && !once
        ? directoryWatcher({
            fs: nodeFileSystem,
            clock,
            logger,
            isInteresting: (path) => rules.patterns.matches(path),
            isTold: rules.isTold,
            lookIntervalMs: agent.pollIntervalMs,
          })
        : noWatcher,
    budget: new Budget({
      cpuMax: sharesProcess ? null : agent.cpuMax,
      bytesPerSecondMax: agent.bytesPerSecondMax,
      clock,
    }),
    onPressure: (pressure) => compression?.observe(pressure),
    clock,
    logger,
    metrics,
    pollIntervalMs: agent.pollIntervalMs,
    inFlightBytesMax: agent.inFlightBytesMax,
    openFilesMax: await openFilesMax(agent.openFilesMax, logger),
    ...(watched && { watched }),
  });
  return {
    tail,
    stateNotReady: async () => await diskNotReady(state.dir, cutLog),
    measure() {
      const { bytes, since, files, openFiles, polledFiles } = tail.lag();
      metrics.lagBytes.set(bytes);
      metrics.lagSeconds.set(since === null ? 0 : Math.max(0, clock.now() - since) / 1000);
      metrics.followedFiles.set(files);
      metrics.openFiles.set(openFiles);
      metrics.polledFiles.set(polledFiles);
      for (const level of compressionLevels)
        metrics.compressionLevel.set({ level }, level === (compression?.level ?? 'normal') ? 1 : 0);
    },
    release: () => lock.release(),
  };
}

/** With less than this the next journal may not fit. */
const freeBytesMin = 8 * 1024 * 1024;

async function diskNotReady(dir: string, { failure }: CutLog): Promise<string | null> {
  if (failure !== null) return `the cut log cannot be written: ${failure}`;
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  return free < freeBytesMin ? `the disk of ${dir} has ${free} bytes left` : null;
}

export function sourcePatterns(source: NonNullable<Config['source']>): Patterns {
  return compilePatterns(source.include, source.exclude, '/');
}

/** What of `agent.openFilesMax` the process's limit of descriptors allows. */
async function openFilesMax(wanted: number, logger: Logger): Promise<number> {
  const limit = await descriptorLimit();
  const allowed = openFilesWithin(limit, wanted);
  if (allowed < wanted) {
    const hint = 'raise the limit of open files (ulimit -n, LimitNOFILE), or lower agent.openFilesMax';
    logger.warn(
      { limit, openFilesMax: allowed, wanted, hint },
      'the limit of open files is low: fewer are held open',
    );
  }
  return allowed;
}

function lockState(dir: string): ProcessLock {
  try {
    return ProcessLock.acquire(join(dir, 'lock'), 'the state directory');
  } catch (error) {
    throw error instanceof CabooseError ? error : stateDirectoryError(dir, error);
  }
}

async function openCutLog(dir: string, source: string, logger: Logger, lock: ProcessLock): Promise<CutLog> {
  try {
    return await CutLog.open({ store: nodeJournalStore(dir), source, logger });
  } catch (error) {
    lock.release();
    throw stateDirectoryError(dir, error);
  }
}
