import { readFile, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../core/logger.ts';
import { replaceFile } from '../../core/durable-files.ts';
import { orWhenMissing } from './log-files.ts';

const fileName = 'positions.json';

/** Committed positions of one group, by log. Written whole (temporary file, fsync, rename), the previous copy is kept. */
export class GroupPositions {
  readonly #dir: string;
  #positions: Map<string, number>;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(dir: string, positions: Map<string, number>) {
    this.#dir = dir;
    this.#positions = positions;
  }

  static async load(dir: string, logger: Logger): Promise<GroupPositions> {
    const found = await readPositions(dir);
    if (found.damaged) {
      // Older positions, or none, mean that segments come again, which the index notices; nothing is lost.
      logger.warn(
        { dir, fallback: found.positions.size > 0 ? 'previous copy' : 'beginning' },
        'consumer positions are damaged, segments will come again',
      );
    }
    const positions = new GroupPositions(dir, found.positions);
    // A group that exists on disk holds retention back from its first moment.
    await positions.#write();
    return positions;
  }

  get(log: string): number {
    return this.#positions.get(log) ?? 0;
  }

  /** Resolves when the position is on disk. Calls that come while one is written share the next write. */
  async commit(log: string, position: number): Promise<void> {
    if (this.#closed) return;
    this.#positions.set(log, position);
    this.#writing = this.#writing.then(
      async () => await this.#write(),
      async () => await this.#write(),
    );
    await this.#writing;
  }

  /** Later commits are ignored. Resolves when no write is under way; one that failed was told to whoever committed. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing.catch(() => undefined);
  }

  async #write(): Promise<void> {
    const content = { version: 1, positions: Object.fromEntries(this.#positions) };
    const path = join(this.#dir, fileName);
    await orWhenMissing(rename(path, `${path}.previous`), undefined);
    await replaceFile(this.#dir, fileName, `${JSON.stringify(content)}\n`);
  }
}

/** Lowest and highest committed position of a log over all groups. */
export async function committedRange(groupsDir: string, log: string): Promise<{ min: number; max: number }> {
  let min = Infinity;
  let max = 0;
  for (const group of await orWhenMissing(readdir(groupsDir), [])) {
    const { positions } = await readPositions(join(groupsDir, group));
    const position = positions.get(log) ?? 0;
    min = Math.min(min, position);
    max = Math.max(max, position);
  }
  return { min, max };
}

async function readPositions(dir: string): Promise<{ positions: Map<string, number>; damaged: boolean }> {
  let damaged = false;
  for (const name of [fileName, `${fileName}.previous`]) {
    const text = await orWhenMissing(readFile(join(dir, name), 'utf8'), null);
    const positions = text === null ? null : parse(text);
    if (positions !== null) return { positions, damaged };
    if (text !== null) damaged = true;
  }
  return { positions: new Map(), damaged };
}

function parse(text: string): Map<string, number> | null {
  try {
    const { version, positions } = JSON.parse(text) as { version?: unknown; positions?: unknown };
    if (version !== 1 || typeof positions !== 'object' || positions === null) return null;
    const entries = Object.entries(positions);
    return entries.every(
      (entry): entry is [string, number] => Number.isSafeInteger(entry[1]) && entry[1] >= 0,
    )
      ? new Map(entries)
      : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return null;
    throw error;
  }
}
