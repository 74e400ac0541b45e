/**
 * TFRecord files, which TensorBoard's event files are (tensorflow/core/lib/io/record_writer.h):
 *
 *     uint64 length | uint32 masked CRC-32C of length | byte data[length] | uint32 masked CRC-32C of data      little-endian
 *
 * A record whose data is wrong is left out, for its length tells where the next one begins. Where a length is wrong, the next place is
 * sought at which a length and its checksum agree.
 */
import { crc32c } from '../crc32c.ts';
import { recordBytesMax } from './framing.ts';
import type { Frame, Framing } from './framing.ts';

const headBytes = 12;
const sumBytes = 4;
const frameBytes = headBytes + sumBytes;

/** `checksData`: a record with a wrong checksum of its data is told as damaged. */
export function tfRecordFraming({ checksData }: { checksData: boolean }): Framing {
  return {
    next: (bytes, from) =>
      mayBegin(bytes, from) ? recordAt(bytes, from, checksData) : noRecord(bytes, from),
    isSplit: false,
    dataRanges: (_, { start, end }) => [{ start: start + headBytes, end: end - sumBytes }],
    seal(bytes, before, { start, end }) {
      if (hasSum(before, start, end)) bytes.writeUInt32LE(sumOf(bytes, start, end), end - sumBytes);
    },
  };
}

function recordAt(bytes: Buffer, from: number, checksData: boolean): Frame | null {
  if (bytes.length - from < headBytes) return null;
  const length = bytes.readUInt32LE(from) + frameBytes;
  if (length > recordBytesMax) return { kind: 'large', length, next: 'record' };
  if (bytes.length - from < length) return null;
  if (checksData && !hasSum(bytes, from, from + length))
    return { kind: 'damaged', length, reason: 'wrong checksum of the data', next: 'record' };
  return { kind: 'record', length, next: 'record' };
}

/** Up to the next place at which one may begin. */
function noRecord(bytes: Buffer, from: number): Frame {
  let at = from + 1;
  while (at < bytes.length && !mayBegin(bytes, at)) at += 1;
  return { kind: 'damaged', length: at - from, reason: 'no record begins here', next: 'record' };
}

/** Whether a record may begin there, as far as its bytes are there: a length below 4 GiB, with its checksum. */
function mayBegin(bytes: Buffer, at: number): boolean {
  const there = bytes.length - at;
  if (there >= headBytes) return isLength(bytes, at);
  for (let i = at + 4; i < Math.min(at + 8, bytes.length); i += 1) if (bytes[i] !== 0) return false;
  return true;
}

function isLength(bytes: Buffer, at: number): boolean {
  return bytes.readUInt32LE(at + 4) === 0 && bytes.readUInt32LE(at + 8) === maskedCrc(bytes, at, at + 8);
}

function hasSum(bytes: Buffer, start: number, end: number): boolean {
  return bytes.readUInt32LE(end - sumBytes) === sumOf(bytes, start, end);
}

/** Of the data of a record. */
function sumOf(bytes: Buffer, start: number, end: number): number {
  return maskedCrc(bytes, start + headBytes, end - sumBytes);
}

/** Rotated and shifted, so that the checksum of bytes that hold checksums is none (tensorflow/core/lib/hash/crc32c.h, Mask). */
function maskedCrc(bytes: Buffer, start: number, end: number): number {
  const crc = crc32c(bytes, 0, start, end);
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
