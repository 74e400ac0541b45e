import { DecompressedFile } from './decompressed-file.ts';
import { errorText } from '../core/errors.ts';
import type { CutBytes } from '../core/redaction/mask.ts';
import { segmentBytesMax } from '../core/segment.ts';
import type { Catalog } from './catalog.ts';
import type { MadeCut } from './cut-state.ts';
import { Cuts } from './cuts.ts';
import type { CutsOptions } from './cuts.ts';
import type { Descriptors } from './descriptors.ts';
import { coarsestTickMs, mayHideChange } from './file-system.ts';
import type { FileSystem } from './file-system.ts';
import { hasUnread, isQuiet, noteStat, offsetOf } from './followed-file.ts';
import { judgeZeros, noZeros, standsBehind } from './holes.ts';
import type { FollowedFile } from './followed-file.ts';
import { anchorBytesMax, anchorLength, hasAnchor, hasHead } from './identity.ts';
import type { Opener } from './opener.ts';
import type { ReadBuffers } from './read-buffers.ts';
import { readNext } from './reading.ts';
import { resend, unsentOfSpool } from './resend.ts';

/** Looks at one file at a time, and decides its next cut. The cuts are in the cut log but not durable yet. */
export interface CutterOptions extends CutsOptions {
  fs: FileSystem;
  pollIntervalMs: number;
  /** Whether whoever writes the file tells of each write (`Tail.wake`): it is not polled in between, only walked. */
  isTold?: (path: string) => boolean;
}

export interface CutterParts {
  catalog: Catalog;
  buffers: ReadBuffers;
  descriptors: Descriptors;
  opener: Opener;
  cuts: Cuts;
}

/** What one look at a file gave. `more`: look again at once. */
export interface Polled {
  made: readonly MadeCut[];
  more: boolean;
}

/** An unterminated line is cut where it stands after so long; but for what may be the beginning of a secret. */
const unterminatedMaxMs = 1000;
const cutThroughMs = 2 * unterminatedMaxMs;
/** A record that is not whole is: its writers write buffers, every two minutes if they are not full (tensorboard's flush_secs). */
const tornRecordMaxMs = 150_000;
/** A file that changed within so long is polled; others are looked at by the walk. */
const hotMs = 10_000;
/** Of a poll interval: so many moments at which files are polled. */
const pollStepsEach = 4;
/** What was last written to so long ago, by the wall clock, is taken for quiet. */
const coldMs = 60_000;
/** A file that nothing leads to, or that cannot be read, is looked at this often. */
const slowPollMs = 1000;

const nothing: Polled = { made: [], more: false };

/** How a file's end is taken. */
export interface Ending {
  /** An unterminated rest does not wait for its line end. */
  cutAnywhere: boolean;
  /** Nothing will come behind what is there now. */
  isWhole: boolean;
}

export class Cutter {
  readonly #options: CutterOptions;
  readonly #catalog: Catalog;
  readonly #buffers: ReadBuffers;
  readonly #descriptors: Descriptors;
  readonly #opener: Opener;
  readonly #cuts: Cuts;

  constructor(options: CutterOptions, { catalog, buffers, descriptors, opener, cuts }: CutterParts) {
    this.#options = options;
    this.#catalog = catalog;
    this.#buffers = buffers;
    this.#descriptors = descriptors;
    this.#opener = opener;
    this.#cuts = cuts;
  }

