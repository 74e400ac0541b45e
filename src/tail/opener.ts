import { errorText } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import { DecompressedFile } from './decompressed-file.ts';
import type { Descriptors } from './descriptors.ts';
import type { Discovery } from './discovery.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import type { FollowedFile } from './followed-file.ts';
import type { Spool } from './spool.ts';
import type { SpooledFile } from './spooled-file.ts';

/**
 * Opens followed files: within what descriptors.ts allows, and only what is the file still and lies where it may. One that was let go is opened
 * in the spool, a compressed one as its decompressed bytes.
 */
export interface OpenerOptions {
  fs: FileSystem;
  spool: Spool;
  clock: Clock;
  logger: Logger;
  pollIntervalMs: number;
}

export class Opener {
  readonly #options: OpenerOptions;
  readonly #discovery: Discovery;
  readonly #descriptors: Descriptors;

  constructor(options: OpenerOptions, discovery: Discovery, descriptors: Descriptors) {
    this.#options = options;
    this.#discovery = discovery;
    this.#descriptors = descriptors;
  }

  /**
   * False when there is nothing to open, or it has to wait for its turn. `isNext`: it is to be read now, so files that wait for it do not keep
   * it waiting. Rejects with what the system says.
   */
  async open(file: FollowedFile, isNext: boolean): Promise<boolean> {
    const descriptors = this.#descriptors;
    if (file.handle) {
      descriptors.used(file);
      return true;
    }
    try {
      if (await descriptors.makeRoom(isNext)) return await this.#open(file);
    } catch (error) {
      if (!descriptors.isExhausted(error)) throw error;
    }
    file.nextPollAt = this.#options.clock.monotonic() + this.#options.pollIntervalMs;
    return false;
  }

  /**
   * Opens the file though there is no room to read it: a descriptor keeps the bytes of a file that is deleted. Does not reject.
   */
  async hold(file: FollowedFile): Promise<void> {
    try {
      await this.open(file, false);
    } catch (error) {
      this.#options.logger.debug({ path: file.path, reason: errorText(error) }, 'cannot be opened yet');
    }
  }

  async #open(file: FollowedFile): Promise<boolean> {
    const { fs } = this.#options;
    if (file.spooled) return await this.#openSpooled(file, file.spooled);
    // What its path leads to now is another file, or it is back: the next walk tells.
    if (file.gone) return false;
    const handle = await fs.open(file.path);
    if (!handle) return false;
    if (await this.#leadsTo(handle, file)) {
      this.#descriptors.opened(
        file,
        file.compressed ? new DecompressedFile(handle, file.compressed) : handle,
      );
      return true;
    }
    // Another file has the name now: the next walk tells them apart.
    await handle.close();
    return false;
  }

  /** Whether the descriptor is the file's, and of where it may be. Closes it when that cannot be found out. */
  async #leadsTo(handle: OpenFile, file: FollowedFile): Promise<boolean> {
    try {
      const stat = await handle.stat();
      if (stat.kind !== 'file' || stat.key !== file.key) return false;
      return await this.#discovery.allows(file.path, await handle.realPath());
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  async #openSpooled(file: FollowedFile, spooled: SpooledFile): Promise<boolean> {
    const { spool } = this.#options;
    const identity = { ...file, links: 0, kind: 'file' } as const;
    let handle = await spool.open(spooled, identity);
    if (!handle) {
      // Somebody has deleted the spool file: what it held is a gap.
      spooled.lose();
      handle = await spool.open(spooled, identity);
    }
    if (handle) this.#descriptors.opened(file, handle);
    return handle !== null;
  }
}
