/**
 * A file on disk as events, for the dry run (`caboose events`, `points`): read in bounded chunks and taken in as segments,
 * exactly as the indexer would, with no state kept. `.gz` and `.zst` files are read decompressed, as the agent carries them; offsets
 * are those of the decompressed bytes.
 */
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Decompressor, codecOf, hasMagic } from '../core/decompressor.ts';
import type { Codec, PositionalReader } from '../core/decompressor.ts';
import { CabooseError } from '../core/errors.ts';
import type { LogEvent } from '../core/event.ts';
import { streamId } from '../core/ids.ts';
import type { Origin, Segment } from '../core/segment.ts';
import type { StreamDocument } from '../core/stream-document.ts';
import { takeIn } from './take-in.ts';
import type { TakeInOptions } from './take-in.ts';

const chunkBytes = 256 * 1024;

/**
 * `isSnapshot`: the file is one that is rewritten as a whole, of which this is the latest state.
 * The file's events in order, some at a time. What was read before an error (a truncated .gz) has been yielded.
 * @throws CabooseError FILE_UNREADABLE
 */
export async function* readFileEvents(
  origin: Origin,
  options: TakeInOptions & { isSnapshot?: boolean } = {},
): AsyncGenerator<readonly LogEvent[], void> {
  const { path } = origin;
  let document: StreamDocument | null = null;
  let failure: unknown;
  const observed = await modifiedAt(path);
  const header = { ...headerOf(origin, observed), snapshot: options.isSnapshot ?? false };
  const take = (bytes: Buffer, final: boolean): readonly LogEvent[] => {
    const start = document?.end ?? 0;
    const segment: Segment = { ...header, start, end: start + bytes.length, bytes, final };
    const taken = takeIn(document, { lane: 'bulk', partition: 0 }, segment, options);
    document = taken.document;
    return taken.closed;
  };
  try {
    for await (const chunk of chunksOf(path)) yield take(chunk, false);
  } catch (error) {
    failure = error;
  }
  yield take(Buffer.alloc(0), true);
  if (failure !== undefined) throw unreadable(path, failure);
}

async function* chunksOf(path: string): AsyncGenerator<Buffer, void> {
  const file = await open(path);
  try {
    const codec = codecOf(path);
    const reader = readerOf(file);
    if (codec !== null && (await hasMagic(reader, codec))) yield* decompressed(reader, codec);
    else yield* file.createReadStream({ start: 0, highWaterMark: chunkBytes, autoClose: false });
  } finally {
    await file.close();
  }
}

/** Throws when there is no more to be had before the end. */
async function* decompressed(reader: PositionalReader, codec: Codec): AsyncGenerator<Buffer, void> {
  const decompressor = new Decompressor(reader, codec);
  try {
    for (let chunk = await decompressor.next(); chunk !== null; chunk = await decompressor.next())
      if (chunk.length > 0) yield chunk;
    if (decompressor.damage !== null) throw new Error(decompressor.damage);
  } finally {
    decompressor.close();
  }
}

function readerOf(file: FileHandle): PositionalReader {
  return {
    async read(buffer, bufferOffset, length, position) {
      return (await file.read(buffer, bufferOffset, length, position)).bytesRead;
    },
  };
}

async function modifiedAt(path: string): Promise<number> {
  try {
    return Math.floor((await stat(path)).mtimeMs);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function headerOf(origin: Origin, observed: number): Omit<Segment, 'start' | 'end' | 'bytes' | 'final'> {
  const { source, run, path } = origin;
  const stream = streamId({ source, run, dev: '0', ino: '0', head: Buffer.from(path), generation: 0 });
  const created = observed;
  return { ...origin, stream, created, observed, previous: null, gap: null, snapshot: false };
}

function unreadable(path: string, cause: unknown): CabooseError {
  const hint = codecOf(path)
    ? 'check that it may be read, and that it is a whole gzip or zstd file'
    : 'check that it exists and may be read';
  return new CabooseError('FILE_UNREADABLE', `cannot read ${path}`, { cause, hint });
}
