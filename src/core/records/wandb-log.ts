/**
 * The log of a W&B run (wandb/sdk/internal/datastore.py, core/internal/leveldb): seven bytes, then LevelDB's log format
 * (https://github.com/google/leveldb/blob/main/doc/log_format.md) with zlib's CRC-32 in place of a masked CRC-32C:
 *
 *     file := ":W&B" uint16 0xBEE1 uint8 version, block*      the first block holds the seven bytes
 *     block := chunk* trailer, 32 KiB in all                  the trailer: under 7 zeros
 *     chunk := uint32 CRC-32 of type and data | uint16 length | uint8 type | byte data[length]
 *
 * A record is one FULL chunk, or a FIRST, MIDDLEs and a LAST. Behind a damaged chunk the next block is read on.
 */
import { crc32 } from 'node:zlib';
import { recordBytesMax } from './framing.ts';
import type { Frame, Framing, Range } from './framing.ts';

const blockBytes = 32 * 1024;
const headBytes = 7;
/** Chunk types; a MIDDLE is 3. */
const full = 1;
const first = 2;
const last = 4;

const magic = Buffer.from(':W&B\u00e1\u00be', 'latin1');

/** Whether the file's first bytes are those of such a log; null while more are needed. */
export function isWandbHead(head: Buffer, isWhole: boolean): boolean | null {
  const length = Math.min(head.length, magic.length);
  if (!head.subarray(0, length).equals(magic.subarray(0, length))) return false;
  return length === magic.length ? true : isWhole ? false : null;
}

export const wandbFraming: Framing = {
  next(bytes, from, offset, place) {
    if (offset === 0) {
      if (bytes.length - from < headBytes) return null;
      const isHead = isWandbHead(bytes.subarray(from), true) === true;
      return isHead
        ? { kind: 'padding', length: headBytes, next: 'record' }
        : damaged(blockBytes, 'no head of a W&B log');
    }
    const room = roomAt(offset);
    if (room < headBytes) return { kind: 'padding', length: room, next: 'record' };
    if (place === 'lost' && room < blockBytes) return damaged(room, 'no record begins here');
    return recordAt(bytes, from, offset, place === 'large');
  },
  isSplit: true,
  dataRanges: (bytes, record, offset) =>
    chunksOf(bytes, record, offset).map(({ start, end }) => ({ start: start + headBytes, end })),
  seal(bytes, before, record, offset) {
    for (const { start, end } of chunksOf(before, record, offset))
      if (hasSum(before, start, end)) bytes.writeUInt32LE(sumOf(bytes, start, end), start);
  },
};

/** Of a whole record. */
function chunksOf(bytes: Buffer, record: Range, offset: number): Range[] {
  const chunks: Range[] = [];
  for (let at = record.start; at < record.end;) {
    const room = roomAt(offset + at);
    if (room < headBytes) {
      at += room;
      continue;
    }
    const end = at + headBytes + bytes.readUInt16LE(at + 4);
    chunks.push({ start: at, end });
    at = end;
  }
  return chunks;
}

function hasSum(bytes: Buffer, start: number, end: number): boolean {
  return bytes.readUInt32LE(start) === sumOf(bytes, start, end);
}

/** Of type and data. */
function sumOf(bytes: Buffer, start: number, end: number): number {
  return crc32(bytes.subarray(start + 6, end));
}

/** `isInside`: of a large record. */
function recordAt(bytes: Buffer, from: number, offset: number, isInside: boolean): Frame | null {
  for (let at = from, isBegun = false; ;) {
    const room = roomAt(offset + at - from);
    if (room < headBytes) {
      at += room;
      continue;
    }
    if (bytes.length - at < headBytes) return null;
    const length = bytes.readUInt16LE(at + 4);
    const type = bytes[at + 6] ?? 0;
    const end = at + headBytes + length;
    const isStart = type === full || type === first;
    // What is no chunk hides where the next one of its block begins.
    if (length > room - headBytes || type < full || type > last) return damaged(at - from + room, 'no chunk');
    if (isInside && !isStart)
      return { kind: 'large', length: end - from, next: type === last ? 'record' : 'large' };
    if (!isBegun && !isStart) return damaged(end - from, 'a record without its beginning');
    if (isBegun && isStart) return damaged(at - from, 'a record without its end');
    if (end - from > recordBytesMax)
      return { kind: 'large', length: end - from, next: type === last ? 'record' : 'large' };
    if (bytes.length < end) return null;
    if (!hasSum(bytes, at, end)) return damaged(at - from + room, 'wrong checksum');
    isBegun = true;
    at = end;
    if (type === full || type === last) return { kind: 'record', length: at - from, next: 'record' };
  }
}

function roomAt(offset: number): number {
  return blockBytes - (offset % blockBytes);
}

function damaged(length: number, reason: string): Frame {
  return { kind: 'damaged', length, reason, next: 'record' };
}
