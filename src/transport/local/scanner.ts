import { join } from 'node:path';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import { lanes } from '../../core/segment.ts';
import type { CarriedSegment, Lane } from '../../core/segment.ts';
import type { ScanOptions } from '../../core/transport.ts';
import { receive } from '../received-segment.ts';
import { corruptRecord, localPartition, segmentLog } from './lane-batches.ts';
import { listLogFiles, logEnd, statLogFile } from './log-files.ts';
import { LogReader } from './log-reader.ts';
import type { LogEntry } from './log-reader.ts';
import type { WakeUp } from '../wake-up.ts';

export interface LogScanOptions {
  dir: string;
  wakeUp: WakeUp;
  pollIntervalMs: number;
  clock: Clock;
  logger: Logger;
}

const readBytesMax = 1024 * 1024;

/** The segments of all lanes, lane after lane up to today's end; then, if `follow`, what comes. */
export async function* scanSegments(
  options: LogScanOptions,
  scan: ScanOptions = {},
): AsyncIterable<CarriedSegment> {
  const signal = scan.signal ?? new AbortController().signal;
  const sources = lanes.map((lane) => ({
    lane,
    entries: readLog(options, segmentLog(lane), scan)[Symbol.asyncIterator](),
    isOver: false,
  }));
  while (!signal.aborted && sources.some((source) => !source.isOver)) {
    const seen = options.wakeUp.count;
    let found = false;
    for (const source of sources) {
      for (;;) {
        const { value, done = false } = await source.entries.next();
        source.isOver = done;
        if (done || value === null || signal.aborted) break;
        found = true;
        const segment = pick(source.lane, value, scan);
        if (segment) yield segment;
      }
    }
    if (!found && scan.follow) await options.wakeUp.wait(seen, options.pollIntervalMs, options.clock, signal);
  }
}

/**
 * The entries of one log from the beginning, `null` whenever the end is reached and more may come; without `follow` it is over at
 * today's end.
 */
export async function* readLog(
  options: LogScanOptions,
  log: string,
  scan: Pick<ScanOptions, 'since' | 'follow' | 'signal'>,
): AsyncIterable<LogEntry | null> {
  const dir = join(options.dir, log);
  const since = scan.since ?? -Infinity;
  const end = scan.follow ? Infinity : await logEnd(dir);
  const reader = new LogReader(dir, await firstPosition(dir, since));
  while (!scan.signal?.aborted && reader.position < end) {
    const entries = await reader.next(readBytesMax);
    for (const entry of entries) {
      if (entry.position >= end) return;
      if (entry.kind === 'record' && entry.record.time < since) continue;
      if (entry.kind === 'skipped' && entry.position === 0) continue;
      yield entry;
    }
    if (entries.length === 0 && !scan.follow) return;
    if (entries.length === 0) yield null;
  }
}

/** Whole files that were last written before `since` hold nothing of interest. */
async function firstPosition(dir: string, since: number): Promise<number> {
  const files = await listLogFiles(dir);
  for (const file of files) {
    const found = await statLogFile(file.path);
    if (found && found.mtimeMs >= since) return file.base;
  }
  return files.at(-1)?.base ?? 0;
}

function pick(lane: Lane, entry: LogEntry, scan: ScanOptions): CarriedSegment | null {
  if (entry.kind === 'skipped') return null;
  if (entry.kind === 'corrupt') {
    scan.onRejected?.(corruptRecord(lane, entry));
    return null;
  }
  const place = { lane, partition: localPartition, position: entry.position };
  const received = receive(place, entry.record, scan.match);
  if (received === 'no match') return null;
  if ('segment' in received) return received.segment;
  scan.onRejected?.(received.rejected);
  return null;
}
