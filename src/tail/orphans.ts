import { familyOf } from './compressed-files.ts';
import type { CompressedFiles } from './compressed-files.ts';
import { holdsStream } from './comparison.ts';
import type { Comparison } from './comparison.ts';
import type { StreamState } from './cut-state.ts';
import { pathOf } from './discovery.ts';
import type { Candidate } from './discovery.ts';
import type { OpenFile } from './file-system.ts';
import type { FollowedFile, Orphan } from './followed-file.ts';
import { unsentOf } from './resend.ts';

/**
 * Streams without a place:
 *
 *     missing   of an earlier process: no file was found for it yet
 *     orphan    its bytes are no longer where they were; some walks look for a file that has them, then it is given up
 *
 * A missing stream is an orphan, too, from the first walk on that could see its file and did not.
 */
export interface OrphansOptions {
  compressed: CompressedFiles;
  comparison: Comparison;
}

/** So many walks more must not find a stream's bytes before it is given up. */
export const confirmingScans = 2;
/** A file of an earlier process may be away for so long: moved for a time, or on a volume that comes later. */
const missingWaitMsMax = 10_000;
/** A file of another family that begins with the same bytes waits for so long, unread, lest it be gone itself meanwhile. */
const othersWaitMsMax = 5_000;
/** When it cannot be told whether a file has the bytes: looked again after this, and at most for so long. */
const unknownWaitMs = 1000;
const unknownMaxMs = 60_000;

export class Orphans {
  readonly #options: OrphansOptions;
  /** By the dev:ino at which each was; its record may say another place by the time that it is found. */
  readonly #missing: Map<string, StreamState[]>;
  readonly #missingKeys: Map<StreamState, string>;
  #orphans: Orphan[] = [];
  #missingWaitMs = missingWaitMsMax;
  #scan = 0;
  /** Monotonic ms of the last walk. */
  #walkedAt = -Infinity;
  /** A file may have the bytes of a stream whose own has been missing in this walk only. */
  #wantsConfirmation = false;
  /** Where it could not look. */
  #isHidden: (path: string) => boolean = () => false;

  /** `missing`: the streams of an earlier process. */
  constructor(missing: readonly StreamState[], options: OrphansOptions) {
    this.#options = options;
    this.#missing = Map.groupBy(missing, keyOf);
    this.#missingKeys = new Map(missing.map((stream) => [stream, keyOf(stream)]));
  }

  /** From now on nothing is waited for: what a few walks do not find is gone. */
  hurry(): void {
    this.#missingWaitMs = 0;
  }

  /** How long a file may be away before what it held is given up. */
  get missingWaitMs(): number {
    return this.#missingWaitMs;
  }

  /** Before a walk begins, so that what is lost during it waits for the next one. */
  beginScan(): void {
    this.#scan += 1;
    this.#wantsConfirmation = false;
  }

  /** `now` is monotonic ms; `isHidden` says where the walk could not look. */
  endScan(now: number, isHidden: (path: string) => boolean): void {
    this.#walkedAt = now;
    this.#isHidden = isHidden;
  }

