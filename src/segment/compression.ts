import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { ZstdOptions } from 'node:zlib';
import { CabooseError, errorCode } from '../core/errors.ts';
import { segmentBytesMax } from '../core/segment.ts';

export const codecs = ['zstd', 'none'] as const;
export type Codec = (typeof codecs)[number];

/** Below this a frame's own overhead eats what it saves. */
const worthwhileBytesMin = 64;

/** No chunk comes out of Node's pool of small buffers, so that each can be freed. */
const chunkBytesMin = Buffer.poolSize;

export const compressionLevels = ['cheap', 'normal', 'strong'] as const;
export type CompressionLevel = (typeof compressionLevels)[number];

/**
 * Chosen by measuring CPU seconds per GB and ratio (bench/compression.ts; the least of nine runs), on training lines full of numbers, lines
 * of words, and real trainers' logs:
 *
 *     cheap     2.1 s  3.0 ×     3.6 s  3.8 ×     1.5 s  4.6 ×
 *     normal    2.7 s  5.8 ×     3.7 s  4.9 ×     1.9 s  6.9 ×
 *     strong     11 s  5.8 ×      11 s  5.3 ×       8 s  8.4 ×
 *
 * Where numbers do not repeat a higher level finds worse matches, up to 19; so strong takes the better of two. Level 6 costs three times
 * as much as 3 for 5 %. Synchronous, because the thread pool doubles the CPU time of calls this short.
 */
const parameters: Record<CompressionLevel, Record<number, number>> = {
  cheap: {
    [constants.ZSTD_c_compressionLevel]: -3,
    [constants.ZSTD_c_windowLog]: 17,
    [constants.ZSTD_c_hashLog]: 11,
    [constants.ZSTD_c_minMatch]: 7,
  },
  // A 128 KiB window and a 16 KiB hash table stay in the core's cache (a smaller table costs up to a third of the ratio on lines with
  // long prefixes).
  normal: {
    [constants.ZSTD_c_compressionLevel]: 1,
    [constants.ZSTD_c_windowLog]: 17,
    [constants.ZSTD_c_hashLog]: 12,
    [constants.ZSTD_c_minMatch]: 7,
  },
  strong: {
    [constants.ZSTD_c_compressionLevel]: 3,
    [constants.ZSTD_c_windowLog]: 18,
  },
};

/** The bytes as one zstd frame, or null when that would not be smaller. */
export function compress(bytes: Buffer, level: CompressionLevel = 'normal'): Buffer | null {
  if (bytes.length < worthwhileBytesMin) return null;
  const packed = packedBy(level, bytes);
  const own = withoutChunk(packed, chunkBytesFor(bytes.length));
  return own.length < bytes.length ? own : null;
}

function packedBy(level: CompressionLevel, bytes: Buffer): Buffer {
  const packed = zstdCompressSync(bytes, optionsOf(level, bytes.length));
  if (level !== 'strong') return packed;
  const plain = zstdCompressSync(bytes, optionsOf('normal', bytes.length));
  return plain.length < packed.length ? plain : packed;
}

function optionsOf(level: CompressionLevel, length: number): ZstdOptions {
  return {
    // The frame checks its own content: cheaper than a checksum of ours.
    params: { ...parameters[level], [constants.ZSTD_c_checksumFlag]: 1 },
    pledgedSrcSize: length,
    chunkSize: chunkBytesFor(length),
  };
}

/** An output chunk that holds any frame of so many bytes: zstd then compresses straight from the input into it. */
function chunkBytesFor(length: number): number {
  return Math.max(chunkBytesMin, length + (length >> 7) + 128);
}

/**
 * The same bytes in a buffer of their own; their chunk is freed at once. Left to the garbage collector, a chunk for each segment makes
 * it walk the whole heap again and again, and the process grow.
 */
function withoutChunk(packed: Buffer, chunkBytes: number): Buffer {
  if (packed.buffer.byteLength !== chunkBytes) return packed;
  const bytes = Buffer.from(packed);
  (packed.buffer as ArrayBuffer).transfer(0);
  return bytes;
}

/** Whether a zstd frame carries a checksum of its content (RFC 8878, 3.1.1.1.1: Content_Checksum_flag), which decompress then checks. */
export function hasOwnChecksum(frame: Buffer): boolean {
  return ((frame[frameDescriptorAt] ?? 0) & 0b100) !== 0;
}
const frameDescriptorAt = 4;

/** At most `length` bytes are ever produced: a frame that holds more is refused when the limit is reached. */
export function decompress(value: Buffer, length: number, place: string): Buffer {
  try {
    const maxOutputLength = Math.min(Math.max(length, 1), segmentBytesMax);
    return zstdDecompressSync(value, { maxOutputLength, chunkSize: Math.max(maxOutputLength + 1, 1024) });
  } catch (error) {
    if (errorCode(error) === 'ERR_BUFFER_TOO_LARGE') {
      throw new CabooseError('SEGMENT_LENGTH', `segment ${place} holds more than its ${length} bytes`, {
        cause: error,
        hint: 'the record was not written by Caboose, or altered on its way; it is refused as a possible decompression bomb',
      });
    }
    if (errorCode(error) === 'ZSTD_error_checksum_wrong') throw wrongChecksum(place, error);
    throw new CabooseError('SEGMENT_CODEC', `segment ${place} cannot be decompressed`, {
      cause: error,
      hint: 'the record was altered on its way; `caboose audit` says whether the file still has it',
    });
  }
}

export function wrongChecksum(place: string, cause?: unknown): CabooseError {
  return new CabooseError('SEGMENT_CHECKSUM', `segment ${place} has another checksum than it was sent with`, {
    cause,
    hint: 'the record was altered on its way; `caboose audit` says whether the file still has it',
  });
}
