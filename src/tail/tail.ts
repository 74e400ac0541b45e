import { CabooseError, errorText } from '../core/errors.ts';
import type { Publisher } from '../core/transport.ts';
import type { Budget } from './budget.ts';
import { Catalog } from './catalog.ts';
import { CompressedFiles } from './compressed-files.ts';
import type { StreamRecord } from './cut-state.ts';
import type { Pressure } from './compression-choice.ts';
import { Cutter } from './cutter.ts';
import { Cuts } from './cuts.ts';
import { Descriptors } from './descriptors.ts';
import { Discovery } from './discovery.ts';
import { Endings } from './endings.ts';
import { canBeRead, hasUnread } from './followed-file.ts';
import type { FollowedFile } from './followed-file.ts';
import { Opener } from './opener.ts';
import type { Patterns } from './patterns.ts';
import { ReadBuffers } from './read-buffers.ts';
import { Rounds } from './rounds.ts';
import { Sender } from './sender.ts';
import type { Spool } from './spool.ts';
import { Snapshots } from './snapshots.ts';
import type { SnapshotOptions } from './snapshots.ts';
import { unwatched } from '../telemetry/stalls.ts';
import type { WatchedPart } from '../telemetry/stalls.ts';
import { Vanished } from './vanished.ts';
import type { Wake } from './watched-directory.ts';
import { Walks } from './walks.ts';
import type { Watcher } from './watcher.ts';

/**
 * The tail: finds files, reads their bytes, decides cuts, and sends them. Correct by stat and positional reads alone; the
 * watcher only wakes it up. One round:
 *
 * 1. If it is time, or something appeared: walk the directories, and let the catalog say which file is which stream.
 * 2. Of each file that may have grown: check that the bytes before the offset still stand, read what is new, decide a cut. Lanes and
 *    files take turns, a segment each (reading-turns.ts), while the lane has room for bytes under way and the budget allows it.
 * 3. Make the cuts durable, then send them. Only an ack moves a position.
 * 4. Files that were rotated away or deleted and stay quiet get their final marker.
 *
 * Failure rule: whatever a file does (vanish, shrink, refuse to be read), the others go on. What cannot be had is published as a
 * gap. A transport that is away stops reading, when the room is used up, and nothing else; descriptors stay open. A lane that has used up
 * its room, or bulk that is over budget, does not hold up the other lane.
 */
export interface TailOptions extends SnapshotOptions {
  patterns: Patterns;
  publisher: Publisher;
  watcher: Watcher;
  spool: Spool;
  budget: Budget;
  /** Raw bytes that may be sent and not acknowledged. */
  inFlightBytesMax: number;
  openFilesMax: number;
  /** Told, before each rest, of what holds reading up. */
  onPressure?: (pressure: Pressure) => void;
  host?: string;
  /** In [0, 1), as Math.random. */
  random?: () => number;
  /** Told of each round, so that one that does not end is noticed. */
  watched?: WatchedPart;
}

/** Files that found no free descriptor are tried again after this. */
const starvedWaitMs = 100;
/** Walks, when all there is is worked through, to find out what is a copy. */
const decidingWalksMax = 5;
/** Looks at rewritten files that do not stand still, at the end. */
const statesWaitsMax = 20;
/** It looks at every file, so not in every round. */
const finishIntervalMs = 500;
export class Tail {
  readonly #options: TailOptions;
  readonly #compressed: CompressedFiles;
  readonly #catalog: Catalog;
  readonly #snapshots: Snapshots;
  readonly #sender: Sender;
  readonly #rounds: Rounds;
  readonly #walks: Walks;
  readonly #descriptors: Descriptors;
  readonly #vanished: Vanished;
  readonly #endings: Endings;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | null = null;
  #wake = new AbortController();
  #nextFinishAt = 0;
  /** Cut an unterminated rest at once: at the end (once, drain). */
  #cutAnywhere = false;
  #waits = 0;
  #acksSeen = 0;

