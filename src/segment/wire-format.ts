/**
 * The wire format of a segment, version 1: a record with a key, a value and text headers (docs/WIRE-FORMAT.md describes it for
 * others). Nothing else lives in this folder.
 *
 * Encoding is for the agent's budget: one compression call per segment, no look at its lines. Decoding trusts nothing: a record
 * that is no segment is refused with a CabooseError of its own code, and never costs more memory than one segment may have.
 */
import { crc32 } from 'node:zlib';
import { CabooseError } from '../core/errors.ts';
import { segmentBytesMax } from '../core/segment.ts';
import type { Segment, SegmentHeader } from '../core/segment.ts';
import { compress, decompress, hasOwnChecksum, wrongChecksum } from './compression.ts';
import type { Codec, CompressionLevel } from './compression.ts';
import { checkHeader, ownChecksum, readCodec, readHeader, readSum, writeHeader } from './header-fields.ts';

export { codecs } from './compression.ts';
export type { Codec } from './compression.ts';

/** A segment as it is stored in a transport. */
export interface WireRecord {
  /** The stream's id. */
  key: string;
  value: Buffer;
  headers: Record<string, string>;
}

/** A record as a transport received it, of which nothing is known yet: a header that came several times is an array. */
export interface ReceivedRecord {
  key: string | null;
  value: Buffer | null;
  headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Most bytes of key and headers together: what a broker's record limit leaves beside an incompressible segment. */
export const headerBytesMax = 64 * 1024;

/**
 * Throws SEGMENT_INVALID when the segment is not one (the caller's fault). A segment that does not shrink is sent as it is,
 * with codec `none`.
 */
export function encodeSegment(
  segment: Segment,
  options: { codec?: Codec; level?: CompressionLevel } = {},
): WireRecord {
  const { bytes } = segment;
  checkHeader(segment);
  if (bytes.length !== rawLength(segment)) {
    throw new CabooseError(
      'SEGMENT_INVALID',
      `segment ${place(segment)} carries ${bytes.length} bytes instead of ${rawLength(segment)}`,
    );
  }
  const packed = options.codec === 'none' ? null : compress(bytes, options.level);
  const headers = writeHeader(segment);
  headers['codec'] = packed === null ? 'none' : 'zstd';
  headers['sum'] = packed === null ? checksum(bytes) : ownChecksum;
  checkHeaderBytes(segment, headers);
  return { key: segment.stream, value: packed ?? bytes, headers };
}

/** The header alone, checked, without touching the value. */
export function decodeHeader(record: Pick<ReceivedRecord, 'key' | 'headers'>): SegmentHeader {
  const header = readHeader(record.headers);
  if (record.key !== header.stream) {
    throw new CabooseError(
      'SEGMENT_KEY',
      `the record's key ${JSON.stringify(record.key?.slice(0, 64) ?? null)} is not its stream ${header.stream}`,
      { hint: 'only Caboose may write to its topics; find out who else does' },
    );
  }
  return header;
}

/** The segment with its raw bytes, checked against length and checksum. */
export function decodeSegment(record: ReceivedRecord): Segment {
  const header = decodeHeader(record);
  const codec = readCodec(record.headers);
  const sum = readSum(record.headers);
  const value = record.value ?? Buffer.alloc(0);
  const length = rawLength(header);
  const bytes = codec === 'none' || value.length === 0 ? value : decompress(value, length, place(header));
  if (bytes.length !== length) {
    throw new CabooseError(
      'SEGMENT_LENGTH',
      `segment ${place(header)} holds ${bytes.length} bytes instead of ${length}`,
      {
        hint: 'the record was cut or altered on its way; `caboose audit` says whether the file still has it',
      },
    );
  }
  const holds = sum === ownChecksum ? codec === 'zstd' && hasOwnChecksum(value) : checksum(bytes) === sum;
  if (!holds) throw wrongChecksum(place(header));
  return { ...header, bytes };
}

/** crc32 of raw bytes as 8 hex digits: the header `sum` of a value that does not check itself. */
export function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(8, '0');
}

/** A gap speaks of bytes that cannot be had, so it carries none. */
function rawLength(header: SegmentHeader): number {
  return header.gap === null ? header.end - header.start : 0;
}

function place(header: SegmentHeader): string {
  return `[${header.start}, ${header.end}) of stream ${header.stream}`;
}

function checkHeaderBytes(segment: Segment, headers: Record<string, string>): void {
  let total = segment.stream.length;
  for (const [name, text] of Object.entries(headers)) total += name.length + Buffer.byteLength(text);
  if (total <= headerBytesMax) return;
  throw new CabooseError(
    'SEGMENT_INVALID',
    `segment ${place(segment)} has ${total} bytes of headers, at most ${headerBytesMax} fit`,
    { hint: 'give the source fewer or shorter labels' },
  );
}

// The limit on headers and the limit on raw bytes together must stay below every broker's default of 1 MiB a record.
if (segmentBytesMax + headerBytesMax > 1_000_000) throw new Error('segmentBytesMax is too large');
