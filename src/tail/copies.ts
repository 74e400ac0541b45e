import { bareNameOf } from '../core/decompressor.ts';
import { familyOf } from './compressed-files.ts';
import type { CompressedFiles, Contents } from './compressed-files.ts';
import { holdsStream } from './comparison.ts';
import type { Comparison } from './comparison.ts';
import type { CutLog } from './cut-log.ts';
import type { StreamState } from './cut-state.ts';
import { pathOf } from './discovery.ts';
import type { Candidate } from './discovery.ts';
import type { OpenFile } from './file-system.ts';
import { isDrained } from './followed-file.ts';
import type { FollowedFile } from './followed-file.ts';
import type { FollowedFiles } from './followed-files.ts';
import { beginsWith, hasAnchor, hasHead } from './identity.ts';
import type { Orphans } from './orphans.ts';

/**
 * Says of a file that nobody knows whether it may be a copy of one that is still in its place, which is not to be shipped twice:
 *
 * - `held`: it is one, in the making, or its original is about to be truncated. It is asked for again after the next walk;
 * - a takeover: a compressed copy whose original is gone and read to its end, or was never seen, goes on with the stream;
 * - `own`: a file of its own.
 */
export type Verdict = 'held' | 'own' | Takeover;

export interface Takeover {
  stream: StreamState;
  original: FollowedFile | null;
}

export interface CopiesOptions {
  files: FollowedFiles;
  orphans: Orphans;
  cutLog: CutLog;
  compressed: CompressedFiles;
  comparison: Comparison;
}

/** A copy that does not change for so long, beside an original in its place, is a file of its own. */
const holdMs = 6_000;

interface Held {
  size: number;
  mtimeMs: number;
  /** Monotonic ms. */
  since: number;
}

/** A file in its place of which another one may be a copy. */
interface Original {
  path: string;
  key: string;
  stream: StreamState | null;
  /** Its stream looks for its copy at this moment. */
  waits: boolean;
  /** Monotonic ms, now or when it was looked at last: it may have been truncated since. */
  knownUntil: number;
}

export class Copies {
  readonly #options: CopiesOptions;
  /** By dev:ino. */
  readonly #held = new Map<string, Held>();
  /** By dev:ino of a compressed file: that of the one that it was made of, of which nothing was cut yet. */
  readonly #uncut = new Map<string, string>();
  /** Families of an earlier process, until every compressed file that was there at the start is known. */
  readonly #unsettled: Set<string>;
  /** What the last walk has found, by every path. */
  #present: ReadonlyMap<string, Candidate> = new Map();
  #isUndecided = false;

  /** `earlier`: the streams of an earlier process. */
  constructor(earlier: Iterable<StreamState>, options: CopiesOptions) {
    this.#options = options;
    this.#unsettled = new Set(Array.from(earlier, ({ record }) => familyOf(record.path)));
  }

  /** The last walk found something that may be a copy, and could not tell: once its original was read, the next one can. */
  get isUndecided(): boolean {
    return this.#isUndecided;
  }

  /** Before the first question after a walk. `present`: what it has found, by every path. */
  begin(present: ReadonlyMap<string, Candidate>): void {
    this.#present = present;
    this.#isUndecided = false;
  }

