import { DecompressedFile } from './decompressed-file.ts';
import { errorText } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import { streamId } from '../core/ids.ts';
import type { Logger } from '../core/logger.ts';
import { segmentBytesMax } from '../core/segment.ts';
import type { Lane } from '../core/segment.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Catalog } from './catalog.ts';
import type { CutLog } from './cut-log.ts';
import type { Cut, MadeCut, StreamState } from './cut-state.ts';
import type { Discovery } from './discovery.ts';
import type { FileSystem } from './file-system.ts';
import { hasUnread, offsetOf } from './followed-file.ts';
import type { FollowedFile } from './followed-file.ts';
import { anchorLength, hashOf, headOf } from './identity.ts';
import type { ReadBuffers } from './read-buffers.ts';
import { readNext } from './reading.ts';
import { resendPending } from './resend.ts';

/** Looks at one file at a time, and decides its next cut. The cuts are in the cut log but not durable yet. */
export interface CutterOptions {
  /** `source.id` */
  source: string;
  laneOf: (path: string) => Lane;
  originOf: (path: string) => StreamOrigin;
  cutLog: CutLog;
  fs: FileSystem;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  pollIntervalMs: number;
}

export interface StreamOrigin {
  run: string;
  attempt: number;
  rank: number | null;
  labels: Readonly<Record<string, string>>;
}

/** What one look at a file gave. `more`: look again at once. */
export interface Polled {
  made: readonly MadeCut[];
  more: boolean;
}

/** An unterminated line is cut where it stands after so long. */
const unterminatedMaxMs = 1000;
/** A file that changed within so long is polled; others are looked at by the walk. */
const hotMs = 10_000;
/** A file that nothing leads to, or that cannot be read, is looked at this often. */
const slowPollMs = 1000;

const nothing: Polled = { made: [], more: false };

export class Cutter {
  readonly #options: CutterOptions;
  readonly #discovery: Discovery;
  readonly #catalog: Catalog;
  readonly #buffers: ReadBuffers;

  constructor(options: CutterOptions, discovery: Discovery, catalog: Catalog, buffers: ReadBuffers) {
    this.#options = options;
    this.#discovery = discovery;
    this.#catalog = catalog;
    this.#buffers = buffers;
  }

  /**
   * `cutAnywhere`: an unterminated rest does not wait for its line end. `bytesMax`: of a cut. Does not reject: a file that fails is
   * told once.
   */
  async poll(file: FollowedFile, cutAnywhere: boolean, bytesMax = segmentBytesMax): Promise<Polled> {
    try {
      return await this.#look(file, cutAnywhere, bytesMax);
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
      await closeHandle(file);
      file.nextPollAt = this.#options.clock.monotonic() + slowPollMs;
      return nothing;
    }
  }

  /**
   * Opens the file though there is no room to read it: a descriptor keeps the bytes of a file that is deleted. Does not reject.
   */
  async hold(file: FollowedFile): Promise<void> {
    try {
      await this.#openHandle(file);
    } catch (error) {
      this.#options.logger.debug({ path: file.path, reason: errorText(error) }, 'cannot be opened yet');
    }
  }

  async #look(file: FollowedFile, cutAnywhere: boolean, bytesMax: number): Promise<Polled> {
    const now = this.#options.clock.monotonic();
    file.lastPolledAt = now;
    file.nextPollAt = Infinity;
    file.isMidway = false;
    if (file.compressed && !file.resend && file.size <= offsetOf(file)) return await this.#done(file);
    if (!(await this.#openHandle(file)) || !file.handle) return nothing;
    const stat = await file.handle.stat();
    const lastSize = file.size;
    if (stat.size !== file.size || stat.mtimeMs !== file.mtimeMs) file.changedAt = now;
    file.size = stat.size;
    file.mtimeMs = stat.mtimeMs;
    if (stat.links === 0) {
      file.gone = true;
      file.leaving = true;
    }
    if (now - file.changedAt < hotMs) file.nextPollAt = now + this.#options.pollIntervalMs;
    else if (file.gone) file.nextPollAt = now + slowPollMs;
    if (stat.size < offsetOf(file)) return this.#rewritten(file, lastSize);
    if (file.compressed && !(await comesNear(file))) return this.#midway(file);
    if (file.resend) return { made: await this.#resend(file), more: true };
    if (!hasUnread(file)) return nothing;
    return await this.#read(file, lastSize, cutAnywhere, bytesMax);
  }

  async #read(file: FollowedFile, lastSize: number, cutAnywhere: boolean, bytesMax: number): Promise<Polled> {
    const { clock, metrics } = this.#options;
    if (!file.handle) return nothing;
    const { size, lastPolledAt: now } = file;
    file.behindSince ??= clock.now();
    const waited = file.unterminatedSince !== null && now - file.unterminatedSince >= unterminatedMaxMs;
    const request = {
      offset: offsetOf(file),
      anchor: file.stream?.anchor ?? null,
      available: size - offsetOf(file),
      bytesMax,
      cutAnywhere: waited || cutAnywhere,
    };
    const reading = await readNext(file.handle, request, this.#buffers);
    if (reading.kind === 'rewritten') return this.#rewritten(file, lastSize);
    file.complaint = null;
    file.unwatched = false;
    if (reading.kind === 'nothing') {
      await this.#noteRest(file, reading.unterminatedBytes, now);
      return nothing;
    }
    metrics.readBytes.inc(reading.bytes.length);
    const made = this.#cut(file, reading.bytes, reading.anchor);
    file.unterminatedSince = null;
    const rest = size - made.cut.end;
    if (rest === 0) await this.#done(file);
    else {
      const dueAt = reading.more ? now : now + this.#options.pollIntervalMs;
      file.nextPollAt = Math.min(file.nextPollAt, dueAt);
    }
    return { made: [made], more: reading.more };
  }

  /** Nothing to cut now. An unterminated rest waits a second for its line end. */
  async #noteRest(file: FollowedFile, unterminatedBytes: number, now: number): Promise<void> {
    if (unterminatedBytes === 0) {
      file.unterminatedSince = null;
      await this.#done(file);
      return;
    }
    file.unterminatedSince ??= now;
    file.nextPollAt = Math.min(file.nextPollAt, file.unterminatedSince + unterminatedMaxMs);
  }

  /** All of it was read, as it stands. */
  async #done(file: FollowedFile): Promise<Polled> {
    file.doneSize = file.size;
    file.doneMtimeMs = file.mtimeMs;
    if (file.compressed) await closeHandle(file);
    return nothing;
  }

