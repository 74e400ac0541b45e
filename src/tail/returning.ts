import { holdsStream } from './comparison.ts';
import type { Comparison } from './comparison.ts';
import type { StreamState } from './cut-state.ts';
import { pathOf } from './discovery.ts';
import type { Candidate } from './discovery.ts';
import type { OpenFile } from './file-system.ts';
import type { FollowedFiles } from './followed-files.ts';
import type { FollowedFile } from './followed-file.ts';
import { beginsWith } from './identity.ts';
import type { Orphans } from './orphans.ts';
import { unsentOf } from './resend.ts';
import type { Spool } from './spool.ts';
import type { Succession } from './succession.ts';

/** Files that were known before, and are found again: each question is answered with true where the candidate is one, or may be. */
export interface ReturningOptions {
  files: FollowedFiles;
  orphans: Orphans;
  comparison: Comparison;
  succession: Succession;
  spool: Spool;
}

export class Returning {
  readonly #options: ReturningOptions;

  constructor(options: ReturningOptions) {
    this.#options = options;
  }

  /** A file that was let go when no path led to it (vanished.ts) is back: it had been moved out of the patterns. */
  async takeBack(candidate: Candidate, now: number): Promise<boolean> {
    const { files, succession } = this.#options;
    const { key, size, birthtimeMs } = candidate.stat;
    for (const before of files.gone) {
      const { spooled, stream, dev, ino } = before;
      const wasLetGo = before.key !== key && `${dev}:${ino}` === key;
      if (!wasLetGo || !stream || size < (spooled ?? before).size) continue;
      const isSame = birthtimeMs <= before.birthtimeMs && (await this.#holds(candidate, before));
      if (isSame === false) continue;
      if (isSame) await succession.replace(before, succession.attach(candidate, stream, before, now));
      else before.mayBeBack = true;
      return true;
    }
    return false;
  }

  /** Of a stream of which nothing was cut, what was copied of its file tells. */
  async #holds(candidate: Candidate, { stream, spooled }: FollowedFile): Promise<boolean | null> {
    const { comparison, spool } = this.#options;
    if (!stream) return false;
    if (stream.end > 0 || !spooled) return await comparison.holds(candidate, stream);
    return await comparison.tells(candidate, async (file) => {
      if (spooled.isEmpty || !spooled.covers(0, spooled.end)) return false;
      const copy = await spool.open(spooled, { ...candidate.stat, links: 0 });
      if (!copy) return false;
      try {
        return await beginsWith(file, copy, spooled.end);
      } finally {
        await copy.close();
      }
    });
  }

  /** A file of an earlier process. Of several streams that had its inode the longest one that it holds has it, or else the last. Whether its bytes are still the same is seen at the first read. */
  async continue(candidate: Candidate, now: number): Promise<boolean> {
    const { orphans, comparison, succession } = this.#options;
    const known = orphans.missingAt(candidate.stat.key).filter((state) => isItsPlace(candidate, state));
    const stream = (known.length > 1 ? await this.#longestIn(candidate, known) : null) ?? known.at(-1);
    if (!stream) return false;
    const { paths, stat, compressed } = candidate;
    const { path, created, born } = stream.record;
    // One that was made after the stream began is a copy that has taken it over, or another file by now: its bytes tell.
    const isInPlace =
      compressed !== undefined || (paths.includes(path) && stat.birthtimeMs <= (born ?? created));
    if (!isInPlace && (await comparison.holds(candidate, stream)) === false) return false;
    orphans.found(stream);
    succession.attach(candidate, stream, { unsent: unsentOf(stream), unwatched: true }, now);
    return true;
  }

  async #longestIn(candidate: Candidate, known: readonly StreamState[]): Promise<StreamState | null> {
    for (const stream of known.toSorted((a, b) => b.end - a.end))
      if ((await this.#options.comparison.holds(candidate, stream)) === true) return stream;
    return null;
  }

  /**
   * The same file under another inode: overlayfs copies a file of a lower layer up when it is first written to. The descriptor
   * still leads to the lower one, by the same path: a file that was moved away or deleted has another one.
   */
  async takeCopiedUp(candidate: Candidate, now: number): Promise<boolean> {
    const { files, comparison, succession } = this.#options;
    const path = pathOf(candidate);
    const before = files.at(path);
    const { stream, handle } = before ?? {};
    if (!before?.gone || !handle || before.waitsFor) return false;
    const isSame = async (file: OpenFile) =>
      (!stream || (await holdsStream(file, stream))) && (await haveSamePath(handle, file));
    if (stream?.anchor === null) return false;
    const found = await comparison.look(path, candidate.stat.key, isSame);
    if (found !== true) return found === null;
    const file = stream
      ? succession.attach(candidate, stream, before, now)
      : succession.attachUncut(candidate, before, now);
    await succession.replace(before, file);
    return true;
  }
}

/** Whether what was found under a stream's dev and ino may still be what it was: an inode may be another file's now, made later. */
function isItsPlace({ compressed, stat }: Candidate, stream: StreamState): boolean {
  const was = stream.record.compressed ?? null;
  if (!compressed) return was === null && stat.birthtimeMs <= (stream.record.born ?? Infinity);
  return was !== null && (compressed.holds.has(stream) || compressed.beginsAs.has(stream));
}

async function haveSamePath(file: OpenFile, other: OpenFile): Promise<boolean> {
  const path = await file.realPath();
  return path !== null && path === (await other.realPath());
}
