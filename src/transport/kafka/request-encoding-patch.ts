import { createRequire } from 'node:module';
import { crc32c } from '../../core/crc32c.ts';

/** What this patch knows of kafkajs's encoder: bytes are written into `buf` at `offset`. */
interface Encoder {
  buf: Buffer;
  offset: number;
  /** Ours: what was written before `buf`; absent in an encoder of small things. */
  pieces?: Buffer[];
  piecesBytes?: number;
  readonly buffer: Buffer;
  size(): number;
  writeInt8(value: number): Encoder;
  writeInt16(value: number): Encoder;
  writeInt32(value: number): Encoder;
  writeUInt32(value: number): Encoder;
  /** A number or kafkajs's own long integer. */
  writeInt64(value: unknown): Encoder;
  writeEncoder(value: Encoder): Encoder;
  writeArray(values: readonly Encoder[], type: 'object'): Encoder;
  writeBufferInternal(buffer: Buffer): void;
}

/** The parameters of kafkajs's record batch; those that are left out have its defaults. */
interface BatchParts {
  compression?: number;
  firstOffset?: unknown;
  firstTimestamp?: unknown;
  maxTimestamp?: unknown;
  partitionLeaderEpoch?: number;
  lastOffsetDelta?: number;
  transactional?: boolean;
  producerId?: unknown;
  producerEpoch?: number;
  firstSequence?: number;
  records?: readonly Encoder[];
}

interface RecordBatchModule {
  RecordBatch: (parts: BatchParts) => Promise<Encoder>;
  MAGIC_BYTE: number;
}

type Method = (this: Encoder, value: never) => unknown;
const patchedMethods = [
  'writeBufferInternal',
  'writeBytes',
  'writeEncoder',
  'writeEncoderArray',
  'size',
] as const;

/** Larger buffers are kept as they are until the whole is asked for; copying less than this is cheaper. */
const pieceBytesMin = 8 * 1024;

let patched: boolean | null = null;

/**
 * kafkajs 2.2.4 nests a produce request in eight encoders, each of which copies what is in it into a cleared buffer of the next power of
 * two, and checksums it a byte at a time: per GB of log lines that is more CPU than reading them. Here an encoder holds large parts as
 * they are and joins them once, when the request is written; the checksum goes over the parts. The bytes are the same.
 *
 * False when kafkajs has changed so that there is nothing to patch: it still works then, but costs more (a test notices).
 */
export function patchRequestEncoding(): boolean {
  patched ??= patchEncoder() && patchRecordBatch();
  return patched;
}

function patchEncoder(): boolean {
  const require = createRequire(import.meta.url);
  const { prototype } = require('kafkajs/src/protocol/encoder') as { prototype: Encoder };
  const methods = prototype as unknown as Record<string, Method | undefined>;
  const original = Object.fromEntries(patchedMethods.map((name) => [name, methods[name]]));
  const { writeBufferInternal, writeBytes } = original;
  if (!Object.values(original).every((method) => typeof method === 'function')) return false;
  if (writeBufferInternal === undefined || writeBytes === undefined) return false;

  Object.defineProperties(prototype, {
    writeBufferInternal: method(function (this: Encoder, buffer: Buffer) {
      if (buffer.length < pieceBytesMin) writeBufferInternal.call(this, buffer as never);
      else append(this, [buffer]);
    }),
    writeBytes: method(function (this: Encoder, value: unknown) {
      if (!Buffer.isBuffer(value) || value.length < pieceBytesMin) writeBytes.call(this, value as never);
      else append(this.writeInt32(value.length), [value]);
      return this;
    }),
    writeEncoder: method(function (this: Encoder, value: Encoder) {
      write(this, value);
      return this;
    }),
    writeEncoderArray: method(function (this: Encoder, values: readonly Encoder[]) {
      for (const value of values) write(this, value);
      return this;
    }),
    size: method(function (this: Encoder) {
      return (this.piecesBytes ?? 0) + this.offset;
    }),
    buffer: {
      configurable: true,
      get(this: Encoder) {
        join(this);
        return this.buf.subarray(0, this.offset);
      },
    },
  });
  return true;
}

function method(value: unknown): PropertyDescriptor {
  return { value, configurable: true, writable: true };
}

function write(encoder: Encoder, value: Encoder): void {
  if (value.pieces) append(encoder, partsOf(value));
  else encoder.writeBufferInternal(value.buffer);
}

function append(encoder: Encoder, parts: readonly Buffer[]): void {
  const pieces = (encoder.pieces ??= []);
  pieces.push(encoder.buf.subarray(0, encoder.offset), ...parts);
  const added = parts.reduce((sum, part) => sum + part.length, encoder.offset);
  encoder.piecesBytes = (encoder.piecesBytes ?? 0) + added;
  encoder.buf = Buffer.allocUnsafe(512);
  encoder.offset = 0;
}

function partsOf(encoder: Encoder): Buffer[] {
  return [...(encoder.pieces ?? []), encoder.buf.subarray(0, encoder.offset)];
}

function join(encoder: Encoder): void {
  if (!encoder.pieces) return;
  encoder.buf = Buffer.concat(partsOf(encoder));
  encoder.offset = encoder.buf.length;
  delete encoder.pieces;
  delete encoder.piecesBytes;
}

/** Works because kafkajs loads the code that uses it at the first send. */
function patchRecordBatch(): boolean {
  const require = createRequire(import.meta.url);
  const batches = require('kafkajs/src/protocol/recordBatch/v0') as RecordBatchModule;
  const Encoder = require('kafkajs/src/protocol/encoder') as new () => Encoder;
  const { RecordBatch: original, MAGIC_BYTE: magic } = batches;
  if (typeof original !== 'function' || magic !== 2) return false;
  batches.RecordBatch = async (parts) =>
    parts.compression ? await original(parts) : recordBatch(Encoder, parts);
  return true;
}

/** https://kafka.apache.org/documentation/#recordbatch */
function recordBatch(Encoder: new () => Encoder, parts: BatchParts): Encoder {
  const { firstOffset = 0, firstTimestamp = Date.now(), maxTimestamp = Date.now(), records = [] } = parts;
  const body = new Encoder()
    .writeInt16(parts.transactional ? 16 : 0)
    .writeInt32(parts.lastOffsetDelta ?? 0)
    .writeInt64(firstTimestamp)
    .writeInt64(maxTimestamp)
    .writeInt64(parts.producerId ?? -1)
    .writeInt16(parts.producerEpoch ?? 0)
    .writeInt32(parts.firstSequence ?? 0)
    .writeArray(records, 'object');
  const checksum = partsOf(body).reduce((sum, part) => crc32c(part, sum), 0);
  const epochMagicAndChecksumBytes = 9;
  return new Encoder()
    .writeInt64(firstOffset)
    .writeInt32(epochMagicAndChecksumBytes + body.size())
    .writeInt32(parts.partitionLeaderEpoch ?? 0)
    .writeInt8(2)
    .writeUInt32(checksum)
    .writeEncoder(body);
}
