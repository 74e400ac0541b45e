import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Catalog } from './catalog.ts';
import type { CutLog } from './cut-log.ts';
import type { Cut, StreamState } from './cut-state.ts';
import type { Cutter } from './cutter.ts';
import type { Descriptors } from './descriptors.ts';
import type { FileSystem } from './file-system.ts';
import { followedFile, hasUnread, noteStat, offsetOf } from './followed-file.ts';
import type { FollowedFile } from './followed-file.ts';
import { anchorLength, headBytesMax, holds } from './identity.ts';
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
 * 4. let go: all is acknowledged. First the cut log forgets the copy, durably, then the spool file is removed.
 *
 * A start finds copied and parked files again, and parks them. A spool file of a stream that the cut log has lost brings the stream
 * back: it is removed before the stream is forgotten, so that a stream that is not known was lost, not done with.
 */
export interface VanishedOptions {
  spool: Spool;
  cutLog: CutLog;
  catalog: Catalog;
  cutter: Cutter;
  sender: Sender;
  descriptors: Descriptors;
  fs: FileSystem;
  clock: Clock;
  logger: Logger;
}

/** The transport has so long to take the rest of a file before it is copied. */
const takeWaitMs = 1000;
/** A file that so many walks have not found is not merely being renamed. */
const missedScansMin = 2;
/** A deleted file's descriptor is kept for so long without a change: its writer may go on. */
export const goneWaitMs = 60_000;

export class Vanished {
  readonly #options: VanishedOptions;
  readonly #copies = new Map<FollowedFile, SpooledFile>();

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

