import type { Logger } from '../core/logger.ts';
import { familyOf } from './compressed-files.ts';
import type { CompressedFiles, Contents } from './compressed-files.ts';
import type { CutLog } from './cut-log.ts';
import type { StreamState } from './cut-state.ts';
import type { Descriptors } from './descriptors.ts';
import type { Candidate } from './discovery.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { followedFile, hasUnread, isDrained } from './followed-file.ts';
import type { FollowedFile, Orphan } from './followed-file.ts';
import { noZeros } from './holes.ts';
import { beginsWith, hasAnchor, hasHead, holds } from './identity.ts';
import type { KnownBytes } from './identity.ts';
import { unsentOf } from './resend.ts';

/**
 * Says which of the files on disk is which of the streams. After each walk of the directories a candidate is one of:
 *
 * - a file that is followed (same dev and ino), perhaps under another name;
 * - a file that was let go when no path led to it, and is back (vanished.ts);
 * - a file of an earlier process, known from the cut log by dev and ino;
 * - a followed file that has another inode now (copied up by overlayfs);
 * - a copy of a stream that has lost its place (copytruncate, moved over file systems), known by head and anchor: it takes
 *   over the stream and its offset; one of another family waits until its own is known to have none;
 * - a copy of a file that is still in its place, in the making or about to be truncated: held until that is clear;
 * - a compressed copy of a known stream, in the making, or in its place when the original is gone (`#holdCompressed`);
 * - a new file.
 *
 * A stream that has lost its place and finds no copy in some whole walks is given up: tail.ts publishes a gap.
 */
export interface CatalogOptions {
  fs: FileSystem;
  cutLog: CutLog;
  compressed: CompressedFiles;
  descriptors: Descriptors;
  logger: Logger;
}

/** So many walks more must not find a stream's bytes before it is given up. */
const confirmingScans = 2;
/** A file of an earlier process may be away for so long: moved for a time, or on a volume that comes later. */
const missingWaitMs = 10_000;
/** A copy that does not change for so long, beside an original in its place, is a file of its own. */
const copyHoldMs = 10_000;

type Known = Pick<FollowedFile, 'unsent' | 'unwatched'>;

const nothingUnsent: Known = { unsent: [], unwatched: false };

interface Held {
  size: number;
  mtimeMs: number;
  /** Monotonic ms. */
  since: number;
}

/** A file in its place of which another one may be a copy. `waits`: its stream looks for its copy at this moment. */
interface Original {
  path: string;
  key: string;
  stream: StreamState | null;
  waits: boolean;
}

export class Catalog {
  readonly files = new Map<string, FollowedFile>();
  /** Those of them that are to be polled at some time: what else is quiet is looked at by the walks alone. */
  awake = new Set<FollowedFile>();
  /** Those of them that no path leads to. */
  readonly gone = new Set<FollowedFile>();
  readonly #options: CatalogOptions;
  /** The files of a rotation family, by its bare path. */
  readonly #families = new Map<string, Set<FollowedFile>>();
  readonly #paths = new Map<string, FollowedFile>();
  /** What the last walk has found, by every path. */
  #present: ReadonlyMap<string, Candidate> = new Map();
  /** Streams of an earlier process that no file was found for yet; by dev:ino. */
  readonly #missing = new Map<string, StreamState[]>();
  /** Families of an earlier process, until every compressed file that was there at the start is known. */
  readonly #unsettled = new Set<string>();
  readonly #held = new Map<string, Held>();
  #orphans: Orphan[] = [];
  /** Files whose inode is another file's now, and of which nothing was ever read. */
  #replaced: FollowedFile[] = [];
  #isUndecided = false;
  #missingWaitMs = missingWaitMs;
  /** Monotonic ms of the last walk. */
  #walkedAt = -Infinity;
  #scan = 0;

  constructor(options: CatalogOptions) {
    this.#options = options;
    for (const state of options.cutLog.streams.values()) {
      if (state.record.snapshot === true) continue;
      const key = `${state.record.dev}:${state.record.ino}`;
      this.#unsettled.add(familyOf(state.record.path));
      const known = this.#missing.get(key);
      if (known) known.push(state);
      else this.#missing.set(key, [state]);
    }
  }

  /** From now on nothing is waited for: what a few walks do not find is gone. */
  hurry(): void {
    this.#missingWaitMs = 0;
  }

