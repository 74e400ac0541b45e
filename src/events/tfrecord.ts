/**
 * TFRecord files, which TensorBoard's event files are (tensorflow/core/lib/io/record_writer.h):
 *
 *     uint64 length | uint32 masked CRC-32C of length | byte data[length] | uint32 masked CRC-32C of data      little-endian
 *
 * A record whose data is wrong is left out, for its length tells where the next one begins. Where a length is wrong, the next place is
 * sought at which a length and its checksum agree.
 */
import { crc32c } from '../core/crc32c.ts';
import { recordBytesMax } from './framing.ts';
import type { Frame, Framing } from './framing.ts';

const headBytes = 12;
const frameBytes = headBytes + 4;

export const tfRecordFraming: Framing = {
  next(bytes, from) {
    if (bytes.length - from < headBytes) return null;
    return isLength(bytes, from) ? recordAt(bytes, from) : noRecord(bytes, from);
  },
};

function recordAt(bytes: Buffer, from: number): Frame | null {
  const length = bytes.readUInt32LE(from) + frameBytes;
  if (length > recordBytesMax) return { kind: 'large', length, next: 'record' };
  if (bytes.length - from < length) return null;
  const data = bytes.subarray(from + headBytes, from + length - 4);
  if (bytes.readUInt32LE(from + length - 4) === maskedCrc(data))
    return { kind: 'record', length, data, next: 'record' };
  return { kind: 'damaged', length, reason: 'wrong checksum of the data', next: 'record' };
}

/** Up to the next place at which one may begin. */
function noRecord(bytes: Buffer, from: number): Frame {
  let at = from + 1;
  while (at + headBytes <= bytes.length && !isLength(bytes, at)) at += 1;
  return { kind: 'damaged', length: at - from, reason: 'no record begins here', next: 'record' };
}

/** Whether a record may begin there: a length below 4 GiB, with its checksum. */
function isLength(bytes: Buffer, at: number): boolean {
  return (
    bytes.readUInt32LE(at + 4) === 0 && bytes.readUInt32LE(at + 8) === maskedCrc(bytes.subarray(at, at + 8))
  );
}

/** Rotated and shifted, so that the checksum of bytes that hold checksums is none (tensorflow/core/lib/hash/crc32c.h, Mask). */
function maskedCrc(bytes: Buffer): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const versionText = 'brain.Event:';
/** The first record of an event file says its version, behind the time; so many bytes show it. */
const versionWithin = 64;

/** Whether the file's first bytes are those of an event file; null while more are needed. */
export function isEventFileHead(head: Buffer, isWhole: boolean): boolean | null {
  if (head.length < headBytes) return isWhole ? false : null;
  if (!isLength(head, 0)) return false;
  const most = Math.min(versionWithin, Number(head.readBigUInt64LE(0)) + frameBytes);
  if (head.length < most && !isWhole) return null;
  return head.subarray(headBytes, most).includes(versionText);
}