  /** After the last one. `found`: all that the walk has found, by dev:ino. */
  end(found: ReadonlyMap<string, Candidate>): void {
    if (!this.#options.compressed.isPending()) this.#unsettled.clear();
    const { files } = this.#options;
    for (const key of this.#held.keys())
      if (!found.has(key) || files.get(key)?.stream) this.#held.delete(key);
    for (const key of this.#uncut.keys()) if (!found.has(key)) this.#uncut.delete(key);
  }

  /** `now` is monotonic ms; `bornAt`: wall ms, when the file got what it holds now. */
  async judge(candidate: Candidate, now: number, bornAt = candidate.stat.birthtimeMs): Promise<Verdict> {
    const verdict = candidate.compressed
      ? await this.#judgeCompressed(candidate, candidate.compressed)
      : await this.#judgePlain(candidate, now, bornAt);
    return verdict === 'own' && this.#awaitsKin(candidate) ? 'held' : verdict;
  }

  async #judgePlain(candidate: Candidate, now: number, bornAt: number): Promise<Verdict> {
    const path = pathOf(candidate);
    const { key, size, mtimeMs } = candidate.stat;
    const original = this.#originalOf(path, now, bornAt);
    // It may yet become one.
    if (original !== null && size === 0) return 'held';
    const isCopy = async (file: OpenFile) => original !== null && (await this.#isCopy(file, size, original));
    const looksLikeIt = original !== null && (await this.#options.comparison.look(path, key, isCopy));
    if (looksLikeIt === null || (looksLikeIt && original?.stream === null)) this.#isUndecided = true;
    if (looksLikeIt === null) return 'held';
    if (!looksLikeIt) {
      this.#held.delete(key);
      return 'own';
    }
    const held = this.#held.get(key);
    if (held?.size !== size || held.mtimeMs !== mtimeMs) {
      this.#held.set(key, { size, mtimeMs, since: now });
      return 'held';
    }
    return original.knownUntil - held.since < holdMs ? 'held' : 'own';
  }

  /**
   * A compressed copy of a stream that is followed: held while the original is in its place or is still drained, for it may yet
   * be unfinished, and takes its place then. One of which nobody has the original goes on with the stream.
   */
  async #judgeCompressed(candidate: Candidate, contents: Contents): Promise<Verdict> {
    const { files, orphans, cutLog, compressed } = this.#options;
    const originals = new Map([...files].map((file) => [file.stream, file]));
    for (const stream of contents.beginsAs) {
      if (cutLog.streams.get(stream.record.id) !== stream) continue;
      const original = originals.get(stream) ?? null;
      const heldEnd = contents.holds.get(stream);
      const isKnown = heldEnd !== undefined && (heldEnd === stream.end || stream.end > contents.place.size);
      const isPart = isKnown || (await this.#isPartOf(candidate, contents, original));
      if (isPart === null) return 'held';
      if (!isPart) {
        if (heldEnd === undefined) continue;
        // The stream has come further since: once more.
        compressed.outdate(candidate);
        return 'held';
      }
      if (orphans.includes(stream)) return 'held';
      if (original && (!original.gone || !isDrained(original))) return 'held';
      return { stream, original };
    }
    return await this.#judgeUnknown(candidate, contents);
  }

  /**
   * A compressed file that begins as no stream does: what it was made of may be there, and have none yet. Then it waits until that has one,
   * and is looked through again, for now it may begin as that.
   */
  async #judgeUnknown(candidate: Candidate, contents: Contents): Promise<'held' | 'own'> {
    const { files, compressed } = this.#options;
    const { key } = candidate.stat;
    const known = files.get(this.#uncut.get(key) ?? '');
    if (known?.stream) {
      this.#uncut.delete(key);
      compressed.outdate(candidate);
      return 'held';
    }
    const original = await this.#uncutOriginalOf(candidate, contents, known);
    if (original === null) {
      this.#uncut.delete(key);
      return 'own';
    }
    if (original !== 'unknown') this.#uncut.set(key, original.key);
    return 'held';
  }

  /** Its dev:ino: of a file of the family that is followed and of which nothing was cut, or of one that was found in this walk. */
  async #uncutOriginalOf(
    candidate: Candidate,
    contents: Contents,
    known: FollowedFile | undefined,
  ): Promise<{ key: string } | 'unknown' | null> {
    const { files, comparison } = this.#options;
    const path = pathOf(candidate);
    for (const file of known ? [known] : files.membersOf(familyOf(path))) {
      if (file.stream !== null || files.get(file.key) !== file) continue;
      const isPart = await this.#isPartOf(candidate, contents, file);
      if (isPart !== false) return isPart === null ? 'unknown' : file;
    }
    const { stat, compressed } = this.#present.get(bareNameOf(path)) ?? {};
    const { place, anchor } = contents;
    if (!stat || compressed || files.get(stat.key) || stat.size < place.size) return null;
    const isPart = await comparison.look(bareNameOf(path), stat.key, (file) =>
      hasAnchor(file, place.size, anchor),
    );
    if (isPart === null) return 'unknown';
    return isPart ? stat : null;
  }

  /** Whether the original has, where the compressed file ends, the bytes with which that ends: then it is older, or unfinished. */
  async #isPartOf(
    candidate: Candidate,
    { place, anchor }: Contents,
    original: FollowedFile | null,
  ): Promise<boolean | null> {
    if (!original || original.compressed || familyOf(original.path) !== familyOf(pathOf(candidate)))
      return false;
    const { handle, size, key } = original;
    if (place.size > size) return false;
    if (handle) return await hasAnchor(handle, place.size, anchor);
    const isPart = async (file: OpenFile) => await hasAnchor(file, place.size, anchor);
    const isThere = await this.#options.comparison.look(original.path, key, isPart);
    return original.gone ? isThere === true : isThere;
  }

  /** Of what was read of the original, or of what it is now: it may not have been read yet, or not since it was truncated. */
  async #isCopy(
    file: OpenFile,
    size: number,
    { stream, waits, path, key }: Original,
  ): Promise<boolean | null> {
    const hasAll = waits || (stream !== null && (await isCopyOf(file, size, stream)));
    if (hasAll === true) return true;
    const isSame = async (other: OpenFile) => {
      // There is nothing left to compare it with.
      if (hasAll === null && stream && !(await holdsStream(other, stream))) return true;
      return await beginsWith(other, file, size);
    };
    return await this.#options.comparison.look(path, key, isSame);
  }

  /** The file in its place whose rotated name this would be; one that the walk has just found may not be followed yet. */
  #originalOf(path: string, now: number, bornAt: number): Original | null {
    const { files } = this.#options;
    const family = familyOf(path);
    if (family === path) return null;
    const isOlder = ({ birthtimeMs }: { birthtimeMs: number }) => birthtimeMs <= bornAt;
    for (const file of files.membersOf(family)) {
      const { stream, waitsFor, key } = file;
      if (file.path !== family || file.gone || !isOlder(file) || file.complaint !== null) continue;
      const knownUntil = file.nextPollAt <= now ? file.lastPolledAt : now;
      return { path: family, key, stream, waits: waitsFor !== null, knownUntil };
    }
    const { stat } = this.#present.get(family) ?? {};
    if (!stat || files.get(stat.key) || !isOlder(stat)) return null;
    return { path: family, key: stat.key, stream: null, waits: false, knownUntil: now };
  }

  /**
   * At the start: of a family that an earlier process followed, compressed files are not known yet, and their bytes come before
   * this one's.
   */
  #awaitsKin(candidate: Candidate): boolean {
    const path = pathOf(candidate);
    return this.#unsettled.has(familyOf(path)) && this.#options.compressed.isPending(path);
  }
}

/** Whether it has what was read of the original, though that may have been truncated since. Null: it is too short to tell. */
async function isCopyOf(file: OpenFile, size: number, state: StreamState): Promise<boolean | null> {
  if (!(await hasHead(file, state.record))) return size < state.record.headBytes ? null : false;
  if (size < state.end || state.anchor === null) return null;
  return await hasAnchor(file, state.end, state.anchor);
}
