import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { StreamState } from './cut-state.ts';
import type { FileStat, OpenFile } from './file-system.ts';
import type { AppendFile } from './journal-store.ts';
import {
  encodeFrame,
  frameHeaderBytes,
  frameKinds,
  framePayloadBytesMax,
  scanFrames,
} from './spool-frames.ts';
import type { SpoolStore } from './spool-store.ts';
import { SpooledFile } from './spooled-file.ts';

/**
 * The spool: bytes of files that vanished before they were acknowledged, one spool file a stream, in `state.dir/spool/`. A write is
 * on disk when it resolves. vanished.ts decides what is spooled and when it may go.
 *
 * Failure rule: bounded by `bytesMax`, and by the disk, of which a reserve is left to the cut log. What does not fit is refused and
 * told once; what is in already stays: the oldest bytes are those whose cuts are decided, and where a failure's first cause is.
 */
export interface SpoolOptions {
  store: SpoolStore;
  /** `source.id`: spool files of another source are not used. */
  source: string;
  bytesMax: number;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

/** A spool file of an earlier process. */
export interface FoundSpool {
  /** Of the stream, by the file's name. */
  id: string;
  spooled: SpooledFile;
  /** The stream as it stood when its first bytes were spooled; null if that part of the file is damaged. */
  state: StreamState | null;
}

/** Part of a stream: what is to be spooled. */
export interface Piece {
  start: number;
  bytes: Buffer;
}

/** Left to the cut log: twice what its journal grows by. */
const reserveBytes = 8 * 1024 * 1024;
/** After a write that failed, so long none is tried. */
const retryMs = 5000;

export class Spool {
  readonly #options: SpoolOptions;
  #bytes = 0;
  #retryAt = -Infinity;
  #full = false;

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** Why the last write did not fit, if it did not: for tests and probes. */
  get isFull(): boolean {
    return this.#full;
  }

  /** What is there from an earlier process. Does not reject: a spool that cannot be read is told, and is as if it were empty. */
  async load(): Promise<FoundSpool[]> {
    const { store, logger } = this.#options;
    const found: FoundSpool[] = [];
    try {
      for (const name of await store.names()) {
        const id = /^([0-9a-f]{32})\.spool$/.exec(name)?.[1];
        const one = id === undefined ? null : await this.#loadFile(id, name);
        if (one) found.push(one);
      }
    } catch (error) {
      const hint = 'mend the state directory and restart: what is in the spool is sent then';
      logger.error({ reason: errorText(error), hint }, 'the spool cannot be read');
    }
    return found;
  }

  /** An empty spool file of this stream; nothing is on disk yet. */
  begin(state: StreamState): SpooledFile {
    return new SpooledFile(`${state.record.id}.spool`);
  }