  /** To be called before a walk begins, so that what is lost during it waits for the next one. */
  beginScan(): void {
    this.#scan += 1;
  }

  /**
   * Takes in the result of a walk. Returns the streams that are given up. `now` is monotonic ms; `isHidden` says where the walk could
   * not look.
   */
  async reconcile(
    candidates: readonly Candidate[],
    now: number,
    isHidden: (path: string) => boolean = () => false,
  ): Promise<Orphan[]> {
    const byKey = new Map(candidates.map((candidate) => [candidate.stat.key, candidate]));
    this.#present = new Map(candidates.flatMap((each) => each.paths.map((path) => [path, each])));
    this.#isUndecided = false;
    this.#walkedAt = now;
    const unknown: Candidate[] = [];
    for (const candidate of candidates) {
      const file = this.files.get(candidate.stat.key);
      if (file && isAnother(file, candidate)) {
        this.#lose(file);
        this.#replaced.push(file);
        unknown.push(candidate);
      } else if (file && (await this.#isStill(file, candidate))) this.#see(file, candidate, now);
      else {
        if (file) this.#lose(file);
        unknown.push(candidate);
      }
    }
    for (const file of this.files.values()) {
      if (byKey.has(file.key) || isHidden(file.path)) continue;
      this.leave(file, now);
      file.missedScans += 1;
    }
    unknown.sort((a, b) => a.stat.birthtimeMs - b.stat.birthtimeMs || pathOf(b).localeCompare(pathOf(a)));
    let rest = await this.#filter(unknown, async (candidate) => !(await this.#takeBack(candidate, now)));
    rest = await this.#filter(rest, async (candidate) => !(await this.#continue(candidate, now)));
    this.#orphanMissing(isHidden);
    for (const candidate of candidates) await this.#adoptRewritten(candidate);
    rest = await this.#filter(rest, async (candidate) => !(await this.#moveTo(candidate, now)));
    rest = await this.#filter(rest, async (candidate) => !(await this.#adopt(candidate, now)));
    // One by one, oldest first: a copy may be found in the same walk as its original.
    for (const candidate of rest)
      if (!(await this.#hold(candidate, now)) && !this.#awaitsKin(candidate)) this.#follow(candidate, now);
    if (!this.#options.compressed.isPending()) this.#unsettled.clear();
    for (const key of this.#held.keys()) if (!byKey.has(key)) this.#held.delete(key);
    this.#markRotated();
    const lost = this.#giveUp(isHidden);
    this.awake = new Set([...this.files.values()].filter(({ nextPollAt }) => nextPollAt < Infinity));
    return lost;
  }

  /** The file's bytes before the offset are others now. Its stream looks for a copy, it begins a new one. */
  orphan(file: FollowedFile, lastSize: number): void {
    const stream = file.stream;
    if (!stream) return;
    const orphan: Orphan = {
      stream,
      // What was seen of one that was not read yet may be of either side of the truncation.
      lastSize: file.unwatched ? stream.end : Math.max(lastSize, stream.end),
      successor: file,
      unsent: file.unsent,
      unwatched: file.unwatched,
      scan: this.#scan + confirmingScans,
      until: this.#walkedAt,
    };
    this.#orphans.push(orphan);
    file.stream = null;
    file.previous = stream.record;
    file.waitsFor = orphan;
    file.unsent = [];
    file.unterminatedSince = null;
    file.zeros = noZeros();
  }

  /** No path leads to it any more. `now` is monotonic ms. */
  leave(file: FollowedFile, now: number): void {
    if (!file.gone) {
      file.goneSince = now;
      // Its writer may have gone on since the last look, however long it was quiet before.
      file.nextPollAt = Math.min(file.nextPollAt, now);
    }
    file.gone = true;
    file.leaving = true;
    this.gone.add(file);
  }

  /** The file was let go, its inode may be another's now: from here on it is known by its stream. */
  rekey(file: FollowedFile): void {
    this.files.delete(file.key);
    file.key = `spooled ${file.stream?.record.id}`;
    this.files.set(file.key, file);
  }

  /** A file of an earlier process, of which the spool is all that is left. */
  takeParked(file: FollowedFile): void {
    if (file.stream) this.#noLongerMissing(file.stream);
    this.#enroll(file);
    this.rekey(file);
    this.leave(file, file.goneSince);
  }

  /** Files that went away before they could be opened, with bytes that were never read. Each is dropped. */
  takeLost(): FollowedFile[] {
    const lost = [...this.gone].filter(
      (file) =>
        file.handle === null &&
        file.spooled === null &&
        file.missedScans > confirmingScans &&
        hasUnread(file),
    );
    for (const file of lost) this.#remove(file);
    lost.push(...this.#replaced);
    this.#replaced = [];
    return lost;
  }

  /** The file that was last seen under this path. */
  at(path: string): FollowedFile | null {
    const file = this.#paths.get(path);
    return file?.path === path ? file : null;
  }

  /** The last walk found something that may be a copy, and could not tell: once its original was read, the next one can. */
  get isUndecided(): boolean {
    return this.#isUndecided;
  }

  /** Some look for a copy, and the next walk may decide it. */
  get hasOrphans(): boolean {
    return this.#orphans.some((orphan) => orphan.until <= this.#walkedAt && !this.#awaitsSurvey(orphan));
  }

  /** No longer followed; its stream is no longer remembered, unless a compressed copy of it may yet be found. */
  drop(file: FollowedFile): void {
    this.#remove(file);
    if (file.stream && !this.#options.compressed.isPending(file.path))
      this.#options.cutLog.forget(file.stream);
  }

  #remove(file: FollowedFile): void {
    this.files.delete(file.key);
    this.gone.delete(file);
    this.awake.delete(file);
    if (this.#paths.get(file.path) === file) this.#paths.delete(file.path);
    for (const path of [file.path, file.stream?.record.firstPath ?? file.path]) {
      const family = familyOf(path);
      const members = this.#families.get(family);
      members?.delete(file);
      if (members?.size === 0) this.#families.delete(family);
    }
  }

  /**
   * A file that nobody holds open and that is found under another name was renamed, or was deleted and its inode given out again: its
   * bytes tell. Of one that was not read yet nobody can tell, and it is all the same: it is looked at anew.
   */
  async #isStill(file: FollowedFile, candidate: Candidate): Promise<boolean> {
    if (file.handle !== null || candidate.compressed || candidate.paths.includes(file.path)) return true;
    return file.stream ? await this.#mayHold(candidate, file.stream) : file.previous !== null;
  }

  /** Another file has its inode. */
  #lose(file: FollowedFile): void {
    file.gone = true;
    this.#remove(file);
    const { stream, size, unsent } = file;
    if (!stream) return;
    const scan = this.#scan + confirmingScans;
    this.#orphans.push({
      stream,
      lastSize: Math.max(size, stream.end),
      successor: null,
      unsent,
      unwatched: true,
      scan,
      until: this.#walkedAt,
    });
  }

  #see(file: FollowedFile, candidate: Candidate, now: number): void {
    const { stat, paths } = candidate;
    if (!paths.includes(file.path)) {
      file.path = pathOf(candidate);
      file.lane = null;
      file.leaving = true;
      this.#joinFamily(file);
      if (file.stream) this.#options.cutLog.setPlace(file.stream, file);
    }
    file.missedScans = 0;
    if (file.gone) {
      file.gone = false;
      this.gone.delete(file);
      file.leaving = file.family !== file.path;
    }
    const changed = stat.size !== file.size || stat.mtimeMs !== file.mtimeMs;
    if (candidate.compressed && candidate.compressed.place !== file.compressed) {
      file.compressed = candidate.compressed.place;
      file.size = stat.size;
      file.changedAt = now;
      if (file.stream) this.#options.cutLog.setPlace(file.stream, file);
    }
    if (changed || hasUnread(file)) file.nextPollAt = Math.min(file.nextPollAt, now);
  }

  /** A file that was let go when no path led to it (vanished.ts) is back: it had been moved out of the patterns. */
  async #takeBack(candidate: Candidate, now: number): Promise<boolean> {
    const { key, size, birthtimeMs } = candidate.stat;
    for (const before of this.gone) {
      const { spooled, stream, dev, ino } = before;
      if (!spooled || !stream || `${dev}:${ino}` !== key || size < spooled.size) continue;
      if (birthtimeMs > before.birthtimeMs || !(await this.#holdsStream(candidate, stream))) continue;
      await this.#replace(before, this.#attach(candidate, stream, before, now));
      return true;
    }
    return false;
  }

  /** A file of an earlier process. Of several streams that had its inode the last one has it. Whether its bytes are still the same is seen at the first read. */
  async #continue(candidate: Candidate, now: number): Promise<boolean> {
    const known = this.#missing.get(candidate.stat.key);
    const stream = known?.findLast((state) => isItsPlace(candidate, state));
    if (!stream) return false;
    const { paths, stat, compressed } = candidate;
    const { path, created } = stream.record;
    // One that was made after the stream began is a copy that has taken it over, or another file by now: its bytes tell.
    const isInPlace = compressed !== undefined || (paths.includes(path) && stat.birthtimeMs <= created);
    if (!isInPlace && !(await this.#mayHold(candidate, stream))) return false;
    this.#noLongerMissing(stream);
    this.#orphans = this.#orphans.filter((orphan) => orphan.stream !== stream);
    this.#attach(candidate, stream, { unsent: unsentOf(stream), unwatched: true }, now);
    return true;
  }

  /** `known`: what is known of the stream from where it was before. */
  #attach(candidate: Candidate, stream: StreamState, known: Known, now: number): FollowedFile {
    const file = this.#fileOf(candidate, now);
    file.stream = stream;
    file.unsent = known.unsent;
    file.unwatched = known.unwatched;
    const { record } = stream;
    if (candidate.paths.includes(record.path)) file.path = record.path;
    const isThere = file.path === record.path && record.ino === file.ino && record.dev === file.dev;
    if (!isThere || file.compressed !== (record.compressed ?? null)) {
      this.#options.cutLog.setPlace(stream, file);
    }
    this.#enroll(file);
    return file;
  }

  /**
   * Streams of an earlier process whose files were not in the walk, though it could look there. A file may be away for a time, so they
   * are looked for again before they are given up.
   */
  #orphanMissing(isHidden: (path: string) => boolean): void {
    const orphaned = new Set(this.#orphans.map(({ stream }) => stream));
    for (const stream of [...this.#missing.values()].flat()) {
      if (orphaned.has(stream) || isHidden(stream.record.path)) continue;
      const scan = this.#scan + confirmingScans;
      this.#orphans.push({
        stream,
        lastSize: stream.end,
        successor: null,
        unsent: unsentOf(stream),
        unwatched: true,
        scan,
        until: this.#walkedAt + this.#missingWaitMs,
      });
    }
  }

  /**
   * The same file under another inode: overlayfs copies a file of a lower layer up when it is first written to. The descriptor
   * still leads to the lower one, by the same path: a file that was moved away or deleted has another one.
   */
  async #moveTo(candidate: Candidate, now: number): Promise<boolean> {
    const path = pathOf(candidate);
    const before = this.#paths.get(path);
    const { stream, handle } = before ?? {};
    if (!before?.gone || before.path !== path || !handle || before.waitsFor) return false;
    const isSame = async (file: OpenFile) =>
      (!stream || (await holds(file, knownBytesOf(stream)))) && (await haveSamePath(handle, file));
    if (stream?.anchor === null || !(await this.#opened(path, candidate.stat.key, isSame))) return false;
    const file = stream
      ? this.#attach(candidate, stream, before, now)
      : this.#attachUncut(candidate, before, now);
    await this.#replace(before, file);
    return true;
  }

  /** Nothing was cut yet: all is read from the copy. */
  #attachUncut(candidate: Candidate, { predecessor, previous }: FollowedFile, now: number): FollowedFile {
    const file = Object.assign(this.#fileOf(candidate, now), { predecessor, previous });
    this.#enroll(file);
    return file;
  }

  /** Whether it has the bytes of a stream without a place: then it takes the stream over, now or in a later walk. */
  async #adopt(candidate: Candidate, now: number): Promise<boolean> {
    const orphan = await this.#orphanIn(candidate, null);
    if (orphan && this.#mayAdopt(candidate, orphan)) this.#giveTo(candidate, orphan, now);
    return orphan !== null;
  }

  /** A file of another family, which may merely begin with the same bytes, has to wait until the family is known to have no copy. */
  #mayAdopt({ paths }: Candidate, { stream, scan }: Orphan): boolean {
    const family = familyOf(stream.record.path);
    return scan <= this.#scan || paths.some((path) => familyOf(path) === family);
  }

  /** A file that was rewritten and has not begun its new stream may be a copy, too: a deleted file's inode is given out again. */
  async #adoptRewritten(candidate: Candidate): Promise<void> {
    const file = this.files.get(candidate.stat.key);
    if (!file?.waitsFor || candidate.compressed) return;
    const orphan = await this.#orphanIn(candidate, file.waitsFor);
    if (!orphan || !this.#mayAdopt(candidate, orphan)) return;
    const { stream, unsent, unwatched } = orphan;
    this.#noLongerMissing(stream);
    file.stream = stream;
    file.previous = null;
    file.waitsFor = null;
    file.unsent = unsent;
    file.unwatched = unwatched;
    this.#options.cutLog.setPlace(stream, file);
    this.#placed(orphan, file);
  }

  /** The stream without a place whose bytes the candidate holds. */
  async #orphanIn(candidate: Candidate, except: Orphan | null): Promise<Orphan | null> {
    const { compressed, stat } = candidate;
    if (compressed)
      return this.#orphans.find(({ stream }) => compressed.holds.get(stream) === stream.end) ?? null;
    const possible = this.#orphans.filter(
      (orphan) => orphan !== except && orphan.stream.end > 0 && stat.size >= orphan.lastSize,
    );
    if (possible.length === 0) return null;
    let found: Orphan | null = null;
    await this.#opened(pathOf(candidate), stat.key, async (file) => {
      for (const orphan of possible) {
        if (!(await holds(file, knownBytesOf(orphan.stream)))) continue;
        found = orphan;
        return true;
      }
      return false;
    });
    return found;
  }

  #placed(orphan: Orphan, adopter: FollowedFile): void {
    adopter.leaving = true;
    if (orphan.successor) {
      orphan.successor.waitsFor = null;
      orphan.successor.predecessor = adopter;
    }
    this.#orphans = this.#orphans.filter((other) => other !== orphan);
  }

  #giveTo(candidate: Candidate, orphan: Orphan, now: number): void {
    this.#noLongerMissing(orphan.stream);
    this.#placed(orphan, this.#attach(candidate, orphan.stream, orphan, now));
    this.#held.delete(candidate.stat.key);
  }

  /** Whether it looks like a copy of a file that is still in its place: not to be shipped twice. */
  async #hold(candidate: Candidate, now: number): Promise<boolean> {
    if (candidate.compressed) return await this.#holdCompressed(candidate, candidate.compressed, now);
    const path = pathOf(candidate);
    const original = this.#originalOf(path, candidate);
    const isCopy = async (file: OpenFile) =>
      original !== null && (await this.#isCopy(file, candidate.stat.size, original));
    const looksLikeIt = original !== null && (await this.#opened(path, candidate.stat.key, isCopy));
    if (looksLikeIt === null || (looksLikeIt && original?.stream === null)) this.#isUndecided = true;
    if (looksLikeIt === null) return true;
    if (!looksLikeIt) {
      this.#held.delete(candidate.stat.key);
      return false;
    }
    const held = this.#held.get(candidate.stat.key);
    const { size, mtimeMs } = candidate.stat;
    if (held?.size !== size || held.mtimeMs !== mtimeMs) {
      this.#held.set(candidate.stat.key, { size, mtimeMs, since: now });
      return true;
    }
    return now - held.since < copyHoldMs;
  }

  /**
   * A compressed copy of a stream that is followed: held while the original is in its place or is still drained, for it may yet
   * be unfinished, and takes its place then. One of which nobody has the original goes on with the stream.
   */
  async #holdCompressed(candidate: Candidate, contents: Contents, now: number): Promise<boolean> {
    const originals = new Map([...this.files.values()].map((file) => [file.stream, file]));
    for (const stream of contents.beginsAs) {
      if (this.#options.cutLog.streams.get(stream.record.id) !== stream) continue;
      const original = originals.get(stream) ?? null;
      const heldEnd = contents.holds.get(stream);
      const isKnown = heldEnd !== undefined && (heldEnd === stream.end || stream.end > contents.place.size);
      if (!isKnown && !(await this.#isPartOf(candidate, contents, original))) {
        if (heldEnd === undefined) continue;
        // The stream has come further since: once more.
        this.#options.compressed.outdate(candidate);
        return true;
      }
      if (this.#orphans.some((orphan) => orphan.stream === stream)) return true;
      if (original && (!original.gone || !isDrained(original))) return true;
      const file = this.#attach(candidate, stream, original ?? nothingUnsent, now);
      if (original) await this.#replace(original, file);
      return true;
    }
    return false;
  }

  /** The stream is another file's now. */
  async #replace(original: FollowedFile, by: FollowedFile): Promise<void> {
    for (const file of this.files.values()) if (file.predecessor === original) file.predecessor = by;
    this.#remove(original);
    original.stream = null;
    await this.#options.descriptors.close(original);
  }

  /** Whether the original has, where the compressed file ends, the bytes with which that ends: then it is older, or unfinished. */
  async #isPartOf(
    candidate: Candidate,
    { place, anchor }: Contents,
    original: FollowedFile | null,
  ): Promise<boolean> {
    if (!original || original.compressed || familyOf(original.path) !== familyOf(pathOf(candidate)))
      return false;
    const { handle, size, key } = original;
    if (place.size > size) return false;
    if (handle) return await hasAnchor(handle, place.size, anchor);
    const isPart = async (file: OpenFile) => await hasAnchor(file, place.size, anchor);
    return (await this.#opened(original.path, key, isPart)) ?? false;
  }

  /** Of what was read of the original, or of what it is now: it may not have been read yet, or not since it was truncated. */
  async #isCopy(file: OpenFile, size: number, { stream, waits, path, key }: Original): Promise<boolean> {
    if (waits || (stream && (await isCopyOf(file, size, stream)))) return true;
    const isSame = async (other: OpenFile) =>
      (await other.stat()).size > 0 && (await beginsWith(other, file, size));
    return (await this.#opened(path, key, isSame)) ?? false;
  }

  /** The file in its place whose rotated name this would be; one that the walk has just found may not be followed yet. */
  #originalOf(path: string, candidate: Candidate): Original | null {
    const family = familyOf(path);
    if (family === path) return null;
    const isOlder = ({ birthtimeMs }: { birthtimeMs: number }) => birthtimeMs <= candidate.stat.birthtimeMs;
    for (const file of this.#families.get(family) ?? []) {
      const { stream, waitsFor, key } = file;
      if (file.path === family && !file.gone && isOlder(file) && file.complaint === null)
        return { path: family, key, stream, waits: waitsFor !== null };
    }
    const { stat } = this.#present.get(family) ?? {};
    if (!stat || this.files.has(stat.key) || !isOlder(stat)) return null;
    return { path: family, key: stat.key, stream: null, waits: false };
  }

  #follow(candidate: Candidate, now: number): void {
    const file = this.#fileOf(candidate, now);
    file.predecessor = this.#predecessorOf(file);
    this.#enroll(file);
    this.#held.delete(file.key);
  }

  #fileOf(candidate: Candidate, now: number): FollowedFile {
    return followedFile(pathOf(candidate), candidate.stat, now, candidate.compressed?.place);
  }

  /**
   * At the start: of a family that an earlier process followed, compressed files are not known yet, and their bytes come before
   * this one's.
   */
  #awaitsKin(candidate: Candidate): boolean {
    const path = pathOf(candidate);
    return this.#unsettled.has(familyOf(path)) && this.#options.compressed.isPending(path);
  }

  #awaitsSurvey({ stream, successor }: Orphan): boolean {
    const { compressed } = this.#options;
    return successor === null ? compressed.isPending() : compressed.isPending(stream.record.path);
  }

  /** The youngest older file of the same family, if the family is one: some file has its bare name. */
  #predecessorOf(file: FollowedFile): FollowedFile | null {
    const family = familyOf(file.path);
    const members = this.#families.get(family) ?? new Set();
    if (file.path !== family && !this.#present.has(family)) return null;
    let youngest: FollowedFile | null = null;
    for (const other of members) {
      const replaced = other.path === file.path && other.gone;
      const older = other.path !== file.path && other.birthtimeMs <= file.birthtimeMs;
      if (!replaced && !older) continue;
      if (!youngest || other.birthtimeMs >= youngest.birthtimeMs) youngest = other;
    }
    return youngest;
  }

  #enroll(file: FollowedFile): void {
    this.files.set(file.key, file);
    this.#joinFamily(file);
  }

  #joinFamily(file: FollowedFile): void {
    this.#paths.set(file.path, file);
    const family = (file.family = familyOf(file.path));
    const members = this.#families.get(family);
    if (members) members.add(file);
    else this.#families.set(family, new Set([file]));
  }

  /** A rotated name beside its bare one will not be written for long. */
  #markRotated(): void {
    for (const file of this.files.values()) {
      const { family } = file;
      if (family !== file.path && this.#present.has(family)) file.leaving = true;
    }
  }

  #giveUp(isHidden: (path: string) => boolean): Orphan[] {
    const isLost = (orphan: Orphan) =>
      orphan.scan <= this.#scan &&
      orphan.until <= this.#walkedAt &&
      (orphan.successor !== null || !isHidden(orphan.stream.record.path)) &&
      !this.#awaitsSurvey(orphan);
    const lost = this.#orphans.filter(isLost);
    this.#orphans = this.#orphans.filter((orphan) => !lost.includes(orphan));
    for (const { stream } of lost) this.#noLongerMissing(stream);
    for (const { successor } of lost) if (successor) successor.waitsFor = null;
    return lost;
  }

  #noLongerMissing(stream: StreamState): void {
    const key = `${stream.record.dev}:${stream.record.ino}`;
    const rest = this.#missing.get(key)?.filter((other) => other !== stream) ?? [];
    if (rest.length > 0) this.#missing.set(key, rest);
    else this.#missing.delete(key);
  }

  /** Null when the path leads to another file by now, or to none: the next walk tells. */
  async #opened(
    path: string,
    key: string,
    look: (file: OpenFile) => Promise<boolean>,
  ): Promise<boolean | null> {
    let file: OpenFile | null = null;
    try {
      file = await this.#options.fs.open(path);
      if (file === null || (await file.stat()).key !== key) return null;
      return await look(file);
    } catch (error) {
      // What cannot be opened is told when it is read; until then it is a file of its own.
      this.#options.logger.debug({ path, error }, 'could not be compared with known streams');
      return false;
    } finally {
      await file?.close();
    }
  }

  async #holdsStream(candidate: Candidate, stream: StreamState): Promise<boolean> {
    const isSame = async (file: OpenFile) => await holds(file, knownBytesOf(stream));
    return (await this.#opened(pathOf(candidate), candidate.stat.key, isSame)) ?? false;
  }

  /** Whether the candidate holds the stream's bytes, as far as can be seen. */
  async #mayHold(candidate: Candidate, stream: StreamState): Promise<boolean> {
    let isOther = false;
    await this.#opened(pathOf(candidate), candidate.stat.key, async (file) => {
      isOther = !(await holds(file, knownBytesOf(stream)));
      return true;
    });
    return !isOther;
  }

  async #filter<T>(items: readonly T[], keep: (item: T) => Promise<boolean>): Promise<T[]> {
    const kept: T[] = [];
    for (const item of items) if (await keep(item)) kept.push(item);
    return kept;
  }
}

