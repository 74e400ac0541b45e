import type { Logger } from '../core/logger.ts';
import { familyOf } from './compressed-files.ts';
import type { CompressedFiles } from './compressed-files.ts';
import { Comparison, holdsStream } from './comparison.ts';
import { Copies } from './copies.ts';
import type { CutLog } from './cut-log.ts';
import type { StreamState } from './cut-state.ts';
import type { Descriptors } from './descriptors.ts';
import { pathOf } from './discovery.ts';
import type { Candidate } from './discovery.ts';
import type { FileStat, FileSystem, OpenFile } from './file-system.ts';
import {
  canBeRead,
  followedFile,
  hasUnread,
  isToBeginAnew,
  mayBeCopiedOver,
  noteStat,
} from './followed-file.ts';
import type { FollowedFile, Orphan } from './followed-file.ts';
import { FollowedFiles } from './followed-files.ts';
import { confirmingScans, Orphans } from './orphans.ts';
import { unsentOf } from './resend.ts';

/**
 * Says which of the files on disk is which of the streams. After each walk of the directories a candidate is one of:
 *
 * - a file that is followed (same dev and ino), perhaps under another name;
 * - a file that was let go when no path led to it, and is back (vanished.ts);
 * - a file of an earlier process, known from the cut log by dev and ino;
 * - a followed file that has another inode now (copied up by overlayfs);
 * - a copy of a stream that has lost its place (copytruncate, moved over file systems), known by head and anchor: it takes
 *   over the stream and its offset; one of another family waits until its own is known to have none (orphans.ts);
 * - a copy of a file that is still in its place, in the making or about to be truncated: held until that is clear; or a
 *   compressed one of a stream whose file is gone (copies.ts);
 * - a new file.
 *
 * One of which it cannot be told now (`null`, `unknown`) is left to the next walk.
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

type Known = Pick<FollowedFile, 'unsent' | 'unwatched'>;

const nothingUnsent: Known = { unsent: [], unwatched: false };

export class Catalog {
  readonly files = new FollowedFiles();
  readonly #options: CatalogOptions;
  readonly #comparison: Comparison;
  readonly #orphans: Orphans;
  readonly #copies: Copies;
  /** What the last walk has found, by every path. */
  #present: ReadonlyMap<string, Candidate> = new Map();
  /** Files whose inode is another file's now, and of which nothing was ever read. */
  #replaced: FollowedFile[] = [];

  constructor(options: CatalogOptions) {
    this.#options = options;
    const { fs, logger, cutLog, compressed } = options;
    const { files } = this;
    const comparison = (this.#comparison = new Comparison(fs, logger));
    const earlier = [...cutLog.streams.values()].filter(({ record }) => record.snapshot !== true);
    const orphans = (this.#orphans = new Orphans(earlier, { compressed, comparison }));
    this.#copies = new Copies(earlier, { files, orphans, cutLog, compressed, comparison });
  }

  /** From now on nothing is waited for: what a few walks do not find is gone. */
  hurry(): void {
    this.#orphans.hurry();
  }

  /** To be called before a walk begins, so that what is lost during it waits for the next one. */
  beginScan(): void {
    this.#orphans.beginScan();
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
    const { files } = this;
    const present = (this.#present = new Map<string, Candidate>());
    for (const each of candidates) for (const path of each.paths) present.set(path, each);
    this.#orphans.endScan(now, isHidden);
    this.#copies.begin(present);
    const unknown: Candidate[] = [];
    for (const candidate of candidates)
      if (!(await this.#isFollowed(candidate, now))) unknown.push(candidate);
    const found = new Map(candidates.map((candidate) => [candidate.stat.key, candidate]));
    for (const file of files) {
      if (found.has(file.key) || isHidden(file.path)) continue;
      if (isMissingAgain(file)) {
        this.#miss(file);
        continue;
      }
      files.leave(file, now);
      file.mayBeBack = false;
      file.missedScans += 1;
    }
    unknown.sort((a, b) => a.stat.birthtimeMs - b.stat.birthtimeMs || pathOf(b).localeCompare(pathOf(a)));
    let rest = await unlessTaken(unknown, (candidate) => this.#takeBack(candidate, now));
    rest = await unlessTaken(rest, (candidate) => this.#continue(candidate, now));
    this.#orphans.addMissing();
    for (const candidate of candidates) await this.#adoptRewritten(candidate, now);
    rest = await unlessTaken(rest, (candidate) => this.#moveTo(candidate, now));
    rest = await unlessTaken(rest, (candidate) => this.#adopt(candidate, now));
    // One by one, oldest first: a copy may be found in the same walk as its original.
    for (const candidate of rest) await this.#begin(candidate, now);
    for (const file of files) if (isToBeginAnew(file) || file.isHeld) await this.#hold(file, found, now);
    this.#copies.end(found);
    this.#markRotated();
    const lost = this.#orphans.giveUp();
    files.awake = new Set([...files].filter(({ nextPollAt }) => nextPollAt < Infinity));
    return lost;
  }

  /**
   * Before the first look at what a file holds: whether that seems to be a copy, which has been written over what it held when it was found.
   * Then it waits, as one that is new. `now` is monotonic ms.
   */
  async holdsCopy(file: FollowedFile, stat: FileStat, now: number): Promise<boolean> {
    if (stat.size === 0 || !mayBeCopiedOver(file)) return false;
    // It was there before the one of which it would be a copy.
    for (const other of this.files.membersOf(file.family)) if (other.predecessor === file) return false;
    file.isHeld = (await this.#copies.judge({ paths: [file.path], stat }, now, bornAt(file))) === 'held';
    return file.isHeld;
  }

  /** The file's bytes before the offset are others now. Its stream looks for a copy, it begins a new one. */
  orphan(file: FollowedFile, lastSize: number): void {
    const { stream, unsent, unwatched } = file;
    if (!stream) return;
    file.waitsFor = this.#orphans.add({
      stream,
      // What was seen of one that was not read yet may be of either side of the truncation.
      lastSize: unwatched ? stream.end : Math.max(lastSize, stream.end),
      successor: file,
      unsent,
      unwatched,
    });
    file.stream = null;
    file.previous = stream.record;
    file.unsent = [];
    file.unterminatedSince = null;
  }

  /** A file of an earlier process, of which the spool is all that is left. */
  takeParked(file: FollowedFile): void {
    if (file.stream) this.#orphans.found(file.stream);
    this.files.add(file);
    this.files.rekey(file);
    this.files.leave(file, file.goneSince);
  }

  /** Files that went away before they could be opened, with bytes that were never read, and did not come back. Each is dropped. */
  takeLost(now: number): FollowedFile[] {
    const lost = [...this.files.gone].filter(
      (file) =>
        file.handle === null &&
        file.spooled === null &&
        file.missedScans > confirmingScans &&
        now - file.goneSince >= this.#orphans.missingWaitMs &&
        hasUnread(file),
    );
    for (const file of lost) this.files.remove(file);
    lost.push(...this.#replaced);
    this.#replaced = [];
    return lost;
  }

  /** The last walk found something that may be a copy, and could not tell: once its original was read, the next one can. */
  get isUndecided(): boolean {
    return this.#copies.isUndecided;
  }

  /** Some look for a copy, and the next walk may decide it. */
  get hasOrphans(): boolean {
    return this.#orphans.areDue;
  }

  /** No longer followed; its stream is no longer remembered, unless a compressed copy of it may yet be found. */
  drop(file: FollowedFile): void {
    this.files.remove(file);
    if (file.stream && !this.#options.compressed.isPending(file.path))
      this.#options.cutLog.forget(file.stream);
  }

  async #isFollowed(candidate: Candidate, now: number): Promise<boolean> {
    const file = this.files.get(candidate.stat.key);
    if (!file) return false;
    const isReplaced = isAnother(file, candidate);
    if (isReplaced) this.#replaced.push(file);
    if (isReplaced || !(await this.#isStill(file, candidate))) {
      this.#lose(file);
      return false;
    }
    this.#see(file, candidate, now);
    return true;
  }

  /**
   * A file that nobody holds open and that is found under another name was renamed, or was deleted and its inode given out again: its
   * bytes tell. Of one that was not read yet nobody can tell, and it is all the same: it is looked at anew.
   */
  async #isStill(file: FollowedFile, candidate: Candidate): Promise<boolean> {
    if (file.handle !== null || candidate.compressed || candidate.paths.includes(file.path)) return true;
    if (!file.stream) return file.previous !== null;
    return (await this.#comparison.holds(candidate, file.stream)) !== false;
  }

  /** Another file has its inode. */
  #lose(file: FollowedFile): void {
    file.gone = true;
    this.files.remove(file);
    const { stream, size, unsent } = file;
    if (!stream) return;
    const lastSize = Math.max(size, stream.end);
    this.#orphans.add({ stream, lastSize, successor: null, unsent, unwatched: true });
  }

  /** It is as if the walk before had not found it: another file may have its bytes, or its inode under another name. */
  #miss(file: FollowedFile): void {
    file.gone = true;
    this.files.remove(file);
    if (file.stream) this.#orphans.miss(file.stream);
  }

  #see(file: FollowedFile, candidate: Candidate, now: number): void {
    const { stat, paths } = candidate;
    if (!paths.includes(file.path)) {
      this.files.move(file, pathOf(candidate));
      file.leaving = true;
      if (file.stream) this.#options.cutLog.setPlace(file.stream, file);
    }
    file.missedScans = 0;
    this.files.comeBack(file);
    const changed = hasChanged(file, candidate);
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
    for (const before of this.files.gone) {
      const { spooled, stream, dev, ino } = before;
      const wasLetGo = before.key !== key && `${dev}:${ino}` === key;
      if (!wasLetGo || !stream || size < (spooled ?? before).size) continue;
      const isSame = birthtimeMs <= before.birthtimeMs && (await this.#comparison.holds(candidate, stream));
      if (isSame === false) continue;
      if (isSame) await this.#replace(before, this.#attach(candidate, stream, before, now));
      else before.mayBeBack = true;
      return true;
    }
    return false;
  }

  /** A file of an earlier process. Of several streams that had its inode the last one has it. Whether its bytes are still the same is seen at the first read. */
  async #continue(candidate: Candidate, now: number): Promise<boolean> {
    const known = this.#orphans.missingAt(candidate.stat.key);
    const stream = known.findLast((state) => isItsPlace(candidate, state));
    if (!stream) return false;
    const { paths, stat, compressed } = candidate;
    const { path, created } = stream.record;
    // One that was made after the stream began is a copy that has taken it over, or another file by now: its bytes tell.
    const isInPlace = compressed !== undefined || (paths.includes(path) && stat.birthtimeMs <= created);
    if (!isInPlace && (await this.#comparison.holds(candidate, stream)) === false) return false;
    this.#orphans.found(stream);
    this.#attach(candidate, stream, { unsent: unsentOf(stream), unwatched: true }, now);
    return true;
  }

  /** `known`: what is known of the stream from where it was before. */
  #attach(candidate: Candidate, stream: StreamState, known: Known, now: number): FollowedFile {
    const file = fileOf(candidate, now);
    file.stream = stream;
    file.unsent = known.unsent;
    file.unwatched = known.unwatched;
    const { record } = stream;
    if (candidate.paths.includes(record.path)) file.path = record.path;
    const isThere = file.path === record.path && record.ino === file.ino && record.dev === file.dev;
    if (!isThere || file.compressed !== (record.compressed ?? null)) {
      this.#options.cutLog.setPlace(stream, file);
    }
    this.files.add(file);
    return file;
  }

  /**
   * The same file under another inode: overlayfs copies a file of a lower layer up when it is first written to. The descriptor
   * still leads to the lower one, by the same path: a file that was moved away or deleted has another one.
   */
  async #moveTo(candidate: Candidate, now: number): Promise<boolean> {
    const path = pathOf(candidate);
    const before = this.files.at(path);
    const { stream, handle } = before ?? {};
    if (!before?.gone || !handle || before.waitsFor) return false;
    const isSame = async (file: OpenFile) =>
      (!stream || (await holdsStream(file, stream))) && (await haveSamePath(handle, file));
    if (stream?.anchor === null) return false;
    const found = await this.#comparison.look(path, candidate.stat.key, isSame);
    if (found !== true) return found === null;
    const file = stream
      ? this.#attach(candidate, stream, before, now)
      : this.#attachUncut(candidate, before, now);
    await this.#replace(before, file);
    return true;
  }

  /** Nothing was cut yet: all is read from the copy. */
  #attachUncut(candidate: Candidate, { predecessor, previous }: FollowedFile, now: number): FollowedFile {
    const file = Object.assign(fileOf(candidate, now), { predecessor, previous });
    this.files.add(file);
    return file;
  }

  /** Whether it has, or may have, the bytes of a stream without a place: then it takes the stream over, now or in a later walk. */
  async #adopt(candidate: Candidate, now: number): Promise<boolean> {
    const orphan = await this.#orphans.in(candidate);
    if (orphan === 'unknown') return true;
    if (orphan && this.#orphans.mayGoTo(candidate, orphan)) {
      const isInItsPlace = candidate.paths.includes(orphan.stream.record.path);
      const file = this.#attach(candidate, orphan.stream, orphan, now);
      file.leaving = !isInItsPlace;
      this.#orphans.placed(orphan, file);
    }
    return orphan !== null;
  }

  /**
   * A file of which nothing was cut may be a copy by now, too: it was written over, or is another one with its inode. One that was
   * written over and not read since is waited for.
   */
  async #adoptRewritten(candidate: Candidate, now: number): Promise<void> {
    const file = this.files.get(candidate.stat.key);
    if (!file || candidate.compressed) return;
    if (file.stream && !(hasChanged(file, candidate) && this.#orphans.haveKin(candidate))) return;
    const orphan = await this.#orphans.in(candidate, file.waitsFor);
    if (!orphan || orphan === 'unknown') return;
    if (file.stream) {
      if (await this.#isRewritten(file, candidate)) this.#orphans.keep(orphan);
      return;
    }
    if (!this.#orphans.mayGoTo(candidate, orphan)) return;
    const { stream, unsent, unwatched } = orphan;
    // What it held before is no measure of what it holds now.
    noteStat(file, candidate.stat, now);
    file.stream = stream;
    file.previous = null;
    file.predecessor = null;
    file.waitsFor = null;
    file.isHeld = false;
    file.unsent = unsent;
    file.unwatched = unwatched;
    this.#options.cutLog.setPlace(stream, file);
    file.leaving = true;
    this.#orphans.placed(orphan, file);
  }

  /** Whether a file that is followed does not hold its stream any more, which is seen when there is room to read it. */
  async #isRewritten(file: FollowedFile, candidate: Candidate): Promise<boolean> {
    const { stream } = file;
    if (!stream || stream.anchor === null || !canBeRead(file)) return false;
    return (await this.#comparison.holds(candidate, stream)) === false;
  }

  /** The stream is another file's now. */
  async #replace(original: FollowedFile, by: FollowedFile): Promise<void> {
    for (const file of this.files) if (file.predecessor === original) file.predecessor = by;
    this.files.remove(original);
    original.stream = null;
    await this.#options.descriptors.close(original);
  }

  /** A new file, unless it may be a copy. */
  async #begin(candidate: Candidate, now: number): Promise<void> {
    const verdict = await this.#copies.judge(candidate, now);
    if (verdict === 'held') return;
    if (verdict !== 'own') {
      const { stream, original } = verdict;
      const file = this.#attach(candidate, stream, original ?? nothingUnsent, now);
      if (original) await this.#replace(original, file);
      return;
    }
    const file = fileOf(candidate, now);
    file.predecessor = this.#predecessorOf(file);
    this.files.add(file);
  }

  /** Of a file that was written over: it may be with a copy (`cp` over an older one), which is judged as one that is new. */
  async #hold(file: FollowedFile, found: ReadonlyMap<string, Candidate>, now: number): Promise<void> {
    const candidate = found.get(file.key);
    if (candidate) {
      const isPlain = !candidate.compressed;
      file.isHeld = isPlain && (await this.#copies.judge(candidate, now, bornAt(file))) === 'held';
      // Nobody else looks at it meanwhile.
      if (file.isHeld) noteStat(file, candidate.stat, now);
    } else if (file.isHeld && !file.waitsFor) {
      // Its original has what it had.
      this.files.remove(file);
      await this.#options.descriptors.close(file);
    }
  }

  /** The youngest older file of the same family, if the family is one: some file has its bare name. */
  #predecessorOf(file: FollowedFile): FollowedFile | null {
    const family = familyOf(file.path);
    if (file.path !== family && !this.#present.has(family)) return null;
    let youngest: FollowedFile | null = null;
    for (const other of this.files.membersOf(family)) {
      const replaced = other.path === file.path && other.gone;
      const older = other.path !== file.path && other.birthtimeMs <= file.birthtimeMs;
      if (!replaced && !older) continue;
      if (!youngest || other.birthtimeMs >= youngest.birthtimeMs) youngest = other;
    }
    return youngest;
  }

  /** A rotated name beside its bare one will not be written for long. */
  #markRotated(): void {
    for (const file of this.files) {
      const { family } = file;
      if (family !== file.path && this.#present.has(family)) file.leaving = true;
    }
  }
}

function fileOf(candidate: Candidate, now: number): FollowedFile {
  return followedFile(pathOf(candidate), candidate.stat, now, candidate.compressed?.place);
}

/** Wall ms, when a file got what it holds: of one that was rewritten that is not known. */
function bornAt({ previous, birthtimeMs }: FollowedFile): number {
  return previous === null ? birthtimeMs : Infinity;
}

function hasChanged({ size, mtimeMs }: FollowedFile, { stat }: Candidate): boolean {
  return stat.size !== size || stat.mtimeMs !== mtimeMs;
}

async function unlessTaken<T>(items: readonly T[], take: (item: T) => Promise<boolean>): Promise<T[]> {
  const rest: T[] = [];
  for (const item of items) if (!(await take(item))) rest.push(item);
  return rest;
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

/** Found since the restart, and gone before a byte of it could be compared with what is known of it. */
function isMissingAgain({ stream, unwatched, handle, spooled, compressed }: FollowedFile): boolean {
  return unwatched && stream?.anchor != null && handle === null && spooled === null && compressed === null;
}

async function haveSamePath(file: OpenFile, other: OpenFile): Promise<boolean> {
  const path = await file.realPath();
  return path !== null && path === (await other.realPath());
}
