import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Catalog } from './catalog.ts';
import type { CutLog } from './cut-log.ts';
import type { StreamState } from './cut-state.ts';
import type { Cuts } from './cuts.ts';
import type { Descriptors } from './descriptors.ts';
import type { FileSystem } from './file-system.ts';
import { followedFile, hasUnread, isLost, noteStat, offsetOf } from './followed-file.ts';
import type { FollowedFile } from './followed-file.ts';
import { anchorLength, headBytesMax, holds } from './identity.ts';
import { unsentOf } from './resend.ts';
import type { Sender } from './sender.ts';
import { framePayloadBytesMax } from './spool-frames.ts';
import type { FoundSpool, Piece, Spool } from './spool.ts';
import type { SpooledFile } from './spooled-file.ts';

/**
 * Files that vanished (deleted, or moved where no pattern leads) before all of their bytes were acknowledged. Nothing but a
 * descriptor of this process, or its memory, holds these bytes; a kill or an outage that is longer than the descriptors last would
 * lose them. Such a file goes through:
 *
 * 1. gone: the transport has a second to take what is left.
 * 2. copied: what is not acknowledged is in the spool, and the cut log says so. Its descriptor stays for a minute after the last
 *    change, for its writer may go on, and what is written is copied, too.
 * 3. parked: the descriptor is closed, earlier when descriptors are scarce. From now on it is read from the spool, by the same
 *    cuts. What did not fit into the spool is a gap.
 * 4. let go: all is acknowledged. First the cut log forgets the copy, durably, then the spool file is removed, durably, then the
 *    stream may be forgotten: a minute after it has gone, for it may come back (a directory that was moved).
 *
 * A start finds copied and parked files again, and parks them. A spool file of a stream that the cut log has lost brings the stream
 * back: it is removed before the stream is forgotten, so that a stream that is not known was lost, not done with.
 */
export interface VanishedOptions {
  spool: Spool;
  cutLog: CutLog;
  catalog: Catalog;
  cuts: Cuts;
  sender: Sender;
  descriptors: Descriptors;
  fs: FileSystem;
  clock: Clock;
  logger: Logger;
}

/** The transport has so long to take the rest of a file before it is copied. */
const takeWaitMs = 1000;
/** A deleted file's descriptor is kept for so long without a change: its writer may go on. Its stream is remembered for so long. */
export const goneWaitMs = 60_000;

/** What the spool has of a stream. `file` is null when the stream's file holds other bytes now. */
interface Copy {
  spooled: SpooledFile;
  file: FollowedFile | null;
}

export class Vanished {
  readonly #options: VanishedOptions;
  readonly #copies = new Map<StreamState, Copy>();
  /** Streams that no file holds any more (truncated, rewritten), with cuts in memory. */
  readonly #adrift = new Set<StreamState>();

  constructor(options: VanishedOptions) {
    this.#options = options;
  }

