import { mkdir, open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';
import { CabooseError, errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { retry } from '../../core/retry.ts';
import { syncDirectory } from '../../core/durable-files.ts';
import { listLogFiles, logFilePath, readRange, statLogFile } from './log-files.ts';
import { encodePayload, frameHeader, parseFrame } from './log-format.ts';
import type { LogRecord } from './log-format.ts';
import { LogReader } from './log-reader.ts';
import { applyRetention } from './retention.ts';
import type { RetentionPolicy } from './retention.ts';

export interface LogWriterOptions {
  dir: string;
  fileBytesMax: number;
  retention: RetentionPolicy;
  /** The lowest position that every known group has consumed in this log; Infinity without groups. */
  consumed: () => Promise<number>;
  /** The highest position that any group has committed in this log: new records must come behind it. */
  committedMax: () => Promise<number>;
  /** Told after each commit to disk. */
  onStored: () => void;
  clock: Clock;
  logger: Logger;
}

interface Pending {
  payload: Buffer[];
  bytes: number;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** Bytes that one fsync covers at most. */
const commitBytesMax = 4 * 1024 * 1024;

/**
 * The one writer of a log. Records that wait together are written together and share one fsync (group commit); a record is
 * acknowledged after it. A failed write (full disk) is cut off and tried again until `stop`; nothing is acknowledged meanwhile.
 */
export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #stopping = new AbortController();
  #pending: Pending[] = [];
  #running: Promise<void> | null = null;
  #handle: FileHandle | null = null;
  #base = 0;
  #size = 0;
  /** Why nothing can be stored now; null when all is well. */
  problem: string | null = null;

  constructor(options: LogWriterOptions) {
    this.#options = options;
  }

  /** Resolves when the record survives a crash of the machine. */
  append(record: LogRecord): Promise<void> {
    if (this.#stopping.signal.aborted) return Promise.reject(stopped());
    const payload = encodePayload(record, this.#options.clock.now());
    const bytes = payload.reduce((sum, part) => sum + part.length, 0);
    return new Promise((resolve, reject) => {
      this.#pending.push({ payload, bytes, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Drops what waits, closes the file. Tolerates a second call. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.idle();
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
  }

  async #run(): Promise<void> {
    // Lets the callers of this turn join the first commit.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const batch = this.#takeBatch();
      try {
        await this.#store(batch);
        for (const record of batch) record.resolve();
        this.#options.onStored();
      } catch (error) {
        const reason = this.#stopping.signal.aborted ? stopped(error) : asError(error);
        for (const record of [...batch, ...this.#pending.splice(0)]) record.reject(reason);
      }
    }
    // In the same turn as the look at what waits: a record that comes later starts a new run.
    this.#running = null;
  }

  #takeBatch(): Pending[] {
    let bytes = 0;
    let count = 0;
    for (const record of this.#pending) {
      if (count > 0 && bytes + record.bytes > commitBytesMax) break;
      bytes += record.bytes;
      count += 1;
    }
    return this.#pending.splice(0, count);
  }

  async #store(batch: readonly Pending[]): Promise<void> {
    const { clock, logger, dir } = this.#options;
    await retry(async () => await this.#write(batch), {
      clock,
      signal: this.#stopping.signal,
      initialMs: 100,
      maxMs: 5000,
      onFailure: (error) => {
        if (this.problem === null)
          logger.warn({ dir, error: errorText(error) }, 'local log cannot be written, waiting');
        this.problem = errorText(error);
      },
    });
    if (this.problem !== null) logger.info({ dir }, 'local log can be written again');
    this.problem = null;
  }

  async #write(batch: readonly Pending[]): Promise<void> {
    if (this.#stopping.signal.aborted) throw stopped();
    const handle = await this.#currentFile();
    const parts: Buffer[] = [];
    let size = this.#size;
    for (const { payload, bytes } of batch) {
      const header = frameHeader(payload, this.#base + size);
      parts.push(header, ...payload);
      size += header.length + bytes;
    }
    try {
      await writeAll(handle, parts, this.#size);
      await handle.datasync();
    } catch (error) {
      // The file is opened anew, which cuts off the part that was written.
      this.#handle = null;
      await handle.truncate(this.#size).catch(() => undefined);
      await handle.close();
      throw error;
    }
    this.#size = size;
  }

  async #currentFile(): Promise<FileHandle> {
    if (this.#handle === null) return await this.#open();
    if (this.#size < this.#options.fileBytesMax) return this.#handle;
    const full = this.#handle;
    this.#handle = null;
    await full.close();
    await this.#create(this.#base + this.#size);
    await applyRetention(this.#options);
    return this.#handle!;
  }

  /** Goes on behind the last good record. A torn record is cut off; other rubbish is left for the readers to tell. */
  async #open(): Promise<FileHandle> {
    const { dir, logger, committedMax } = this.#options;
    await mkdir(dir, { recursive: true });
    const last = (await listLogFiles(dir)).at(-1);
    const committed = await committedMax();
    if (!last) return await this.#create(committed);
    const tail = await findTail(dir, last.base, last.path);
    if (tail.tornBytes > 0) {
      logger.warn(
        { dir, position: last.base + tail.end, bytes: tail.tornBytes },
        'cut off a torn record that was never acknowledged',
      );
    }
    // A machine crash can take records that a consumer had read already: positions are never given out twice.
    if (tail.rubbishBytes > 0 || committed > last.base + tail.end) {
      return await this.#create(Math.max(committed, last.base + tail.end + tail.rubbishBytes));
    }
    const handle = await open(last.path, 'r+');
    if (tail.tornBytes > 0) {
      await handle.truncate(tail.end);
      await handle.datasync();
    }
    this.#base = last.base;
    this.#size = tail.end;
    this.#handle = handle;
    return handle;
  }

  async #create(base: number): Promise<FileHandle> {
    const { dir } = this.#options;
    this.#handle = await open(logFilePath(dir, base), 'w', 0o644);
    await syncDirectory(dir);
    this.#base = base;
    this.#size = 0;
    return this.#handle;
  }
}

/** What follows the last good record of a file: a frame that was being written, or something else. Offsets in the file. */
async function findTail(
  dir: string,
  base: number,
  path: string,
): Promise<{ end: number; tornBytes: number; rubbishBytes: number }> {
  const reader = new LogReader(dir, base);
  while ((await reader.next(commitBytesMax)).length > 0);
  const end = reader.position - base;
  const rest = ((await statLogFile(path))?.size ?? 0) - end;
  if (rest <= 0) return { end, tornBytes: 0, rubbishBytes: 0 };
  const start = (await readRange(path, end, rest)) ?? Buffer.alloc(0);
  return parseFrame(start, 0, reader.position).kind === 'incomplete'
    ? { end, tornBytes: rest, rubbishBytes: 0 }
    : { end, tornBytes: 0, rubbishBytes: rest };
}

async function writeAll(handle: FileHandle, parts: Buffer[], position: number): Promise<void> {
  // One buffer, one call: writev takes at most 1,024 parts and may write less than all.
  const bytes = Buffer.concat(parts);
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

function stopped(cause?: unknown): CabooseError {
  return new CabooseError('TRANSPORT_STOPPED', 'the local log was stopped before the record was stored', {
    cause,
    retriable: true,
    hint: 'nothing is lost: the cut log holds what was not acknowledged',
  });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
