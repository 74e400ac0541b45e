/**
 * A record in a log file: 4 bytes magic, payload length (u32 BE), crc32 (u32 BE) over position, length and payload; then the
 * payload: publication time (f64 BE, ms since epoch), key length (u16), headers length (u32), key, headers as JSON, value.
 *
 * The position is part of the checksum, so that a frame inside another's value (someone ships these very files) is never taken for
 * a record when a reader searches for the next good one.
 */
import { crc32 } from 'node:zlib';
import { CabooseError } from '../../core/errors.ts';

export interface LogRecord {
  key: string;
  headers: Readonly<Record<string, string>>;
  value: Buffer;
}

export interface StoredRecord extends LogRecord {
  /** ms since epoch */
  time: number;
}

export const frameHeaderBytes = 12;
/** Most bytes of a payload; a longer length in a file is corruption. */
export const payloadBytesMax = 16 * 1024 * 1024;

const magic = Buffer.from('CbR1');
const payloadFixedBytes = 14;

export type Frame =
  | { kind: 'record'; record: StoredRecord; bytes: number }
  /** Ends before the frame does: a torn tail, or not written yet. */
  | { kind: 'incomplete'; bytes: number }
  | { kind: 'invalid' };

export function encodePayload(record: LogRecord, time: number): Buffer[] {
  const key = Buffer.from(record.key);
  const headers = Buffer.from(JSON.stringify(record.headers));
  const fixed = Buffer.allocUnsafe(payloadFixedBytes);
  if (key.length > 0xffff || headers.length + record.value.length + 100_000 > payloadBytesMax) {
    throw new CabooseError(
      'RECORD_TOO_LARGE',
      `a record of ${record.value.length} bytes is too large to store`,
    );
  }
  fixed.writeDoubleBE(time, 0);
  fixed.writeUInt16BE(key.length, 8);
  fixed.writeUInt32BE(headers.length, 10);
  return [fixed, key, headers, record.value];
}

export function frameHeader(payload: readonly Buffer[], position: number): Buffer {
  const header = Buffer.allocUnsafe(frameHeaderBytes);
  magic.copy(header);
  header.writeUInt32BE(
    payload.reduce((sum, part) => sum + part.length, 0),
    4,
  );
  let sum = positionSum(position, header.subarray(4, 8));
  for (const part of payload) sum = crc32(part, sum);
  header.writeUInt32BE(sum, 8);
  return header;
}

/** Looks at the frame that starts at `offset` of the buffer and has this logical position. Never throws. */
export function parseFrame(buffer: Buffer, offset: number, position: number): Frame {
  const available = buffer.length - offset;
  const magicBytes = Math.min(available, magic.length);
  if (buffer.compare(magic, 0, magicBytes, offset, offset + magicBytes) !== 0) return { kind: 'invalid' };
  if (available < frameHeaderBytes) return { kind: 'incomplete', bytes: frameHeaderBytes };
  const length = buffer.readUInt32BE(offset + 4);
  if (length < payloadFixedBytes || length > payloadBytesMax) return { kind: 'invalid' };
  const bytes = frameHeaderBytes + length;
  if (available < bytes) return { kind: 'incomplete', bytes };
  const payload = buffer.subarray(offset + frameHeaderBytes, offset + bytes);
  const sum = crc32(payload, positionSum(position, buffer.subarray(offset + 4, offset + 8)));
  if (sum !== buffer.readUInt32BE(offset + 8)) return { kind: 'invalid' };
  const record = decodePayload(payload);
  return record === null ? { kind: 'invalid' } : { kind: 'record', record, bytes };
}

/** Where the next frame may start, at or after `from`; -1 if nowhere in this buffer. */
export function nextMagic(buffer: Buffer, from: number): number {
  return buffer.indexOf(magic, from);
}

function positionSum(position: number, length: Buffer): number {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigUInt64BE(BigInt(position));
  return crc32(length, crc32(bytes));
}

function decodePayload(payload: Buffer): StoredRecord | null {
  const headersStart = payloadFixedBytes + payload.readUInt16BE(8);
  const valueStart = headersStart + payload.readUInt32BE(10);
  const headers =
    valueStart <= payload.length ? parseHeaders(payload.subarray(headersStart, valueStart)) : null;
  if (headers === null) return null;
  return {
    time: payload.readDoubleBE(0),
    key: payload.toString('utf8', payloadFixedBytes, headersStart),
    headers,
    value: payload.subarray(valueStart),
  };
}

function parseHeaders(text: Buffer): Record<string, string> | null {
  try {
    return JSON.parse(text.toString()) as Record<string, string>;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
