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
    let file: OpenFile | null = null;
    try {
      file = await this.#fs.open(path);
      if (file === null || (await file.stat()).key !== key) return null;
      return await at(file);
    } catch (error) {
      this.#logger.debug({ path, error }, 'could not be compared with known streams');
      return isExhaustion(error) ? null : false;
    } finally {
      await file?.close();
    }
  }

  /** Null: as for `look`. */
  async holds(candidate: Candidate, stream: StreamState): Promise<boolean | null> {
    return await this.look(pathOf(candidate), candidate.stat.key, (file) => holdsStream(file, stream));
  }

  /** Whether the candidate holds the stream's bytes, as far as can be seen. */
  async mayHold(candidate: Candidate, stream: StreamState): Promise<boolean> {
    let isOther = false;
    await this.look(pathOf(candidate), candidate.stat.key, async (file) => {
      isOther = !(await holdsStream(file, stream));
      return true;
    });
    return !isOther;
  }
}

/** Whether the file has the stream's head, and the bytes before its end. */
export async function holdsStream(file: OpenFile, { record, end, anchor }: StreamState): Promise<boolean> {
  return await holds(file, { headBytes: record.headBytes, headHash: record.headHash, end, anchor });
}
