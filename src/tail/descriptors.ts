import { readFile } from 'node:fs/promises';
import { errorCode } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { OpenFile } from './file-system.ts';
import { canBeRead, hasUnread } from './followed-file.ts';
import type { FollowedFile } from './followed-file.ts';

/**
 * The descriptors of followed files, at most so many that the sockets of the transport, the cut log, the spool and HTTP have
 * theirs. When all are in use, the file that was used least recently and is read to its end gives its one to the next; what no
 * path leads to, or has unread bytes, keeps it, unless it has to wait for the one that asks. Files that find no room wait for their turn.
 *
 * Failure rule: a system that has run out all the same (EMFILE, ENFILE) lowers the number, once told; nothing is lost by waiting.
 */
export class Descriptors {
  readonly #logger: Logger;
  /** Least recently used first. */
  readonly #open = new Set<FollowedFile>();
  #max: number;
  #waiting = 0;
  #wasShort = false;
  #told = false;

  constructor(max: number, logger: Logger) {
    this.#max = max;
    this.#logger = logger;
  }

  get size(): number {
    return this.#open.size;
  }

  /** How many are in use beyond the bound. */
  get excess(): number {
    return Math.max(0, this.#open.size - this.#max);
  }

  /** How many more are wanted: by files that wait for their turn, and what is in use beyond the bound. */
  get shortage(): number {
    return this.excess + this.#waiting;
  }

  /** Whether more were wanted, at any time since the last call, than may be in use. */
  takeShortage(): boolean {
    const isShort = this.#wasShort || this.shortage > 0;
    this.#wasShort = false;
    return isShort;
  }

  /** How many of those that could be spared are to be, so that half of all is there for new files. */
  get crowding(): number {
    return Math.max(this.shortage, this.#open.size - Math.floor(this.#max / 2));
  }

  /** How many files had to wait since the last call. */
  takeWaiting(): number {
    const waiting = this.#waiting;
    this.#waiting = 0;
    return waiting;
  }

  /**
   * Whether one more may be opened, after closing another one if need be. `isNext`: it is to be read now, and others may wait for it: those
   * do not keep it waiting.
   */
  async makeRoom(isNext: boolean): Promise<boolean> {
    // Who waits once, waits until somebody was let go: looking again at all that is open would find nothing.
    if (this.#waiting === 0) {
      await this.#closeDownTo(this.#max - 1, isSpare);
      if (isNext) await this.#closeDownTo(this.#max - 1, (file) => !file.gone && !canBeRead(file));
    }
    if (this.#open.size < this.#max) return true;
    this.#wait();
    return false;
  }

  /** Back below the bound, as far as there is anything to spare. */
  async trim(): Promise<void> {
    await this.#closeDownTo(this.#max, isSpare);
  }

  opened(file: FollowedFile, handle: OpenFile): void {
    file.handle = handle;
    this.#open.add(file);
  }

  /** Moves it behind the others: it was used just now. */
  used(file: FollowedFile): void {
    if (this.#open.delete(file)) this.#open.add(file);
  }

  async close(file: FollowedFile): Promise<void> {
    const { handle } = file;
    file.handle = null;
    this.#open.delete(file);
    await handle?.close();
  }

  /** True when the error says that there are no descriptors left: the file is to wait. */
  isExhausted(error: unknown): boolean {
    if (!isExhaustion(error)) return false;
    this.#wait();
    this.#max = Math.max(openFilesMin, Math.min(this.#max, this.#open.size) - 1);
    if (!this.#told) {
      const hint = 'raise the limit of open files (ulimit -n, LimitNOFILE), or lower agent.openFilesMax';
      const reason = errorCode(error);
      this.#logger.warn(
        { reason, hint, openFilesMax: this.#max },
        'out of file descriptors: files take turns',
      );
    }
    this.#told = true;
    return true;
  }

  #wait(): void {
    this.#waiting += 1;
    this.#wasShort = true;
  }

  async #closeDownTo(keep: number, which: (file: FollowedFile) => boolean): Promise<void> {
    if (this.#open.size <= keep) return;
    for (const file of this.#open) {
      if (this.#open.size <= keep) return;
      if (which(file)) await this.close(file);
    }
  }
}

/** Nothing is lost with its descriptor. */
function isSpare(file: FollowedFile): boolean {
  return file.spooled !== null || (!file.gone && !hasUnread(file));
}

/** No fewer than this, whatever the limit. */
const openFilesMin = 4;
/** For the runtime, sockets of the transport, HTTP, the cut log, the spool and the walk of the directories. */
const reservedMax = 64;

/** The system gives no more descriptors, to this process or to any. */
export function isExhaustion(error: unknown): boolean {
  return errorCode(error) === 'EMFILE' || errorCode(error) === 'ENFILE';
}

/** How many files may be held open when the process may have `limit` descriptors (null: not known): half of them at least stay free of a low one. */
export function openFilesWithin(limit: number | null, openFilesMax: number): number {
  if (limit === null) return openFilesMax;
  const reserved = Math.min(reservedMax, Math.ceil(limit / 2));
  return Math.max(openFilesMin, Math.min(openFilesMax, limit - reserved));
}

/** The process's own limit of open descriptors; null where the system does not tell. */
export async function descriptorLimit(): Promise<number | null> {
  try {
    const limits = await readFile('/proc/self/limits', 'utf8');
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
    return soft === undefined ? null : Number(soft);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return null;
  }
}
