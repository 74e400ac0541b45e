/**
 * The embedded transport: a log per lane, and one each for facts, incidents and dead letters, in files under one directory.
 *
 *   DIR/lock                       the one writer (pid and start time), taken with the first record
 *   DIR/segments.fast/<base>.log   records, see log-format.ts; `base` is the logical position of the file's first byte
 *   DIR/groups/<group>/            committed positions, and the lock of the process that consumes as this group
 *
 * A record is acknowledged after fsync; records that wait together share one. Readers (subscribers, scans, in any process) need no
 * lock and tolerate a writer that is alive, dead or killed in the middle of a record. What cannot be written (full disk) is waited
 * out; what cannot be read (bit rot) is told as a rejected record, and reading goes on at the next good one.
 */
import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import { CabooseError } from '../../core/errors.ts';
import type { Fact } from '../../core/fact.ts';
import type { Logger } from '../../core/logger.ts';
import { lanes, segmentBytesMax } from '../../core/segment.ts';
import type { Lane, Segment } from '../../core/segment.ts';
import { Turnstile } from '../../core/turnstile.ts';
import type {
  ConnectionState,
  FactReadOptions,
  PartitionReport,
  Publisher,
  Transport,
} from '../../core/transport.ts';
import type { CompressionLevel } from '../../segment/compression.ts';
import { encodeSegment } from '../../segment/wire-format.ts';
import {
  deadLetterFromJson,
  deadLetterToJson,
  factFromJson,
  factToJson,
  incidentToJson,
} from '../record-json.ts';
import { ConsumerGroup } from './consumer-group.ts';
import { ProcessLock } from '../../core/process-lock.ts';
import { committedRange } from './group-positions.ts';
import { localPartition, segmentLog } from './lane-batches.ts';
import { listLogFiles, logEnd } from './log-files.ts';
import type { LogRecord } from './log-format.ts';
import { LogWriter } from './log-writer.ts';
import type { RetentionPolicy } from './retention.ts';
import { readLog, scanSegments } from './scanner.ts';
import { LocalSubscriber } from './subscriber.ts';
import { WakeUp } from '../wake-up.ts';

export interface LocalTransportOptions {
  dir: string;
  /** A log file is closed when it has grown past this; retention deletes whole files. Default 16 MiB. */
  segmentFileBytesMax?: number;
  /** Per log; without it everything is kept. */
  retention?: RetentionPolicy;
  /** Name of the consumer group. */
  group?: string;
  /** How often the files are looked at for what another process has written. */
  pollIntervalMs?: number;
  /** How hard segments are compressed, asked for each. */
  compressionLevel?: () => CompressionLevel;
  clock: Clock;
  logger: Logger;
}

const logs = { facts: 'facts', incidents: 'incidents', deadLetters: 'dead-letters' } as const;
const defaults = { segmentFileBytesMax: 16 * 1024 * 1024, pollIntervalMs: 200, group: 'caboose' };
const factsPerRecordMax = 500;

export function createLocalTransport(options: LocalTransportOptions): Transport {
  const writers = new Writers(options);
  const { clock, logger, dir } = options;
  const pollIntervalMs = options.pollIntervalMs ?? defaults.pollIntervalMs;
  const scanOptions = { dir, wakeUp: writers.wakeUp, pollIntervalMs, clock, logger };
  const group = new ConsumerGroup({
    dir,
    group: options.group ?? defaults.group,
    clock,
    logger,
    wakeUp: writers.wakeUp,
  });
  const append = async (log: string, record: LogRecord): Promise<void> =>
    await writers.get(log).append(record);

  return {
    publisher: localPublisher(writers, options.compressionLevel ?? (() => 'normal')),
    subscriber: () => new LocalSubscriber({ ...scanOptions, group }),
    scanner: { scan: (scan) => scanSegments(scanOptions, scan) },
    partitions: async () => await Promise.all(lanes.map(async (lane) => await partitionReport(dir, lane))),
    facts: {
      append: async (facts) => {
        await Promise.all(
          chunks(facts, factsPerRecordMax).map(async (chunk) => await append(logs.facts, factsRecord(chunk))),
        );
      },
      async *read(read) {
        for await (const values of readJson(scanOptions, logs.facts, read)) {
          const facts = values.flatMap((text) => text.split('\n')).map(factFromJson);
          yield facts.filter((fact) => fact !== null);
        }
      },
    },
    incidents: {
      append: async (incidents) => {
        await Promise.all(
          incidents.map(
            async (incident) =>
              await append(logs.incidents, jsonRecord(incident.id, incidentToJson(incident))),
          ),
        );
      },
    },
    deadLetters: {
      append: async (letters) => {
        await Promise.all(
          letters.map(
            async (letter) =>
              await append(logs.deadLetters, jsonRecord(letter.stream ?? '', deadLetterToJson(letter))),
          ),
        );
      },
      mark: async (marks) => {
        const log = writers.get(logs.deadLetters);
        const records = marks.map((mark) => jsonRecord(mark.stream ?? '', deadLetterToJson(mark)));
        await Promise.all(records.map(async (record) => await log.append(record)));
      },
      async *read(signal) {
        for await (const values of readJson(scanOptions, logs.deadLetters, signal ? { signal } : {})) {
          for (const letter of values.map(deadLetterFromJson)) if (letter !== null) yield letter;
        }
      },
    },
    state: () => writers.state(),
    close: async () => {
      await writers.stop();
      await group.close();
    },
  };
}