function pathOf(candidate: Candidate): string {
  return candidate.paths[0] ?? '';
}

/** Whether what was found under a stream's dev and ino is still what it was: an inode may be another file's now. */
function isItsPlace({ compressed }: Candidate, stream: StreamState): boolean {
  const was = stream.record.compressed ?? null;
  if (!compressed) return was === null;
  return was !== null && (compressed.holds.has(stream) || compressed.beginsAs.has(stream));
}

/**
 * Whether the inode was handed out again to a file that was made later. Told by the birth time, where there is one, and only while
 * nothing was read of the file: then there is no anchor that would tell.
 */
function isAnother(file: FollowedFile, { stat }: Candidate): boolean {
  if (file.handle || file.stream || file.birthtimeMs === 0 || stat.birthtimeMs === 0) return false;
  return stat.birthtimeMs > file.birthtimeMs;
}

function knownBytesOf({ record, end, anchor }: StreamState): KnownBytes {
  return { headBytes: record.headBytes, headHash: record.headHash, end, anchor };
}

async function haveSamePath(file: OpenFile, other: OpenFile): Promise<boolean> {
  const path = await file.realPath();
  return path !== null && path === (await other.realPath());
}

/** Whether it has what was read of the original, though that may have been truncated since; or is still too short to tell. */
async function isCopyOf(file: OpenFile, size: number, state: StreamState): Promise<boolean> {
  if (!(await hasHead(file, state.record))) return size < state.record.headBytes;
  if (size < state.end || state.anchor === null) return true;
  return await hasAnchor(file, state.end, state.anchor);
}
