import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { StreamState } from './cut-state.ts';
import { isExhaustion } from './descriptors.ts';
import { pathOf } from './discovery.ts';
import type { Candidate } from './discovery.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { holds } from './identity.ts';

/**
 * Looks into files to tell whose bytes they hold. Each is opened for the look alone.
 *
 * Failure rule: what cannot be opened is told when it is read; until then it holds nobody's bytes. While there are no descriptors left,
 * nothing is known of it: neither that it holds somebody's bytes nor that it does not.
 */
export class Comparison {
  readonly #fs: FileSystem;
  readonly #logger: Logger;
  /** Paths of which it was told that they cannot be compared. */
  readonly #told = new Set<string>();

  constructor(fs: FileSystem, logger: Logger) {
    this.#fs = fs;
    this.#logger = logger;
  }

  /**
   * Null when it cannot be told now, but perhaps after the next walk: the path leads to another file, or to none, or there is no descriptor
   * for a look. `key` is dev:ino.
   */
  async look(
    path: string,
    key: string,
    at: (file: OpenFile) => Promise<boolean | null>,
  ): Promise<boolean | null> {
    try {
      return await this.#look(path, key, at);
    } catch (error) {
      this.#logger.debug({ path, error }, 'could not be compared with known streams');
      return isExhaustion(error) ? null : false;
    }
  }

  /** As `look`, into a file that is open: no path may lead to it any more. */
  async lookInto<T>(path: string, file: OpenFile, at: (file: OpenFile) => Promise<T>): Promise<T | null> {
    try {
      return await at(file);
    } catch (error) {
      this.#logger.debug({ path, error }, 'could not be compared with known streams');
      return null;
    }
  }

  /**
   * Whether the candidate holds the stream's bytes. Null: as for `look`, or it cannot be read, which is told once: such a file is read by
   * nobody who would tell it.
   */
  async holds(candidate: Candidate, stream: StreamState): Promise<boolean | null> {
    return await this.tells(candidate, (file) => holdsStream(file, stream));
  }

  /** What a candidate's file tells when it is looked at; null as for `holds`. */
  async tells(candidate: Candidate, at: (file: OpenFile) => Promise<boolean>): Promise<boolean | null> {
    const path = pathOf(candidate);
    try {
      return await this.#look(path, candidate.stat.key, at);
    } catch (error) {
      const isNews = !isExhaustion(error) && !this.#told.has(path);
      if (isNews) {
        this.#told.add(path);
        const hint = 'let the user that runs Caboose read it; it is tried again';
        this.#logger.warn({ path, reason: errorText(error), hint }, 'cannot be compared with known streams');
      }
      return null;
    }
  }

  async #look(
    path: string,
    key: string,
    at: (file: OpenFile) => Promise<boolean | null>,
  ): Promise<boolean | null> {
    const file = await this.#fs.open(path);
    if (file === null) return null;
    try {
      return (await file.stat()).key === key ? await at(file) : null;
    } finally {
      await file.close();
    }
  }
}

/** Whether the file has the stream's head, and the bytes before its end. */
export async function holdsStream(file: OpenFile, { record, end, anchor }: StreamState): Promise<boolean> {
  return await holds(file, { headBytes: record.headBytes, headHash: record.headHash, end, anchor });
}
