/**
 * Keeps the bytes of many streams on disk while a transport is read from end to end, so that they can be written out
 * stream by stream: the transport has them interleaved. In memory are one segment and the bounds of what is kept, which
 * grow with redeliveries, not with bytes. Lives in a temporary directory of its own, removed by `close`.
 */
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CabooseError, errorCode, errorText } from '../../core/errors.ts';
import type { Segment, SegmentHeader } from '../../core/segment.ts';
import { piecesOf, type GapRange, type KeptRange, type Piece } from './ranges.ts';

export interface SpooledStream {
  /** Of its first segment seen; `created` and `previous` come from whichever told them. */
  header: SegmentHeader;
  kept: KeptRange[];
  gaps: GapRange[];
  /** End of what was seen. */
  end: number;
  /** Bytes in its file. */
  fileBytes: number;
  file: string;
}

const readBytes = 1_048_576;

export class Spool {
  readonly #dir: string;
  readonly #streams = new Map<string, SpooledStream>();

  private constructor(dir: string) {
    this.#dir = dir;
  }

  static async create(): Promise<Spool> {
    return new Spool(await mkdtemp(join(tmpdir(), 'caboose-cat-')));
  }

  get streams(): SpooledStream[] {
    return [...this.#streams.values()];
  }

  /** Throws SPOOL_FAILED when the disk is full. */
  async add(segment: Segment): Promise<void> {
    const { bytes, ...header } = segment;
    const stream = this.#streamOf(header);
    stream.header.previous ??= header.previous;
    stream.end = Math.max(stream.end, header.end);
    const { start, end, gap } = header;
    if (gap !== null) stream.gaps.push({ start, end, reason: gap });
    if (gap !== null || start === end) return;
    const last = stream.kept.at(-1);
    if (last && start >= last.start && end <= last.end) return;
    await this.#append(stream, bytes);
    const isNext = last?.end === start && last.offset + last.end - last.start === stream.fileBytes;
    if (isNext) last.end = end;
    else stream.kept.push({ start, end, offset: stream.fileBytes });
    stream.fileBytes += bytes.length;
  }

  /** Forgets a stream and gives its room back. */
  async drop(stream: SpooledStream): Promise<void> {
    this.#streams.delete(stream.header.stream);
    await rm(stream.file, { force: true });
  }

  /** The stream from `from` on, each byte once: bytes in chunks of at most 1 MiB, and the ranges that are missing. */
  async *read(stream: SpooledStream, from: number): AsyncGenerator<Buffer | (Piece & { kind: 'missing' })> {
    const handle = stream.fileBytes > 0 ? await open(stream.file) : null;
    try {
      for (const piece of piecesOf(stream.kept, stream.gaps, { from, to: stream.end })) {
        if (piece.kind === 'missing') yield piece;
        else if (handle) yield* chunks(handle, piece.offset, piece.end - piece.start);
      }
    } finally {
      await handle?.close();
    }
  }

  async close(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  #streamOf(header: SegmentHeader): SpooledStream {
    const known = this.#streams.get(header.stream);
    if (known) return known;
    const file = join(this.#dir, `${this.#streams.size}-${header.stream.replaceAll(/[^0-9a-zA-Z]/g, '')}`);
    const stream = { header: { ...header }, kept: [], gaps: [], end: 0, fileBytes: 0, file };
    this.#streams.set(header.stream, stream);
    return stream;
  }

  async #append(stream: SpooledStream, bytes: Buffer): Promise<void> {
    try {
      // Opened anew each time: a run may have more streams than a process may hold files.
      const handle = await open(stream.file, 'a');
      try {
        await handle.appendFile(bytes);
      } finally {
        await handle.close();
      }
    } catch (error) {
      throw new CabooseError('SPOOL_FAILED', `cannot write to ${this.#dir}: ${errorText(error)}`, {
        cause: error,
        hint:
          errorCode(error) === 'ENOSPC'
            ? 'point TMPDIR to a disk with room for the whole run, or ask for one FILE or STREAM'
            : 'check TMPDIR',
      });
    }
  }
}

async function* chunks(
  handle: Awaited<ReturnType<typeof open>>,
  offset: number,
  length: number,
): AsyncGenerator<Buffer> {
  for (let done = 0; done < length;) {
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, length - done));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset + done);
    if (bytesRead === 0)
      throw new CabooseError('SPOOL_FAILED', 'the temporary file was cut short by someone else');
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