  /** A slice is done, and others have their turn. */
  #midway(file: FollowedFile): Polled {
    file.isMidway = true;
    file.nextPollAt = this.#options.clock.monotonic();
    return nothing;
  }

  #cut(file: FollowedFile, bytes: Buffer, anchor: string): MadeCut {
    const { clock, cutLog } = this.#options;
    const state = (file.stream ??= this.#begin(file, bytes));
    const observed = Math.max(clock.now(), state.observed);
    const cut: Cut = {
      start: state.end,
      end: state.end + bytes.length,
      observed,
      anchor,
      gap: null,
      final: false,
    };
    cutLog.cut(state, cut);
    return { state, cut, bytes };
  }

  /** A new stream, at its first cut. */
  #begin(file: FollowedFile, firstBytes: Buffer): StreamState {
    const { cutLog, source, clock, laneOf, originOf } = this.#options;
    const head = headOf(firstBytes);
    const origin = originOf(file.path);
    const previous = file.previous ?? file.predecessor?.stream?.record.id ?? null;
    file.predecessor = null;
    const identity = { source, run: origin.run, dev: file.dev, ino: file.ino, head };
    const base = streamId({ ...identity, generation: 0 });
    const generation = cutLog.nextGeneration(base);
    const birth = file.previous === null && file.birthtimeMs > 0 ? file.birthtimeMs : clock.now();
    const after = previous === null ? 0 : (cutLog.streams.get(previous)?.record.created ?? 0) + 1;
    return cutLog.register(
      {
        ...origin,
        id: generation === 0 ? base : streamId({ ...identity, generation }),
        base,
        generation,
        path: file.path,
        firstPath: file.path,
        dev: file.dev,
        ino: file.ino,
        ...(file.compressed ? { compressed: file.compressed } : {}),
        headBytes: head.length,
        headHash: hashOf(head),
        created: Math.max(birth, after),
        previous,
        lane: laneOf(file.path),
        partition: null,
      },
      0,
    );
  }

  #rewritten(file: FollowedFile, lastSize: number): Polled {
    this.#options.logger.info(
      { path: file.path, offset: offsetOf(file), size: file.size },
      'truncated or rewritten: a new stream begins',
    );
    this.#catalog.orphan(file, lastSize);
    file.doneSize = 0;
    file.doneMtimeMs = 0;
    file.nextPollAt = 0;
    return nothing;
  }

  async #resend(file: FollowedFile): Promise<MadeCut[]> {
    file.resend = false;
    if (!file.stream || !file.handle) return [];
    return await resendPending(file.stream, file.handle);
  }

  async #openHandle(file: FollowedFile): Promise<boolean> {
    if (file.handle) return true;
    const { fs } = this.#options;
    const handle = await fs.open(file.path);
    if (!handle) return false;
    const stat = await handle.stat();
    if (
      stat.kind !== 'file' ||
      stat.key !== file.key ||
      !(await this.#discovery.allows(file.path, await handle.realPath()))
    ) {
      // Another file has the name now: the next walk tells them apart.
      await handle.close();
      return false;
    }
    file.handle = file.compressed ? new DecompressedFile(handle, file.compressed) : handle;
    return true;
  }
}

/** Decompresses up to where it is read next; false while it is on the way. */
async function comesNear(file: FollowedFile): Promise<boolean> {
  const { handle, stream } = file;
  if (!(handle instanceof DecompressedFile)) return true;
  const first = file.resend ? stream?.pending[0] : null;
  const offset = first ? Math.min(first.start, first.end - anchorLength(first.end)) : offsetOf(file);
  return await handle.approach(offset - anchorLength(offset));
}

export async function closeHandle(file: FollowedFile): Promise<void> {
  const { handle } = file;
  file.handle = null;
  await handle?.close();
}
