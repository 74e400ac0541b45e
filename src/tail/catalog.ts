import type { Logger } from '../core/logger.ts';
import { familyOf } from './compressed-files.ts';
import type { CompressedFiles } from './compressed-files.ts';
import { Comparison } from './comparison.ts';
import { Copies } from './copies.ts';
import type { CutLog } from './cut-log.ts';
import type { Descriptors } from './descriptors.ts';
import { pathOf } from './discovery.ts';
import type { Candidate } from './discovery.ts';
import type { FileStat, FileSystem } from './file-system.ts';
import { canBeRead, hasUnread, isToBeginAnew, mayBeCopiedOver, noteStat } from './followed-file.ts';
import type { FollowedFile, Orphan } from './followed-file.ts';
import { FollowedFiles } from './followed-files.ts';
import { confirmingScans, Orphans } from './orphans.ts';
import { Returning } from './returning.ts';
import type { Spool } from './spool.ts';
import { fileOf, nothingUnsent, Succession } from './succession.ts';

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
 * A stream that has lost its place and finds no copy in some whole walks is given up: endings.ts makes a gap of it.
 */
export interface CatalogOptions {
  fs: FileSystem;
  cutLog: CutLog;
  compressed: CompressedFiles;
  descriptors: Descriptors;
  spool: Spool;
  logger: Logger;
}

export class Catalog {
  readonly files = new FollowedFiles();
  readonly #options: CatalogOptions;
  readonly #comparison: Comparison;
  readonly #orphans: Orphans;
  readonly #copies: Copies;
  readonly #succession: Succession;
  readonly #returning: Returning;
  /** What the last walk has found, by every path. */
  #present: ReadonlyMap<string, Candidate> = new Map();
  /** Files whose inode is another file's now, and of which nothing was ever read. */
  #replaced: FollowedFile[] = [];

  constructor(options: CatalogOptions) {
    this.#options = options;
    const { fs, logger, cutLog, compressed, descriptors, spool } = options;
    const { files } = this;
    const comparison = (this.#comparison = new Comparison(fs, logger));
    const earlier = [...cutLog.streams.values()].filter(({ record }) => record.snapshot !== true);
    const orphans = (this.#orphans = new Orphans(earlier, { compressed, comparison }));
    this.#copies = new Copies(earlier, { files, orphans, cutLog, compressed, comparison });
    const succession = (this.#succession = new Succession({ files, cutLog, descriptors }));
    this.#returning = new Returning({ files, orphans, comparison, succession, spool });
  }

  /** From now on nothing is waited for: what a few walks do not find is gone. */
  hurry(): void {
    this.#orphans.hurry();
  }

  /** How long a file may be away before what it held is given up. */
  get missingWaitMs(): number {
    return this.#orphans.missingWaitMs;
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
    let rest = await unlessTaken(unknown, (candidate) => this.#returning.takeBack(candidate, now));
    rest = await unlessTaken(rest, (candidate) => this.#returning.continue(candidate, now));
    this.#orphans.addMissing();
    for (const candidate of candidates) await this.#adoptRewritten(candidate, now);
    for (const file of files.gone) await this.#adoptGone(file, now);
    rest = await unlessTaken(rest, (candidate) => this.#returning.takeCopiedUp(candidate, now));
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
    if (wasMadeLater(file, candidate)) return false;
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

  /** Whether it has, or may have, the bytes of a stream without a place: then it takes the stream over, now or in a later walk. */
  async #adopt(candidate: Candidate, now: number): Promise<boolean> {
    const orphan = await this.#orphans.in(candidate);
    if (orphan === 'unknown') return true;
    if (orphan && this.#orphans.mayGoTo(candidate, orphan)) {
      const isInItsPlace = candidate.paths.includes(orphan.stream.record.path);
      const file = this.#succession.attach(candidate, orphan.stream, orphan, now);
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
      // One that waits for another may never be read; one that can be has its turn when there is room.
      if (await this.#isRewritten(file, candidate))
        this.#orphans.keep(orphan, canBeRead(file) ? Infinity : orphan.untilMax);
      return;
    }
    this.#give(file, candidate, orphan, now);
  }

  /** It was written over, and is gone since: what is held open of it may be a copy that no walk can find any more. */
  async #adoptGone(file: FollowedFile, now: number): Promise<void> {
    const { handle, path, waitsFor } = file;
    if (file.stream !== null || handle === null || !this.hasOrphans) return;
    const stat = await this.#comparison.lookInto(path, handle, (open) => open.stat());
    if (stat === null) return;
    const candidate = { paths: [path], stat };
    const orphan = await this.#orphans.in(candidate, waitsFor, handle);
    if (orphan && orphan !== 'unknown') this.#give(file, candidate, orphan, now);
  }

  #give(file: FollowedFile, candidate: Candidate, orphan: Orphan, now: number): void {
    if (!this.#orphans.mayGoTo(candidate, orphan)) return;
    // What it held before is no measure of what it holds now.
    noteStat(file, candidate.stat, now);
    this.#succession.give(file, orphan);
    this.#orphans.placed(orphan, file);
  }

  /** Whether a file that is followed does not hold its stream any more, which is seen when there is room to read it. */
  async #isRewritten(file: FollowedFile, candidate: Candidate): Promise<boolean> {
    const { stream } = file;
    if (!stream || stream.anchor === null) return false;
    return (await this.#comparison.holds(candidate, stream)) === false;
  }

  /** A new file, unless it may be a copy. */
  async #begin(candidate: Candidate, now: number): Promise<void> {
    const verdict = await this.#copies.judge(candidate, now);
    if (verdict === 'held') return;
    if (verdict !== 'own') {
      const { stream, original } = verdict;
      const file = this.#succession.attach(candidate, stream, original ?? nothingUnsent, now);
      if (original) await this.#succession.replace(original, file);
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

/**
 * Whether the inode was handed out again to a file that was made later. Told by the birth time, where there is one, and only while
 * nothing was read of the file: then there is no anchor that would tell.
 */
function isAnother(file: FollowedFile, { stat }: Candidate): boolean {
  return file.handle === null && file.stream === null && wasMadeLater(file, { stat });
}

/** By the birth times, where there are any. */
function wasMadeLater(file: FollowedFile, { stat }: Pick<Candidate, 'stat'>): boolean {
  return file.birthtimeMs > 0 && stat.birthtimeMs > file.birthtimeMs;
}

/** Found since the restart, and gone before a byte of it could be compared with what is known of it. */
function isMissingAgain({ stream, unwatched, handle, spooled, compressed }: FollowedFile): boolean {
  return unwatched && stream?.anchor != null && handle === null && spooled === null && compressed === null;
}