  /** Appends as much as fits, and resolves when that is durable: true when it was all. Does not reject for what the disk does. */
  async write(spooled: SpooledFile, state: StreamState, pieces: AsyncIterable<Piece>): Promise<boolean> {
    const { store, clock, metrics } = this.#options;
    if (clock.monotonic() < this.#retryAt) return false;
    let file: AppendFile | null = null;
    const before = spooled.fileBytes;
    try {
      const room = await this.#room();
      if (room < framePayloadBytesMax) return this.#refuse(null);
      file = await store.append(spooled.name, before);
      const written = await this.#append(file, spooled, state, pieces, room);
      await file.sync();
      for (const piece of written.pieces) spooled.add(piece);
      spooled.fileBytes = before + written.bytes;
      this.#count(written.bytes);
      for (const { start, end } of written.pieces) metrics.spooledBytes.inc(end - start);
      if (!written.all) return this.#refuse(written.error);
      this.#accept();
      return true;
    } catch (error) {
      return this.#refuse(error);
    } finally {
      await file?.close();
      if (spooled.isEmpty) await this.remove(spooled);
    }
  }

  /** The spooled bytes as if they were the file. Null when the spool file is gone. */
  async open(spooled: SpooledFile, identity: FileStat): Promise<OpenFile | null> {
    if (spooled.isEmpty) return spooled.view(nothing, identity);
    const file = await this.#options.store.open(spooled.name);
    return file && spooled.view(file, identity);
  }

  /** Nobody needs it any more. True when it will not come back, not even after a crash of the machine. */
  async remove(spooled: SpooledFile): Promise<boolean> {
    const { store, logger } = this.#options;
    this.#count(-spooled.fileBytes);
    spooled.fileBytes = 0;
    try {
      await store.remove(spooled.name);
      return true;
    } catch (error) {
      logger.debug({ file: spooled.name, reason: errorText(error) }, 'a spool file cannot be removed yet');
      return false;
    }
  }

  async #append(
    file: AppendFile,
    spooled: SpooledFile,
    state: StreamState,
    pieces: AsyncIterable<Piece>,
    room: number,
  ) {
    const written = {
      bytes: 0,
      all: true,
      error: null as unknown,
      pieces: [] as { start: number; end: number; offset: number }[],
    };
    const append = async (frame: Buffer) => {
      await file.write(frame);
      written.bytes += frame.length;
    };
    try {
      if (spooled.fileBytes === 0) await append(this.#streamFrame(state));
      for await (const { start, bytes } of pieces) {
        if (written.bytes + frameHeaderBytes + bytes.length > room) return { ...written, all: false };
        const offset = spooled.fileBytes + written.bytes + frameHeaderBytes;
        await append(encodeFrame(state.record.id, frameKinds.bytes, start, bytes));
        written.pieces.push({ start, end: start + bytes.length, offset });
      }
      return written;
    } catch (error) {
      // The disk is full: what is before the torn frame counts, and the next append cuts that off.
      return { ...written, all: false, error };
    }
  }

  #streamFrame(state: StreamState): Buffer {
    const { source } = this.#options;
    return encodeFrame(
      state.record.id,
      frameKinds.stream,
      0,
      Buffer.from(JSON.stringify({ v: 1, source, state })),
    );
  }

  async #loadFile(id: string, name: string): Promise<FoundSpool | null> {
    const { store, logger } = this.#options;
    const file = await store.open(name);
    if (!file) return null;
    try {
      const { size } = await file.stat();
      const { frames, stream, wholeBytes } = await scanFrames(id, file, size);
      const head = headOf(stream);
      if (head && (head.v !== 1 || head.source !== this.#options.source)) {
        const hint =
          'set source.id back, or use the newer Caboose, to have its bytes sent; else delete the file';
        logger.error({ file: name, hint }, 'a spool file belongs to another source or version: set aside');
        await store.rename(name, `${name}.unusable`);
        return null;
      }
      const spooled = new SpooledFile(name);
      for (const { start, length, offset } of frames) spooled.add({ start, end: start + length, offset });
      spooled.fileBytes = wholeBytes;
      this.#count(wholeBytes);
      return { id, spooled, state: head?.state.record.id === id ? head.state : null };
    } finally {
      await file.close();
    }
  }

  /** How many bytes may still be written. */
  async #room(): Promise<number> {
    const { store, bytesMax } = this.#options;
    return Math.min(bytesMax - this.#bytes, (await store.freeBytes()) - reserveBytes);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#options.metrics.spoolBytes.set(this.#bytes);
  }

  #refuse(error: unknown): false {
    const { logger, clock, bytesMax } = this.#options;
    if (error !== null) this.#retryAt = clock.monotonic() + retryMs;
    if (!this.#full) {
      const reason =
        error === null ? 'agent.spoolBytesMax, or the reserve of the disk, is reached' : errorText(error);
      const hint =
        'bring the transport back, or make room and raise agent.spoolBytesMax: until then bytes of deleted files may be lost';
      logger.error({ reason, spoolBytes: this.#bytes, spoolBytesMax: bytesMax, hint }, 'the spool is full');
    }
    this.#full = true;
    return false;
  }

  #accept(): void {
    if (this.#full) this.#options.logger.info({}, 'the spool has room again');
    this.#full = false;
  }
}

/** Nothing of it fitted. */
const nothing: OpenFile = {
  stat: async () => await Promise.reject(new Error('there is no spool file')),
  read: async () => 0,
  realPath: async () => null,
  close: async () => undefined,
};

interface Head {
  v: number;
  source: string;
  state: StreamState;
}

function headOf(bytes: Buffer | null): Head | null {
  // Its checksum holds, so it is what was written: by this version, or by another one, which `v` tells.
  return bytes && (JSON.parse(bytes.toString()) as Head);
}