  constructor(options: TailOptions) {
    this.#options = options;
    const { fs, patterns, logger } = options;
    const discovery = new Discovery(fs, patterns, logger);
    const compressed = (this.#compressed = new CompressedFiles(options));
    const snapshots = (this.#snapshots = new Snapshots(options, discovery));
    const descriptors = (this.#descriptors = new Descriptors(options.openFilesMax, logger));
    const catalog = (this.#catalog = new Catalog({ ...options, compressed, descriptors }));
    const buffers = new ReadBuffers();
    const opener = new Opener(options, discovery, descriptors);
    const cuts = new Cuts(options);
    const cutter = new Cutter(options, { catalog, buffers, descriptors, opener, cuts });
    const sender = (this.#sender = new Sender({ ...options, buffers, bytesMax: options.inFlightBytesMax }));
    const vanished = (this.#vanished = new Vanished({ ...options, catalog, cuts, sender, descriptors }));
    const endings = (this.#endings = new Endings({ ...options, catalog, vanished, descriptors }));
    const rounds = (this.#rounds = new Rounds(options, { catalog, cutter, snapshots, sender }));
    const parts = { discovery, snapshots, compressed, catalog, endings, opener, sender, rounds };
    this.#walks = new Walks(options, parts);
    options.metrics.followedFiles.set(0);
  }

  /** Follows until `drain`. */
  async start(): Promise<void> {
    await this.#vanished.recover();
    this.#options.watcher.start((kind, path) => this.wake(kind, path));
    this.#loop = this.#follow();
  }

  /**
   * Works through what is there, to the end of every file, and resolves when all of it is acknowledged. Rejects with the
   * transport's refusal, if it refuses anything, or INTERRUPTED.
   */
  async once(signal: AbortSignal): Promise<void> {
    this.#cutAnywhere = true;
    this.#compressed.hurry();
    this.#catalog.hurry();
    await this.#vanished.recover();
    const stop = AbortSignal.any([signal, this.#sender.refusedSignal]);
    await this.#workThrough(stop);
    const drained = await this.#sender.drained(stop);
    const { refusal } = this.#sender;
    await this.#vanished.save('last');
    await this.#close();
    if (refusal) throw refusal;
    if (!drained) {
      throw new CabooseError('INTERRUPTED', 'stopped before everything was acknowledged', {
        retriable: true,
        hint: 'run it again with the same state directory: it goes on where it stopped',
      });
    }
  }

  /** Stops following, ships what is there, and waits for acks until the signal aborts; what is left is in the cut log. */
  async drain(signal: AbortSignal): Promise<void> {
    this.#stopping.abort();
    this.#wakeUp();
    await this.#loop;
    await this.#options.watcher.close();
    this.#cutAnywhere = true;
    await this.#vanished.save('urgent');
    await this.#workThrough(signal);
    const drained = await this.#sender.drained(signal);
    // Whatever the transport does: what only this process holds survives it. A file may have gone while nobody looked.
    if (!drained) await this.#walks.walk();
    await this.#vanished.save('last');
    await this.#close();
  }

  /** Something happened at the path: it is looked at sooner than it would be. */
  wake(...[kind, path]: Parameters<Wake>): void {
    const now = this.#options.clock.monotonic();
    if (kind === 'appeared') {
      this.#walks.hasten(50);
    } else if (!this.#snapshots.wake(path)) {
      const file = this.#catalog.files.at(path);
      if (!file || file.nextPollAt <= now + this.#options.pollIntervalMs) return;
      file.nextPollAt = Math.max(now, file.lastPolledAt + this.#options.pollIntervalMs);
      this.#catalog.files.awake.add(file);
    }
    this.#wakeUp();
  }

  /** Null when the directories were walked and the transport takes segments; else why not. */
  get notReady(): string | null {
    if (!this.#walks.hasWalked) return 'the directories were not walked yet';
    const { refusal } = this.#sender;
    return refusal ? `the transport refuses segments: ${refusal.message}` : null;
  }

  /** Bytes that are in followed files and not acknowledged, and since when (ms since epoch) the oldest of them waits. */
  lag(): { bytes: number; since: number | null; files: number; openFiles: number; polledFiles: number } {
    let bytes = this.#snapshots.lagBytes;
    let since: number | null = null;
    for (const file of this.#catalog.files) {
      const waiting = Math.max(0, file.size - (file.stream?.acked ?? 0));
      bytes += waiting;
      if (waiting === 0) file.behindSince = null;
      else if (file.behindSince !== null) since = Math.min(since ?? Infinity, file.behindSince);
    }
    const { size: files, awake } = this.#catalog.files;
    return { bytes, since, files, openFiles: this.#descriptors.size, polledFiles: awake.size };
  }

  /** Bytes of the file at this path that the transport has acknowledged; null if it is not followed, or nothing was cut yet. */
  acknowledged(path: string): number | null {
    return this.#catalog.files.at(path)?.stream?.acked ?? null;
  }

  /** The streams of followed files that were written since then (ms since epoch), by the files' own times. */
  *streamsWrittenSince(since: number): Generator<{ record: StreamRecord; writtenAt: number }> {
    for (const { stream, mtimeMs } of this.#catalog.files)
      if (stream && mtimeMs >= since) yield { record: stream.record, writtenAt: mtimeMs };
  }

  async #follow(): Promise<void> {
    const { clock, logger, watched = unwatched } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const work = watched.begin('walking the directories');
      try {
        if (clock.monotonic() >= this.#walks.nextAt) await this.#walks.walk();
        work.progress('reading files');
        await this.#round();
        work.progress('ending files');
        if (clock.monotonic() >= this.#nextFinishAt) await this.#finish();
        work.progress('spooling what vanished');
        await this.#keepVanished();
        work.progress('looking through compressed files');
        await this.#lookThrough();
        work.end();
      } catch (error) {
        work.end();
        // A round that fails as a whole is a defect or a system out of descriptors: told, and tried again.
        logger.error({ reason: errorText(error) }, 'a round of the tail failed');
        await clock.sleep(1000, this.#stopping.signal);
      }
      await this.#rest();
    }
  }

  async #workThrough(signal: AbortSignal): Promise<void> {
    let walks = 0;
    do {
      await this.#walks.walk();
      let readable = 0;
      while (!signal.aborted) {
        const before = readable;
        for (const file of this.#catalog.files) if (mayHaveMore(file)) this.#pollNow(file);
        // A round that lacked room, or was over budget, did not look at everything: that one does not mean the end.
        const looks = this.#sender.room.isAmpleForAll && this.#rounds.pauseMs === 0;
        const sentBytes = await this.#round();
        await this.#finish();
        this.#tellPressure();
        const waiting = await this.#keepVanished();
        await this.#lookThrough();
        const files = [...this.#catalog.files];
        readable = files.filter(canBeRead).length;
        const isMidway = this.#isLookingThrough || files.some((file) => file.isMidway);
        if (!this.#sender.room.isAmpleForAll) await this.#sender.nextAck(signal);
        else if (waiting) await this.#options.clock.sleep(starvedWaitMs, signal);
        // The round itself may have gone over budget, before it came to the last file.
        else if (looks && this.#rounds.pauseMs === 0 && sentBytes === 0 && readable === before && !isMidway) {
          if (!(await this.#waitForStates(signal))) break;
        }
        const pauseMs = this.#rounds.pauseMs;
        if (pauseMs > 0) await this.#options.clock.sleep(pauseMs, signal);
      }
      walks += 1;
    } while (
      !signal.aborted &&
      (this.#catalog.hasOrphans || this.#awaitsCompressed || this.#mayDecide(walks))
    );
  }

  /** Another walk may tell a copy from a file of its own; one that never can is left to the next process. */
  #mayDecide(walks: number): boolean {
    return this.#catalog.isUndecided && walks < decidingWalksMax;
  }

  get #isLookingThrough(): boolean {
    return !this.#stopping.signal.aborted && this.#compressed.isBusy;
  }

  /** A tail that drains leaves those that are not known yet to the next process. */
  get #awaitsCompressed(): boolean {
    return !this.#stopping.signal.aborted && this.#compressed.isPending();
  }

  /** At the end: gives rewritten files the time for a second look, and says whether to look again. */
  async #waitForStates(signal: AbortSignal): Promise<boolean> {
    if (!this.#snapshots.isWaiting) return false;
    if (this.#waits === statesWaitsMax) {
      const hint = 'it keeps changing; run again to ship its last state';
      this.#options.logger.warn({ hint }, 'a file that is rewritten did not stand still before the end');
      return false;
    }
    this.#waits += 1;
    await this.#options.clock.sleep(this.#options.pollIntervalMs, signal);
    // Meanwhile others may have been written.
    await this.#walks.walk();
    return true;
  }

  /** The next slice of a compressed file that is not known yet; when one is known, the next walk takes it in. */
  async #lookThrough(): Promise<void> {
    if (!this.#isLookingThrough || this.#rounds.pauseMs > 0) return;
    await this.#compressed.work();
    if (!this.#compressed.isBusy || this.#compressed.hasNews) this.#walks.hasten();
  }

  async #round(): Promise<number> {
    const isWhole = this.#cutAnywhere && !this.#stopping.signal.aborted;
    const bytes = await this.#rounds.play({ cutAnywhere: this.#cutAnywhere, isWhole });
    if (this.#catalog.hasOrphans) this.#walks.hasten();
    return bytes;
  }

  /**
   * Files that vanished are copied to the spool when the transport does not take them, and let go when it has. Returns whether files
   * had to wait for a descriptor.
   */
  async #keepVanished(): Promise<boolean> {
    await this.#vanished.save(this.#sender.room.isAmpleForAll ? 'usual' : 'urgent');
    await this.#descriptors.trim();
    await this.#vanished.park();
    await this.#vanished.tidy();
    return this.#descriptors.takeWaiting() > 0;
  }

  /** Final markers, at times. */
  async #finish(): Promise<void> {
    this.#nextFinishAt = this.#options.clock.monotonic() + finishIntervalMs;
    await this.#rounds.ship(await this.#endings.finish());
  }

  #pollNow(file: FollowedFile): void {
    file.nextPollAt = 0;
    this.#catalog.files.awake.add(file);
  }

  #wakeUp(): void {
    this.#wake.abort();
  }

  /** Sleeps until something is due, woken by the watcher or, when a lane has no room, by an ack. */
  async #rest(): Promise<void> {
    const { clock } = this.#options;
    this.#tellPressure();
    const wake = (this.#wake = new AbortController());
    const now = clock.monotonic();
    const dueAt = this.#dueAt(now);
    if (dueAt <= now || this.#stopping.signal.aborted) return;
    const sleeping = clock.sleep(dueAt - now, wake.signal);
    if (this.#sender.room.isAmpleForAll) return await sleeping;
    await Promise.race([this.#sender.nextAck(wake.signal), sleeping]);
    wake.abort();
  }

  /** The link holds reading up when there is no room although acks come; without any it is away. */
  #tellPressure(): void {
    const { budget, onPressure } = this.#options;
    const { room, acks } = this.#sender;
    const isAway = acks === this.#acksSeen;
    this.#acksSeen = acks;
    onPressure?.({
      cpu: budget.isCpuSpent,
      link: budget.isOverBytes || (!room.isAmpleForAll && !isAway),
    });
  }

  /** Monotonic ms: the next walk, or the next look at a file that can be read then. */
  #dueAt(now: number): number {
    const dueAt = Math.min(this.#walks.nextAt, this.#rounds.dueAt(now));
    return this.#isLookingThrough ? Math.min(dueAt, now + this.#rounds.pauseMs) : dueAt;
  }

  async #close(): Promise<void> {
    this.#sender.stop();
    await this.#compressed.close();
    for (const file of this.#catalog.files) await this.#descriptors.close(file);
    await this.#snapshots.close();
    await this.#options.cutLog.close();
  }
}

/** What the walk has just seen unchanged, and nobody holds open, has no more than it had. */
function mayHaveMore(file: FollowedFile): boolean {
  return (
    file.handle !== null ||
    file.compressed !== null ||
    file.zeros.areHeld ||
    file.unsent.length > 0 ||
    hasUnread(file)
  );
}