  /** Copies what may be lost with this process. `urgent`: whatever the transport may take. Does not reject. */
  async save(urgent: boolean): Promise<void> {
    const { cutLog, catalog } = this.#options;
    const saved: FollowedFile[] = [];
    for (const file of catalog.gone) {
      if (!this.#isAtRisk(file, urgent)) continue;
      try {
        if (await this.#copy(file)) saved.push(file);
      } catch (error) {
        const { path } = file;
        this.#options.logger.debug({ path, reason: errorText(error) }, 'a vanished file cannot be read');
      }
    }
    if (saved.length === 0) return;
    for (const file of saved) {
      const copy = this.#copies.get(file);
      if (copy && file.stream) cutLog.setSpool(file.stream, { end: copy.end, size: copy.size });
    }
    await cutLog.commit();
  }

  /** Parks copied files that are quiet, and, when descriptors are scarce, others. */
  async park(): Promise<void> {
    const { catalog, clock, descriptors, cutLog } = this.#options;
    const quietSince = clock.monotonic() - goneWaitMs;
    const held = [...catalog.gone].filter(({ handle, spooled, stream }) => handle && stream && !spooled);
    const [whole, partial] = [
      held.filter((file) => this.#isCopied(file)),
      held.filter((file) => !this.#isCopied(file)),
    ];
    let wanted = descriptors.crowding;
    for (const file of whole.toSorted((a, b) => a.changedAt - b.changedAt)) {
      if (file.changedAt > quietSince && wanted <= 0) continue;
      await this.#close(file);
      wanted -= 1;
    }
    // What the spool has no room for is given up only when there is no other way; the oldest is kept.
    for (const file of partial.toSorted((a, b) => b.goneSince - a.goneSince))
      if (descriptors.excess > 0) await this.#close(file);
    if (descriptors.excess === 0) return;
    await cutLog.flush();
  }

  /** Lets go what is acknowledged, or came back. */
  async tidy(): Promise<void> {
    const { cutLog, catalog, spool } = this.#options;
    const done = [...this.#copies].filter(([file, copy]) => isDone(file, copy));
    if (done.length === 0) return;
    for (const [{ stream }] of done) if (stream) cutLog.setSpool(stream, null);
    await cutLog.commit();
    for (const [file, copy] of done) {
      this.#copies.delete(file);
      await spool.remove(copy);
      if (!file.spooled) continue;
      await this.#options.descriptors.close(file);
      catalog.drop(file);
    }
  }

  /** Whether it is not to be forgotten yet, because the spool has a copy of it. */
  hasCopy(file: FollowedFile): boolean {
    return this.#copies.has(file);
  }

  #isAtRisk(file: FollowedFile, urgent: boolean): boolean {
    if (file.spooled) return false;
    const waits = this.#options.clock.monotonic() - file.goneSince < takeWaitMs;
    return !(waits && !urgent) && !this.#isCopied(file);
  }

  /** Whether the spool has all that is not acknowledged. */
  #isCopied(file: FollowedFile): boolean {
    const acked = file.stream?.acked ?? 0;
    return Math.max(acked, this.#copies.get(file)?.end ?? 0) >= Math.max(file.size, offsetOf(file));
  }

  /** True when the spool holds more than before, or is known to lack something. */
  async #copy(file: FollowedFile): Promise<boolean> {
    const { clock, cutLog, cutter, spool } = this.#options;
    const { handle } = file;
    if (handle) {
      const stat = await handle.stat();
      if (stat.links > 0 && file.missedScans < missedScansMin) return false;
      noteStat(file, stat, clock.monotonic());
      if (stat.size < offsetOf(file) || this.#isCopied(file)) return false;
      if (!file.stream) {
        const head = Buffer.alloc(headBytesMax);
        cutter.begin(file, head.subarray(0, await handle.read(head, 0, headBytesMax, 0)));
        // A spool file's stream is known from before its first byte.
        await cutLog.commit();
      }
    }
    const { stream } = file;
    if (!stream) return false;
    const copy = this.#copies.get(file) ?? spool.begin(stream);
    const before = { end: copy.end, size: copy.size };
    copy.size = Math.max(file.size, stream.end);
    this.#copies.set(file, copy);
    await spool.write(copy, stream, handle ? piecesOf(file, copy) : this.#heldPieces(stream, copy));
    return copy.end !== before.end || copy.size !== before.size;
  }

  /** Closed before it vanished, to spare descriptors: what is under way is in memory. */
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
    const copy = this.#copies.get(file) ?? spool.begin(stream);
    copy.size = Math.max(file.size, stream.end);
    this.#copies.set(file, copy);
    file.spooled = copy;
    this.#options.catalog.rekey(file);
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
    const parked = new Map([...this.#copies.keys()].map((file) => [file.stream?.record.id, file]));
    for (const file of this.#copies.keys()) {
      const previous = parked.get(file.stream?.record.previous ?? '');
      if (file.stream?.end === 0 && previous) file.predecessor = previous;
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
    // What the spool cannot show whole is not to be compared: each piece of it has a checksum.
    const isKnown = (end: number) => spooled.covers(end - anchorLength(end), end);
    if (!isKnown(state.end)) state.anchor = null;
    state.pending = state.pending
      .flatMap((cut) => splitAtLacks(cut, spooled))
      .map((cut) => (isKnown(cut.end) ? cut : { ...cut, anchor: null }));
    file.resend = state.pending.length > 0;
    this.#copies.set(file, spooled);
    this.#options.catalog.takeParked(file);
  }
}

/** A parked file is done when its stream has ended, a copied one when what it has is acknowledged, or its file is back. */
function isDone(file: FollowedFile, copy: SpooledFile): boolean {
  const { stream } = file;
  if (!stream) return true;
  if (!file.spooled) return !file.gone || stream.acked >= copy.size;
  return stream.final && stream.pending.length === 0 && !hasUnread(file);
}

/** The cut in pieces: what the spool has of it, and gaps for what it has not. */
function splitAtLacks(cut: Cut, spooled: SpooledFile): Cut[] {
  if (cut.gap !== null || spooled.covers(cut.start, cut.end)) return [cut];
  const pieces: Cut[] = [];
  for (let start = cut.start; start < cut.end;) {
    const lack = spooled.lackAt(start);
    const end = Math.min(cut.end, lack?.end ?? spooled.runEnd(start));
    pieces.push({
      ...cut,
      start,
      end,
      gap: lack?.reason ?? null,
      anchor: null,
      final: cut.final && end === cut.end,
    });
    start = end;
  }
  return pieces;
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