  /** `bytesMax`: of a cut. Does not reject: a file that fails is told once. */
  async poll(file: FollowedFile, ending: Ending, bytesMax = segmentBytesMax): Promise<Polled> {
    try {
      const polled = await this.#look(file, ending, bytesMax);
      // Nothing is written to the spool any more: no reason to hold it open.
      if (file.spooled && !polled.more) await this.#descriptors.close(file);
      return polled;
    } catch (error) {
      if (file.complaint === null) {
        this.#options.logger.warn(
          {
            path: file.path,
            reason: errorText(error),
            hint: 'let the user that runs Caboose read it; it is tried again',
          },
          'cannot be read',
        );
      }
      file.complaint = errorText(error);
      await this.#descriptors.close(file);
      file.nextPollAt = this.#options.clock.monotonic() + slowPollMs;
      return nothing;
    }
  }

  async #look(file: FollowedFile, ending: Ending, bytesMax: number): Promise<Polled> {
    const { clock } = this.#options;
    const now = clock.monotonic();
    // A file that was quiet for long when it was found is not polled as if it had just changed.
    if (file.lastPolledAt === -Infinity && clock.now() - file.mtimeMs > coldMs) file.changedAt -= hotMs;
    file.lastPolledAt = now;
    file.nextPollAt = file.verifyAt > now ? file.verifyAt : Infinity;
    file.isMidway = false;
    if (file.compressed && file.unsent.length === 0 && file.size <= offsetOf(file))
      return await this.#done(file);
    if (await this.#isAsItWas(file)) {
      if (this.#isHot(file, now)) file.nextPollAt = this.#pollAgainAt(now);
      return nothing;
    }
    if (!(await this.#opener.open(file, true)) || !file.handle) return nothing;
    const stat = await file.handle.stat();
    const lastSize = file.size;
    noteStat(file, stat, now);
    if (stat.links === 0) this.#catalog.files.leave(file, now);
    if (file.spooled) file.nextPollAt = hasUnread(file) || file.unsent.length > 0 ? now : Infinity;
    else if (this.#isHot(file, now)) file.nextPollAt = this.#pollAgainAt(now);
    else if (file.gone) file.nextPollAt = now + slowPollMs;
    if (stat.size < offsetOf(file) || hasShrunk(file, lastSize)) return this.#rewritten(file, lastSize);
    if (file.verifyAt <= now && !(await this.#isVerified(file))) return this.#rewritten(file, lastSize);
    if (file.compressed && !(await comesNear(file))) return this.#midway(file);
    if (file.unsent.length > 0) return await this.#resend(file, lastSize);
    const lack = file.spooled?.lackAt(offsetOf(file));
    if (lack) return this.#mayComeBack(file) ? nothing : { made: this.#cuts.ofLack(file, lack), more: true };
    if (!hasUnread(file) || (await this.#catalog.holdsCopy(file, stat, now))) return nothing;
    if (file.zeros.seenTo > offsetOf(file) && stat.size >= file.zeros.seenTo)
      return await this.#zeros(file, lastSize, ending);
    return await this.#read(file, lastSize, ending, bytesMax);
  }

  async #read(file: FollowedFile, lastSize: number, ending: Ending, bytesMax: number): Promise<Polled> {
    const { clock, metrics, redactor } = this.#options;
    if (!file.handle) return nothing;
    const { size, lastPolledAt: now } = file;
    file.behindSince ??= clock.now();
    const framing = redactor.recordFraming(file.stream?.record.firstPath ?? file.path);
    const request = {
      offset: offsetOf(file),
      anchor: file.spooled?.showsBefore(offsetOf(file)) === false ? null : (file.stream?.anchor ?? null),
      head: file.spooled ? null : (file.stream?.record ?? null),
      available: (file.spooled?.runEnd(offsetOf(file)) ?? size) - offsetOf(file),
      bytesMax,
      cutAnywhere: hasWaited(file, now) || ending.cutAnywhere,
      torn: {
        safeLength: (bytes: CutBytes) => redactor.safeLength(bytes),
        cutThrough: hasWaited(file, now, cutThroughMs) || ending.cutAnywhere,
      },
      ...(framing && {
        records: { framing, cutThrough: hasWaited(file, now, recordMaxMs(file)) || ending.cutAnywhere },
      }),
      zerosAreBytes: file.zeros.areBytes || file.spooled !== null,
      behind: file.zeros.behind?.at === offsetOf(file) ? file.zeros.behind : null,
    };
    const reading = await readNext(file.handle, request, this.#buffers);
    if (reading.kind === 'rewritten') return this.#rewritten(file, lastSize);
    file.complaint = null;
    file.unwatched = false;
    if (reading.kind === 'nothing') {
      await this.#noteRest(file, reading, now);
      return nothing;
    }
    if (reading.kind === 'zeros') return await this.#zeros(file, lastSize, ending);
    metrics.readBytes.inc(reading.bytes.length);
    // What was seen is told when it is lost.
    file.size = Math.max(file.size, reading.size ?? 0);
    const made = this.#cuts.ofBytes(file, reading);
    file.unterminatedSince = null;
    const rest = file.size - made.cut.end;
    if (rest === 0) await this.#done(file);
    else {
      const dueAt = reading.more ? now : now + this.#options.pollIntervalMs;
      file.nextPollAt = Math.min(file.nextPollAt, dueAt);
    }
    return { made: [made], more: reading.more };
  }

  /** Zeros behind the offset: a hole, or bytes like any other. */
  async #zeros(file: FollowedFile, lastSize: number, ending: Ending): Promise<Polled> {
    const { handle, size, compressed, zeros, lastPolledAt: now } = file;
    if (!handle) return nothing;
    const offset = offsetOf(file);
    const verdict = await judgeZeros(handle, {
      offset,
      seenTo: zeros.seenTo,
      size,
      hasTextHead: compressed?.hasTextHead ?? null,
      isWhole: ending.isWhole || compressed !== null || (file.leaving && isQuiet(file, now)),
      hasWaited: hasWaited(file, now) || ending.cutAnywhere,
    });
    const isSeen = verdict.kind === 'hole' || verdict.kind === 'unterminated';
    if (zeros.behind && isSeen && !standsBehind(zeros.behind, verdict))
      return this.#rewritten(file, lastSize);
    switch (verdict.kind) {
      case 'bytes':
        file.zeros = { ...noZeros(), areBytes: true };
        return { made: [], more: true };
      case 'midway':
        zeros.seenTo = verdict.end;
        return this.#midway(file);
      case 'held':
        zeros.areHeld = true;
        return await this.#done(file);
      case 'unterminated':
        zeros.behind = { at: verdict.end, bytes: verdict.behind };
        await this.#noteRest(file, { unterminatedBytes: verdict.behind.length, ofRecord: false }, now);
        return nothing;
      case 'hole':
        return { made: [this.#cuts.ofHole(file, verdict)], more: true };
    }
  }

  /** Nothing to cut now. An unterminated rest waits a second for its line end, longer for that of a record. */
  async #noteRest(
    file: FollowedFile,
    { unterminatedBytes, ofRecord }: { unterminatedBytes: number; ofRecord: boolean },
    now: number,
  ): Promise<void> {
    if (unterminatedBytes === 0) {
      file.unterminatedSince = null;
      await this.#done(file);
      return;
    }
    file.unterminatedSince ??= now;
    // What a writer has not written yet is not behind.
    if (ofRecord) file.behindSince = null;
    const lineMaxMs = hasWaited(file, now) ? cutThroughMs : unterminatedMaxMs;
    const dueAt = file.unterminatedSince + (ofRecord ? recordMaxMs(file) : lineMaxMs);
    file.nextPollAt = file.spooled ? dueAt : Math.min(file.nextPollAt, dueAt);
  }

  /** All of it was read, as it stands. */
  async #done(file: FollowedFile): Promise<Polled> {
    file.doneSize = file.size;
    file.doneMtimeMs = file.mtimeMs;
    if (file.compressed) await this.#descriptors.close(file);
    if (file.spooled) file.nextPollAt = Infinity;
    else if (!file.compressed && mayHideChange(file)) this.#verifyLater(file);
    return nothing;
  }

  #verifyLater(file: FollowedFile): void {
    file.verifyAt = file.lastPolledAt + coarsestTickMs;
    file.nextPollAt = Math.min(file.nextPollAt, file.verifyAt);
  }

  /** Whether the file, whose stat may not tell, holds its stream's bytes still. */
  async #isVerified(file: FollowedFile): Promise<boolean> {
    const { handle, stream, spooled } = file;
    file.verifyAt = Infinity;
    if (!handle || spooled !== null || !stream || stream.anchor === null) return true;
    const { end, anchor, record } = stream;
    // An anchor that spans all of it needs no head beside it.
    return (
      (await hasAnchor(handle, end, anchor)) && (end <= anchorBytesMax || (await hasHead(handle, record)))
    );
  }

  /** A slice is done, and others have their turn. */
  #midway(file: FollowedFile): Polled {
    file.isMidway = true;
    file.nextPollAt = this.#options.clock.monotonic();
    return nothing;
  }

  #rewritten(file: FollowedFile, lastSize: number): Polled {
    this.#options.logger.info(
      { path: file.path, offset: offsetOf(file), size: file.size },
      'truncated or rewritten: a new stream begins',
    );
    this.#catalog.orphan(file, lastSize);
    file.zeros = noZeros();
    file.doneSize = 0;
    file.doneMtimeMs = 0;
    file.nextPollAt = 0;
    return nothing;
  }

  /** The next cut of an earlier process. If the bytes are others now, a copy may have those that were cut. */
  async #resend(file: FollowedFile, lastSize: number): Promise<Polled> {
    const { stream, handle, spooled, compressed, lastPolledAt: now } = file;
    let [next, ...rest] = file.unsent;
    if (!stream || !handle || !next) return nothing;
    if (spooled?.covers(next.start, next.end) === false && next.gap === null) {
      if (this.#mayComeBack(file)) return nothing;
      [next = next, ...rest] = unsentOfSpool(stream, spooled, next.start);
    }
    const { end, anchor } = stream;
    const known = spooled || compressed ? null : anchor;
    const isThere = async () => known === null || (await hasAnchor(handle, end, known));
    if (!(await isThere())) return this.#rewritten(file, lastSize);
    if (known !== null) file.unwatched = false;
    const made = await resend(stream, next, handle, spooled?.showsBefore(next.end));
    // It may have been truncated before it was read.
    if (made.cut.gap !== next.gap && !(await isThere())) return this.#rewritten(file, lastSize);
    file.unsent = rest;
    file.nextPollAt = now;
    this.#cuts.tellGaps(file, [made.cut]);
    return { made: [made], more: true };
  }

  /** What the spool lacks of a file is in the file, which may be away for a time: then it is looked at again when it would be back. */
  #mayComeBack(file: FollowedFile): boolean {
    const until = file.goneSince + this.#catalog.missingWaitMs;
    if (file.lastPolledAt >= until) return false;
    file.nextPollAt = until;
    return true;
  }

  #isHot({ path, changedAt }: FollowedFile, now: number): boolean {
    return now - changedAt < hotMs && this.#options.isTold?.(path) !== true;
  }

  /**
   * In at most a poll interval, at a moment that many files share: a round looks at all that is awake to find what is due, and ten
   * thousand files of which each has a moment of its own would make a round for each of them.
   */
  #pollAgainAt(now: number): number {
    const { pollIntervalMs } = this.#options;
    const stepMs = pollIntervalMs / pollStepsEach;
    return Math.floor((now + pollIntervalMs) / stepMs) * stepMs;
  }

  /** Of a file that nobody holds open and that was read to its end: its path tells, for a fraction of what opening it anew costs. */
  async #isAsItWas(file: FollowedFile): Promise<boolean> {
    if (file.handle || file.spooled || file.compressed || file.gone) return false;
    if (hasUnread(file) || file.unsent.length > 0 || file.verifyAt <= file.lastPolledAt) return false;
    const stat = await this.#options.fs.stat(file.path);
    return stat?.key === file.key && stat.size === file.size && stat.mtimeMs === file.mtimeMs;
  }
}

/** Below what was seen of it. Zeros at its end may have been allocated in advance, and given back. */
function hasShrunk({ stream, size, zeros, unwatched }: FollowedFile, lastSize: number): boolean {
  return stream !== null && size < lastSize && !zeros.areHeld && zeros.seenTo <= stream.end && !unwatched;
}

/** To what is left behind or compressed nothing is added soon. */
function recordMaxMs({ leaving }: FollowedFile): number {
  return leaving ? unterminatedMaxMs : tornRecordMaxMs;
}

function hasWaited({ unterminatedSince }: FollowedFile, now: number, ms = unterminatedMaxMs): boolean {
  return unterminatedSince !== null && now - unterminatedSince >= ms;
}

/** Decompresses up to where it is read next; false while it is on the way. */
async function comesNear(file: FollowedFile): Promise<boolean> {
  const { handle } = file;
  if (!(handle instanceof DecompressedFile)) return true;
  const [first] = file.unsent;
  const next = Math.max(offsetOf(file), file.zeros.seenTo);
  const offset = first ? Math.min(first.start, first.end - anchorLength(first.end)) : next;
  return await handle.approach(offset - anchorLength(offset));
}