function localPublisher(writers: Writers, level: () => CompressionLevel): Publisher {
  // Compression is synchronous, and this process has other work as well: a segment at a time.
  const turnstile = new Turnstile(segmentBytesMax);
  const underWay = new Set<Promise<void>>();
  const publish = async (lane: Lane, segment: Segment): Promise<void> => {
    await turnstile.pass(lane, segment.bytes.length);
    await writers.get(segmentLog(lane)).append(encodeSegment(segment, { level: level() }));
  };
  return {
    partitionFor: async () => await Promise.resolve(localPartition),
    publish: async (lane, _partition, segment) => {
      writers.get(segmentLog(lane));
      const published = publish(lane, segment).finally(() => underWay.delete(published));
      underWay.add(published);
      await published;
    },
    stop: async (signal) => {
      const settled = Promise.allSettled(underWay).then(async () => await writers.idle());
      await Promise.race([settled, aborted(signal)]);
      await writers.stop();
    },
  };
}

async function partitionReport(dir: string, lane: Lane): Promise<PartitionReport> {
  const log = segmentLog(lane);
  const [oldest] = await listLogFiles(join(dir, log));
  const { min } = await committedRange(join(dir, 'groups'), log);
  return {
    lane,
    partition: localPartition,
    first: oldest?.base ?? 0,
    end: await logEnd(join(dir, log)),
    committed: Number.isFinite(min) ? min : null,
  };
}

/** The writers of all logs, made when first used, under the one lock of the directory. */
class Writers {
  readonly wakeUp = new WakeUp();
  readonly #options: LocalTransportOptions;
  readonly #writers = new Map<string, LogWriter>();
  #lock: ProcessLock | null = null;
  #stopped = false;

  constructor(options: LocalTransportOptions) {
    this.#options = options;
  }

  /** Throws LOCKED when another process writes here. */
  get(log: string): LogWriter {
    if (this.#stopped) {
      throw new CabooseError('TRANSPORT_STOPPED', 'the local log was stopped', { retriable: true });
    }
    const { dir, clock, logger } = this.#options;
    this.#lock ??= ProcessLock.acquire(join(dir, 'lock'), 'local log');
    const existing = this.#writers.get(log);
    if (existing) return existing;
    const groupsDir = join(dir, 'groups');
    const isConsumed = lanes.some((lane) => segmentLog(lane) === log);
    const writer = new LogWriter({
      dir: join(dir, log),
      fileBytesMax: this.#options.segmentFileBytesMax ?? defaults.segmentFileBytesMax,
      retention: this.#options.retention ?? {},
      consumed: async () => (isConsumed ? (await committedRange(groupsDir, log)).min : Infinity),
      committedMax: async () => (isConsumed ? (await committedRange(groupsDir, log)).max : 0),
      onStored: () => this.wakeUp.notify(),
      clock,
      logger,
    });
    this.#writers.set(log, writer);
    return writer;
  }

  async idle(): Promise<void> {
    await Promise.all([...this.#writers.values()].map(async (writer) => await writer.idle()));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#writers.values()].map(async (writer) => await writer.stop()));
    this.#lock?.release();
    this.#lock = null;
  }

  state(): ConnectionState {
    const problem = [...this.#writers.values()].map((writer) => writer.problem).find((text) => text !== null);
    return problem === undefined
      ? { name: 'local-transport', connected: true }
      : { name: 'local-transport', connected: false, reason: problem };
  }
}

async function* readJson(
  options: Parameters<typeof readLog>[0],
  log: string,
  { onCaughtUp, ...read }: FactReadOptions,
): AsyncIterable<string[]> {
  const signal = read.signal ?? new AbortController().signal;
  let seen = options.wakeUp.count;
  let isCaughtUp = false;
  for await (const entry of readLog(options, log, read)) {
    if (entry === null) {
      if (!isCaughtUp) onCaughtUp?.();
      isCaughtUp = true;
      await options.wakeUp.wait(seen, options.pollIntervalMs, options.clock, signal);
      seen = options.wakeUp.count;
    } else if (entry.kind === 'record') yield [entry.record.value.toString()];
    else {
      options.logger.error(
        { log, position: entry.position, bytes: entry.end - entry.position },
        'records of the local log are damaged or deleted',
      );
    }
  }
  if (!isCaughtUp && !signal.aborted) onCaughtUp?.();
}

function factsRecord(facts: readonly Fact[]): LogRecord {
  return jsonRecord(facts[0]?.run ?? '', facts.map(factToJson).join('\n'));
}

function jsonRecord(key: string, text: string): LogRecord {
  return { key: key.slice(0, 1024), headers: {}, value: Buffer.from(text) };
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}

async function aborted(signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
}