  /** Some look for a copy, and the next walk may decide it. */
  get areDue(): boolean {
    if (this.#wantsConfirmation) return true;
    return this.#orphans.some((orphan) => orphan.until <= this.#walkedAt && !this.#isOutOfSight(orphan));
  }

  includes(stream: StreamState): boolean {
    return this.#orphans.some((orphan) => orphan.stream === stream);
  }

  /** Those whose file had this dev:ino, in the order of the cut log. */
  missingAt(key: string): readonly StreamState[] {
    return this.#missing.get(key) ?? [];
  }

  add(lost: Omit<Orphan, 'scan' | 'untilOthers' | 'until' | 'untilMax'>, waitMs = 0): Orphan {
    const until = this.#walkedAt + waitMs;
    const orphan = {
      ...lost,
      scan: this.#scan + confirmingScans,
      untilOthers: Math.min(until, this.#walkedAt + othersWaitMsMax),
      until,
      untilMax: until + unknownMaxMs,
    };
    this.#orphans.push(orphan);
    return orphan;
  }

  /** A stream of an earlier process whose file was found, and is not there any more. */
  miss(stream: StreamState): void {
    const key = keyOf(stream);
    this.#missingKeys.set(stream, key);
    this.#missing.set(key, [...this.missingAt(key), stream]);
  }

  /**
   * Streams of an earlier process whose files were not in the walk, though it could look there. A file may be away for a time, so they
   * are looked for again before they are given up.
   */
  addMissing(): void {
    const known = new Set(this.#orphans.map(({ stream }) => stream));
    for (const stream of [...this.#missing.values()].flat()) {
      if (known.has(stream) || this.#isHidden(stream.record.path)) continue;
      this.add(
        { stream, lastSize: stream.end, successor: null, unsent: unsentOf(stream), unwatched: true },
        this.#missingWaitMs,
      );
    }
  }

  /**
   * The one whose bytes the candidate holds. While that cannot be told, those that it may hold are not given up. `opened`: the file itself, if
   * it is held open.
   */
  async in(
    candidate: Candidate,
    except: Orphan | null = null,
    opened: OpenFile | null = null,
  ): Promise<Orphan | 'unknown' | null> {
    const { compressed, stat } = candidate;
    if (compressed)
      return this.#orphans.find(({ stream }) => compressed.holds.get(stream) === stream.end) ?? null;
    const possible = this.#orphans.filter(
      (orphan) => orphan !== except && orphan.stream.end > 0 && stat.size >= orphan.lastSize,
    );
    if (possible.length === 0) return null;
    // Those of its family first: others may merely begin with the same bytes.
    possible.sort((a, b) => Number(areKin(candidate, b)) - Number(areKin(candidate, a)));
    let found: Orphan | null = null;
    const find = async (file: OpenFile): Promise<boolean> => {
      for (const orphan of possible) {
        if (!(await holdsStream(file, orphan.stream))) continue;
        found = orphan;
        return true;
      }
      return false;
    };
    const { comparison } = this.#options;
    const path = pathOf(candidate);
    const isKnown =
      opened === null
        ? await comparison.look(path, stat.key, find)
        : await comparison.lookInto(path, opened, find);
    if (isKnown !== null) return found;
    for (const orphan of possible) this.keep(orphan);
    return 'unknown';
  }

  /** A file has its bytes, or may have them, that cannot take it over yet: it is not given up now, nor before `untilMax` if that goes on. */
  keep(orphan: Orphan, untilMax = orphan.untilMax): void {
    const until = Math.min(untilMax, this.#walkedAt + unknownWaitMs);
    orphan.until = Math.max(orphan.until, until);
    orphan.untilOthers = Math.max(orphan.untilOthers, until);
  }

  /**
   * A file of another family, which may merely begin with the same bytes, has to wait until the family is known to have no copy, and the stream's
   * own file is not away for a time.
   */
  mayGoTo(candidate: Candidate, orphan: Orphan): boolean {
    if (!areKin(candidate, orphan)) return orphan.scan <= this.#scan && orphan.untilOthers <= this.#walkedAt;
    // A file that is renamed during a walk may not be seen by it.
    const isConfirmed = orphan.successor !== null || orphan.scan < this.#scan + confirmingScans;
    this.#wantsConfirmation ||= !isConfirmed;
    return isConfirmed;
  }

  /** Whether one of them is of the candidate's rotation family. */
  haveKin(candidate: Candidate): boolean {
    return this.#orphans.some((orphan) => areKin(candidate, orphan));
  }

  /** It has a place again. */
  placed({ stream, successor }: Orphan, adopter: FollowedFile): void {
    if (successor) {
      successor.waitsFor = null;
      successor.predecessor = adopter;
    }
    this.found(stream);
  }

  /** Its file is there. */
  found(stream: StreamState): void {
    this.#forget(stream);
    this.#orphans = this.#orphans.filter((orphan) => orphan.stream !== stream);
  }

  /** Takes out those that no walk has found, and lets their successors begin. */
  giveUp(): Orphan[] {
    const isLost = (orphan: Orphan) =>
      orphan.scan <= this.#scan && orphan.until <= this.#walkedAt && !this.#isOutOfSight(orphan);
    const lost = this.#orphans.filter(isLost);
    this.#orphans = this.#orphans.filter((orphan) => !lost.includes(orphan));
    for (const { stream, successor } of lost) {
      this.#forget(stream);
      if (successor) successor.waitsFor = null;
    }
    return lost;
  }

  #forget(stream: StreamState): void {
    const key = this.#missingKeys.get(stream);
    if (key === undefined) return;
    this.#missingKeys.delete(stream);
    const rest = this.#missing.get(key)?.filter((other) => other !== stream) ?? [];
    if (rest.length > 0) this.#missing.set(key, rest);
    else this.#missing.delete(key);
  }

  /** What may have its bytes could not be looked into, so far. */
  #isOutOfSight({ stream, successor }: Orphan): boolean {
    const { compressed } = this.#options;
    const { path } = stream.record;
    if (successor !== null) return compressed.isPending(path);
    return this.#isHidden(path) || compressed.isPending();
  }
}

function areKin({ paths }: Candidate, { stream }: Orphan): boolean {
  const family = familyOf(stream.record.path);
  return paths.some((path) => familyOf(path) === family);
}

function keyOf({ record }: StreamState): string {
  return `${record.dev}:${record.ino}`;
}
