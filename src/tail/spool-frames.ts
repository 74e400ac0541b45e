import { crc32 } from 'node:zlib';
import type { OpenFile } from './file-system.ts';

/**
 * The bytes of a spool file: frames, one after the other, each with a checksum of its own. The first one says which stream it is,
 * the others are pieces of the stream. A damaged frame costs its own bytes only: the next whole one is looked for behind it.
 *
 * A frame is `magic` (4 bytes), kind (1), three zero bytes, start in the stream (u64), length (u32), crc32 of the stream's id, of
 * all that and of the payload (u32), payload: a frame that got into another stream's file is not whole there. Numbers are little-endian.
 */
export interface Frame {
  kind: FrameKind;
  /** Of its first byte in the stream; 0 for a `stream` frame. */
  start: number;
  length: number;
  /** Of its payload in the spool file. */
  offset: number;
}

export const frameKinds = { stream: 1, bytes: 2 } as const;
export type FrameKind = (typeof frameKinds)[keyof typeof frameKinds];

/** Most payload of one frame: what has to be read to check a single byte of it. */
export const framePayloadBytesMax = 256 * 1024;
export const frameHeaderBytes = 24;

const magic = Buffer.from('CBSP', 'latin1');
const windowBytes = 64 * 1024;

export function encodeFrame(stream: string, kind: FrameKind, start: number, payload: Buffer): Buffer {
  const frame = Buffer.alloc(frameHeaderBytes + payload.length);
  magic.copy(frame);
  frame.writeUInt8(kind, 4);
  frame.writeBigUInt64LE(BigInt(start), 8);
  frame.writeUInt32LE(payload.length, 16);
  payload.copy(frame, frameHeaderBytes);
  frame.writeUInt32LE(checksumOf(stream, frame), 20);
  return frame;
}

export interface ScannedFrames {
  frames: Frame[];
  /** The payload of the `stream` frame; null if none is whole. */
  stream: Buffer | null;
  /** Up to here the file is whole frames (and damage between them); what follows is a torn end. */
  wholeBytes: number;
}

/** Finds the whole frames of a stream's file of `size` bytes. Reads all of it once, a frame at a time. */
export async function scanFrames(
  stream: string,
  file: Pick<OpenFile, 'read'>,
  size: number,
): Promise<ScannedFrames> {
  const found: ScannedFrames = { frames: [], stream: null, wholeBytes: 0 };
  for (let position = 0; position + frameHeaderBytes <= size;) {
    const frame = await readFrame(stream, file, position, size);
    if (frame) {
      const { payload, ...rest } = frame;
      if (frame.kind === frameKinds.stream) found.stream ??= payload;
      else found.frames.push(rest);
      position = frame.offset + frame.length;
      found.wholeBytes = position;
    } else {
      position = await findMagic(file, position + 1, size);
    }
  }
  return found;
}

async function readFrame(
  stream: string,
  file: Pick<OpenFile, 'read'>,
  position: number,
  size: number,
): Promise<(Frame & { payload: Buffer }) | null> {
  const header = Buffer.alloc(frameHeaderBytes);
  if ((await file.read(header, 0, frameHeaderBytes, position)) < frameHeaderBytes) return null;
  const kind = header.readUInt8(4);
  const start = header.readBigUInt64LE(8);
  const length = header.readUInt32LE(16);
  const offset = position + frameHeaderBytes;
  const plausible = header.subarray(0, 4).equals(magic) && length <= framePayloadBytesMax;
  if (!plausible || offset + length > size || !isKind(kind)) return null;
  const whole = Buffer.concat([header, Buffer.allocUnsafe(length)]);
  if ((await file.read(whole, frameHeaderBytes, length, offset)) < length) return null;
  if (checksumOf(stream, whole) !== header.readUInt32LE(20)) return null;
  return { kind, start: Number(start), length, offset, payload: whole.subarray(frameHeaderBytes) };
}

/** Where the next frame may begin, from `from` on; `size` if nowhere. */
async function findMagic(file: Pick<OpenFile, 'read'>, from: number, size: number): Promise<number> {
  const window = Buffer.allocUnsafe(windowBytes);
  for (let at = from; at < size; at += windowBytes - magic.length + 1) {
    const got = await file.read(window, 0, Math.min(windowBytes, size - at), at);
    const found = window.subarray(0, got).indexOf(magic);
    if (found !== -1) return at + found;
  }
  return size;
}

function checksumOf(stream: string, frame: Buffer): number {
  return crc32(frame.subarray(frameHeaderBytes), crc32(frame.subarray(0, 20), crc32(stream)));
}

function isKind(kind: number): kind is FrameKind {
  return kind === frameKinds.stream || kind === frameKinds.bytes;
}
