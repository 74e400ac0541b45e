/**
 * The files in which samples wait to be shipped: one for each run that is followed, in the agent's state directory, followed by its own tail.
 *
 *     <dir>/run=<run>/attempt=<n>/<ms since epoch>.jsonl
 *
 * The path says whose it is, so that a file that an earlier process has left tells its origin. A file is written by one process only, up to
 * `fileBytesMax`; then another begins, and it is deleted when all of it is acknowledged.
 *
 * Failure rule: what does not fit into `bytesMax`, because the transport is away for long, is left out, told once and counted. A line that could
 * not be written as a whole ends its file.
 */
import { appendFile, mkdir, readdir, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { errorCode, errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';

export interface SampledRun {
  run: string;
  attempt: number;
}

export interface SampleFilesOptions {
  dir: string;
  /** Of all files together. */
  bytesMax: number;
  /** How many bytes of the file the transport has acknowledged; null: nobody knows the file yet. */
  acknowledged: (path: string) => number | null;
  /** Told of each line that was written; `isNew`: the first of its file. */
  onWritten: (path: string, isNew: boolean) => void;
  /** Told of each line that is left out. */
  onDropped: () => void;
  clock: Clock;
  logger: Logger;
}

interface SampleFile {
  path: string;
  bytes: number;
}

const fileBytesMax = 4 * 1024 * 1024;
/** Of a part of a path: file systems allow 255 bytes. */
const partMax = 200;

export class SampleFiles {
  readonly #options: SampleFilesOptions;
  /** By path. */
  readonly #files = new Map<string, SampleFile>();
  /** Those that are written to, by run and attempt. */
  #current = new Map<string, SampleFile>();
  #isFull = false;

  private constructor(options: SampleFilesOptions) {
    this.#options = options;
  }

  /** Takes over what earlier processes have left. Throws what the file system throws. */
  static async open(options: SampleFilesOptions): Promise<SampleFiles> {
    await mkdir(options.dir, { recursive: true });
    const files = new SampleFiles(options);
    for (const entry of await readdir(options.dir, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && sampledRunOf(options.dir, path) !== null)
        files.#files.set(path, { path, bytes: (await stat(path)).size });
    }
    return files;
  }

  /** One line for each run: `line` with the run in it. Throws what the file system throws. */
  async write(runs: readonly SampledRun[], sample: object): Promise<void> {
    const current = this.#current;
    this.#current = new Map();
    for (const each of runs) {
      const key = JSON.stringify([each.run, each.attempt]);
      const held = current.get(key);
      const line = Buffer.from(`${JSON.stringify({ run: each.run, attempt: each.attempt, ...sample })}\n`);
      if (!this.#hasRoom(line.length)) continue;
      const file = held && held.bytes + line.length <= fileBytesMax ? held : this.#begin(each);
      await this.#append(file, line);
      this.#current.set(key, file);
    }
    await this.#tidy();
  }

  #begin(run: SampledRun): SampleFile {
    const { dir, clock } = this.#options;
    const directory = join(dir, ...partsOf(run.run), `attempt=${run.attempt}`);
    let number = Math.floor(clock.now());
    // The clock may have been set back.
    while (this.#files.has(join(directory, `${number}.jsonl`))) number += 1;
    return { path: join(directory, `${number}.jsonl`), bytes: 0 };
  }

  async #append(file: SampleFile, line: Buffer): Promise<void> {
    const isNew = file.bytes === 0;
    if (isNew) await mkdir(dirname(file.path), { recursive: true });
    this.#files.set(file.path, file);
    try {
      await appendFile(file.path, line);
      file.bytes += line.length;
      this.#options.onWritten(file.path, isNew);
    } catch (error) {
      // How much of it was written is not known, so nothing may follow.
      file.bytes = (await stat(file.path).catch(() => null))?.size ?? file.bytes;
      throw error;
    }
  }

  #hasRoom(bytes: number): boolean {
    const { bytesMax, logger, onDropped } = this.#options;
    const waiting = [...this.#files.values()].reduce((sum, file) => sum + file.bytes, 0);
    const wasFull = this.#isFull;
    this.#isFull = waiting + bytes > bytesMax;
    if (!this.#isFull) return true;
    onDropped();
    const hint =
      'they are shipped when the transport is back; agent.resources.bytesMax says how many may wait';
    if (!wasFull) logger.warn({ bytesMax, hint }, 'samples of resource usage are left out: too many wait');
    return false;
  }

  /** Deletes what is shipped and no longer written to. */
  async #tidy(): Promise<void> {
    const { dir, acknowledged, logger } = this.#options;
    const written = new Set(this.#current.values());
    for (const file of this.#files.values()) {
      if (written.has(file) || (acknowledged(file.path) ?? -1) < file.bytes) continue;
      try {
        await unlink(file.path);
      } catch (error) {
        if (errorCode(error) !== 'ENOENT') {
          logger.debug(
            { path: file.path, reason: errorText(error) },
            'a file of samples cannot be deleted yet',
          );
          continue;
        }
      }
      this.#files.delete(file.path);
      await removeEmpty(dirname(file.path), dir);
    }
  }
}

/** Whose samples a file holds, by its path; null if it is none of them. */
export function sampledRunOf(dir: string, path: string): SampledRun | null {
  const found = /^run=([^.]+)\/attempt=(\d{1,8})\/\d+\.jsonl$/.exec(relative(dir, path));
  const [, encoded, attempt] = found ?? [];
  if (encoded === undefined) return null;
  try {
    return { run: decodeURIComponent(encoded.replaceAll('/', '')), attempt: Number(attempt) };
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** A run's name in parts of a path, whatever is in it. */
function partsOf(run: string): string[] {
  const encoded = `run=${encodeURIComponent(run.toWellFormed()).replaceAll('.', '%2E')}`;
  return Array.from({ length: Math.ceil(encoded.length / partMax) }, (_, i) =>
    encoded.slice(i * partMax, (i + 1) * partMax),
  );
}

async function removeEmpty(directory: string, root: string): Promise<void> {
  for (let at = directory; at.length > root.length; at = dirname(at)) {
    try {
      await rmdir(at);
    } catch {
      // Something else is in it.
      return;
    }
  }
}
