/**
 * A file on disk as events, for the dry run (`caboose events`, `points`): read in bounded chunks and taken in as segments,
 * exactly as the indexer would, with no state kept. `.gz` files are read decompressed; offsets are those of the text.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { CabooseError } from '../core/errors.ts';
import type { LogEvent } from '../core/event.ts';
import { streamId } from '../core/ids.ts';
import type { Origin, Segment } from '../core/segment.ts';
import type { StreamDocument } from '../core/stream-document.ts';
import { takeIn } from './take-in.ts';
import type { TakeInOptions } from './take-in.ts';

const chunkBytes = 256 * 1024;

/**
 * The file's events in order, some at a time. What was read before an error (a truncated .gz) has been yielded.
 * @throws CabooseError FILE_UNREADABLE
 */
export async function* readFileEvents(
  origin: Origin,
  options: TakeInOptions = {},
): AsyncGenerator<readonly LogEvent[], void> {
  const { path } = origin;
  let document: StreamDocument | null = null;
  let failure: unknown;
  const observed = await modifiedAt(path);
  const header = headerOf(origin, observed);
  const take = (bytes: Buffer, final: boolean): readonly LogEvent[] => {
    const start = document?.end ?? 0;
    const segment: Segment = { ...header, start, end: start + bytes.length, bytes, final };
    const taken = takeIn(document, { lane: 'bulk', partition: 0 }, segment, options);
    document = taken.document;
    return taken.closed;
  };
  try {
    for await (const chunk of openFile(path)) yield take(chunk as Buffer, false);
  } catch (error) {
    failure = error;
  }
  yield take(Buffer.alloc(0), true);
  if (failure !== undefined) throw unreadable(path, failure);
}

function openFile(path: string): AsyncIterable<unknown> {
  const file = createReadStream(path, { highWaterMark: chunkBytes });
  if (!path.endsWith('.gz')) return file;
  const gunzip = createGunzip({ chunkSize: chunkBytes });
  // The consumer of the last stream of a pipeline gets its errors.
  pipeline(file, gunzip, () => undefined);
  return gunzip;
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
  const hint = path.endsWith('.gz')
    ? 'check that it is a whole gzip file'
    : 'check that it exists and may be read';
  return new CabooseError('FILE_UNREADABLE', `cannot read ${path}`, { cause, hint });
}