  /** Before the first walk: parks what an earlier process left in the spool. */
  async recover(): Promise<void> {
    const { spool, cutLog } = this.#options;
    const found = new Map((await spool.load()).map((one) => [one.id, one]));
    for (const one of found.values()) await this.#recover(one);
    for (const state of cutLog.streams.values()) {
      if (!state.spool || found.has(state.record.id)) continue;
      if (await this.#isThere(state)) cutLog.setSpool(state, null);
      else this.#park(this.#fileOf(state, spool.begin(state)), state);
    }
    this.#order();
    await cutLog.commit();
  }

  /** The stream's file was truncated or rewritten: what is under way of it is only in memory. */
  setAdrift(state: StreamState): void {
    if (state.pending.length > 0) this.#adrift.add(state);
  }

  /** Whether it is not to be forgotten yet, because the spool has a copy of it. */
  hasCopy(file: FollowedFile): boolean {
    return file.stream !== null && this.#copies.has(file.stream);
  }

  /**
   * Copies what may be lost with this process: what the transport has had the time to take; `urgent`: whatever it may take; `last`: also what
   * may yet turn out to be another file's copy. Does not reject.
   */
  async save(need: 'usual' | 'urgent' | 'last'): Promise<void> {
    const { cutLog, catalog } = this.#options;
    const saved: StreamState[] = [];
    for (const file of catalog.files.gone) {
      if (!this.#isAtRisk(file, need)) continue;
      try {
        if ((await this.#copy(file)) && file.stream) saved.push(file.stream);
      } catch (error) {
        const { path } = file;
        this.#options.logger.debug({ path, reason: errorText(error) }, 'a vanished file cannot be read');
      }
    }
    for (const state of this.#adrift) if (await this.#copyHeld(state, null, state.end)) saved.push(state);
    if (saved.length === 0) return;
    for (const state of saved) {
      const copy = this.#copies.get(state)?.spooled;
      if (copy) cutLog.setSpool(state, { end: copy.end, size: copy.size });
    }
    await cutLog.commit();
  }

  /** Parks copied files that are quiet, and, when descriptors are scarce, others. */
  async park(): Promise<void> {
    const { catalog, clock, descriptors } = this.#options;
    const quietSince = clock.monotonic() - goneWaitMs;
    const held: FollowedFile[] = [];
    for (const file of catalog.files.gone) {
      // One that was merely being renamed comes back under its new name.
      if (!file.stream || file.spooled || !isLost(file)) continue;
      if (file.handle) held.push(file);
      // Nothing keeps its inode from being another file's.
      else if (this.hasCopy(file) && this.#isCopied(file)) await this.#close(file);
    }
    let wanted = descriptors.crowding;
    for (const file of held
      .filter((one) => this.#isCopied(one))
      .toSorted((a, b) => a.changedAt - b.changedAt)) {
      if (file.changedAt > quietSince && wanted <= 0) continue;
      await this.#close(file);
      wanted -= 1;
    }
    // What the spool has no room for is given up only when there is no other way; the oldest is kept.
    for (const file of held.filter((one) => one.handle).toSorted((a, b) => b.goneSince - a.goneSince))
      if (descriptors.excess > 0) await this.#close(file);
  }

  /** Lets go what is acknowledged, or came back. */
  async tidy(): Promise<void> {
    const { cutLog, descriptors, spool } = this.#options;
    for (const state of this.#adrift) if (state.pending.length === 0) this.#adrift.delete(state);
    const done = [...this.#copies].filter(([state, copy]) => isDone(state, copy));
    if (done.length === 0) return;
    for (const [state] of done) if (state.spool) cutLog.setSpool(state, null);
    await cutLog.commit();
    for (const [state, { file, spooled }] of done) {
      if (!(await spool.remove(spooled))) continue;
      this.#copies.delete(state);
      if (file?.spooled !== spooled) continue;
      await descriptors.close(file);
      file.spooled = null;
    }
  }

  #isAtRisk(file: FollowedFile, need: 'usual' | 'urgent' | 'last'): boolean {
    if (file.spooled || (file.waitsFor !== null && need !== 'last')) return false;
    // Its writer may have gone on since the last look.
    if (need !== 'usual') return true;
    return this.#options.clock.monotonic() - file.goneSince >= takeWaitMs && !this.#isCopied(file);
  }

  /** Whether nothing of it is left that is neither acknowledged nor in the spool. */
  #isCopied(file: FollowedFile): boolean {
    const copied = file.stream ? (this.#copies.get(file.stream)?.spooled.end ?? 0) : 0;
    return Math.max(file.stream?.acked ?? 0, copied) >= Math.max(file.size, offsetOf(file));
  }

  /** True when the spool holds more than before, or is known to lack something. */
  async #copy(file: FollowedFile): Promise<boolean> {
    const { clock, cutLog, cuts } = this.#options;
    const { handle } = file;
    if (!handle) return file.stream !== null && (await this.#copyHeld(file.stream, file, file.size));
    const stat = await handle.stat();
    // What was seen is told when it is lost; that it was truncated the next look at it finds.
    if (stat.size >= file.size) noteStat(file, stat, clock.monotonic());
    if (stat.links > 0 && !isLost(file)) return false;
    if (stat.size < offsetOf(file) || this.#isCopied(file)) return false;
    if (!file.stream) {
      const head = Buffer.alloc(headBytesMax);
      cuts.begin(file, head.subarray(0, await handle.read(head, 0, headBytesMax, 0)));
      // A spool file's stream is known from before its first byte.
      await cutLog.commit();
    }
    const { stream } = file;
    return stream !== null && (await this.#write(stream, file, stat.size, (copy) => piecesOf(file, copy)));
  }

  /** Of what is in memory: the file was closed before it vanished, to spare descriptors, or holds other bytes now. */
  async #copyHeld(state: StreamState, file: FollowedFile | null, size: number): Promise<boolean> {
    const copied = this.#copies.get(state)?.spooled.end ?? 0;
    if (!this.#options.sender.held(state).some(({ cut, bytes }) => bytes.length > 0 && cut.end > copied))
      return false;
    return await this.#write(state, file, size, (copy) => this.#heldPieces(state, copy));
  }

  async #write(
    state: StreamState,
    file: FollowedFile | null,
    size: number,
    pieces: (copy: SpooledFile) => AsyncIterable<Piece>,
  ): Promise<boolean> {
    const { spool } = this.#options;
    const spooled = this.#copies.get(state)?.spooled ?? spool.begin(state);
    const before = { end: spooled.end, size: spooled.size };
    spooled.size = Math.max(size, state.end);
    this.#copies.set(state, { spooled, file });
    await spool.write(spooled, state, pieces(spooled));
    return spooled.end !== before.end || spooled.size !== before.size;
  }

  async *#heldPieces(state: StreamState, copy: SpooledFile): AsyncGenerator<Piece> {
    const { sender } = this.#options;
    for (const { cut, bytes } of sender.held(state)) {
      if (cut.end <= copy.end) continue;
      for (let at = 0; at < bytes.length; at += framePayloadBytesMax) {
        // Once acknowledged, its buffer is another read's.
        if (!sender.held(state).some((held) => held.bytes === bytes)) break;
        yield { start: cut.start + at, bytes: bytes.subarray(at, at + framePayloadBytesMax) };
      }
    }
  }

  /** Lets the file itself go: what is to be had of it is in the spool. */
  async #close(file: FollowedFile): Promise<void> {
    const { descriptors, spool } = this.#options;
    const { stream } = file;
    if (!stream) return;
    await descriptors.close(file);
    const spooled = this.#copies.get(stream)?.spooled ?? spool.begin(stream);
    spooled.size = Math.max(file.size, stream.end);
    this.#copies.set(stream, { spooled, file });
    file.spooled = spooled;
    this.#options.catalog.files.rekey(file);
  }

  async #recover({ id, spooled, state: snapshot }: FoundSpool): Promise<void> {
    const { cutLog, spool, logger } = this.#options;
    let state = cutLog.streams.get(id);
    // An older copy of the cut log may not know what was acknowledged before the first byte was spooled.
    if (snapshot && (!state || state.end < snapshot.acked)) state = cutLog.restore(snapshot);
    const needed = state && Math.max(spooled.end, state.spool?.size ?? 0) > state.acked;
    if (!state || !needed || (await this.#isThere(state))) {
      if (state) cutLog.setSpool(state, null);
      logger.debug({ file: spooled.name, stream: id }, 'a spool file that nobody needs is removed');
      await cutLog.commit();
      await spool.remove(spooled);
      return;
    }
    this.#park(this.#fileOf(state, spooled), state);
  }

  /** A stream that had not begun waits for the one before it, as it did before the restart. */
  #order(): void {
    const parked = new Map([...this.#copies].map(([state, { file }]) => [state.record.id, file]));
    for (const [state, { file }] of this.#copies) {
      const previous = parked.get(state.record.previous ?? '');
      if (file && previous && state.end === 0) file.predecessor = previous;
    }
  }

  /** Whether its file is in its place after all, with all that was cut of it. */
  async #isThere(state: StreamState): Promise<boolean> {
    const { path, dev, ino, headBytes, headHash } = state.record;
    try {
      const file = await this.#options.fs.open(path);
      if (!file) return false;
      try {
        const { key, size } = await file.stat();
        const { end, anchor, spool } = state;
        const isSame = key === `${dev}:${ino}` && size >= (spool?.size ?? 0);
        return isSame && (await holds(file, { headBytes, headHash, end, anchor }));
      } finally {
        await file.close();
      }
    } catch (error) {
      this.#options.logger.debug({ path, reason: errorText(error) }, 'cannot be compared with the spool');
      return false;
    }
  }

  #fileOf(state: StreamState, spooled: SpooledFile): FollowedFile {
    const { record, spool } = state;
    spooled.spooledEnd = Math.max(spooled.spooledEnd, spool?.end ?? 0);
    spooled.size = Math.max(spooled.size, spool?.size ?? 0, state.end);
    const stat = { dev: record.dev, ino: record.ino, birthtimeMs: record.created, size: spooled.size };
    const now = this.#options.clock.monotonic();
    const file = followedFile(
      record.path,
      { ...stat, key: `${record.dev}:${record.ino}`, mtimeMs: 0, links: 0, kind: 'file' },
      now,
    );
    const behindSince = state.pending[0]?.observed ?? this.#options.clock.now();
    return Object.assign(file, { stream: state, spooled, goneSince: now, behindSince });
  }

  #park(file: FollowedFile, state: StreamState): void {
    const { spooled } = file;
    if (!spooled) return;
    file.unsent = unsentOf(state);
    this.#copies.set(state, { spooled, file });
    this.#options.catalog.takeParked(file);
  }
}

/** A parked file is done when its stream has ended; another one when what was copied is acknowledged, or its file is back. */
function isDone(state: StreamState, { spooled, file }: Copy): boolean {
  if (file?.stream !== state) return state.pending.length === 0;
  if (!file.spooled) return !file.gone || state.acked >= spooled.size;
  return state.final && state.pending.length === 0 && !hasUnread(file);
}

/** What is not acknowledged and not copied, and before it what an anchor needs. */
async function* piecesOf(file: FollowedFile, copy: SpooledFile): AsyncGenerator<Piece> {
  const acked = file.stream?.acked ?? 0;
  const { handle, size } = file;
  const buffer = Buffer.allocUnsafe(framePayloadBytesMax);
  for (let start = Math.max(copy.end, acked - anchorLength(acked)); start < size;) {
    const got = (await handle?.read(buffer, 0, Math.min(buffer.length, size - start), start)) ?? 0;
    if (got === 0) return;
    yield { start, bytes: buffer.subarray(0, got) };
    start += got;
  }
}
