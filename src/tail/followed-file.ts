import type { Lane } from '../core/segment.ts';
import type { CompressedPlace } from './decompressed-file.ts';
import type { FileStat, OpenFile } from './file-system.ts';
import { noZeros } from './holes.ts';
import type { Zeros } from './holes.ts';
import type { Cut, StreamRecord, StreamState } from './cut-state.ts';
import type { SpooledFile } from './spooled-file.ts';

/** One file (an inode) that is followed, and the stream that its bytes belong to now. Only data: tail.ts moves it. */
export interface FollowedFile {
  key: string;
  dev: string;
  ino: string;
  /** Where it is now, as far as is known. */
  path: string;
  /** Where it was found first. */
  foundPath: string;
  /** The bare path of its rotation family; the catalog says which. */
  family: string;
  /** By its path, for as long as no stream of it has one; null until it is asked for. */
  lane: Lane | null;
  birthtimeMs: number;
  /** Set: sizes and offsets are those of the decompressed bytes. */
  compressed: CompressedPlace | null;
  /** Null until something is to be read, and again when descriptors run short. */
  handle: OpenFile | null;
  /** Null before the first cut. */
  stream: StreamState | null;
  /** The stream that was here before the one that this file will begin. */
  previous: StreamRecord | null;
  /** Not read before this one is drained: order within a rotated file. */
  predecessor: FollowedFile | null;
  /** Not read before this stream, whose bytes were here before a truncation, has found a copy or is given up. */
  waitsFor: Orphan | null;
  /** Nothing was cut of what it holds, which seems to be a copy of a file that is in its place: not read before that is clear. */
  isHeld: boolean;
  /** Last stat. */
  size: number;
  mtimeMs: number;
  /** Size and mtime of the last time that everything was read: while they stand, there is nothing to do. */
  doneSize: number;
  doneMtimeMs: number;
  /** Monotonic ms: when its bytes are to be looked at although its stat is as it was; Infinity when they need not. */
  verifyAt: number;
  /** Monotonic ms: when bytes without a line end were first seen behind the last cut; null if there are none. */
  unterminatedSince: number | null;
  zeros: Zeros;
  /** Monotonic ms of the last change seen. */
  changedAt: number;
  /** Wall ms since when bytes wait to be acknowledged; null when all are. */
  behindSince: number | null;
  /** Rotated away, moved out of the patterns or deleted: when it stays quiet, it is final. */
  leaving: boolean;
  /** No path leads to it any more. */
  gone: boolean;
  /** Monotonic ms since when it is gone. */
  goneSince: number;
  /** Set: the file itself was let go, and what is to be had of it is in the spool. */
  spooled: SpooledFile | null;
  /** The last walk has found a file that may be it, which could not be looked into: it is not let go before that is clear. */
  mayBeBack: boolean;
  /** So many walks in a row have not found it. */
  missedScans: number;
  /** Known from an earlier process and not read by this one yet: what happened meanwhile is not known. */
  unwatched: boolean;
  /** Cuts of an earlier process that this one has not sent yet, in order: they come before all others. */
  unsent: readonly Cut[];
  /** Monotonic ms. */
  lastPolledAt: number;
  nextPollAt: number;
  /** The last look was not through with what it began: on the way to an offset, or over a hole. */
  isMidway: boolean;
  /** Told once: why it cannot be read. */
  complaint: string | null;
}

/** A stream whose bytes are no longer where they were: truncated, rewritten, or gone while nobody ran. */
export interface Orphan {
  stream: StreamState;
  /** The file's size when it was last seen with these bytes: what lies between the last cut and here is lost without a copy. */
  lastSize: number;
  /** Set when the file was truncated or rewritten under our eyes; null when it was missing at the start. */
  successor: FollowedFile | null;
  /** Cuts of an earlier process that this one has not sent: their bytes are not in memory. */
  unsent: readonly Cut[];
  /** It lost its place while nobody looked: more may have been written than was ever seen. */
  unwatched: boolean;
  /** Number of the first scan that could have seen a copy of it. */
  scan: number;
  /** Monotonic ms: it goes to no file of another family before. */
  untilOthers: number;
  /** Monotonic ms: it is not given up before. */
  until: number;
  /** To when that may be put off, while it cannot be told whether a file has the bytes. */
  untilMax: number;
}

export function followedFile(
  path: string,
  stat: FileStat,
  now: number,
  compressed: CompressedPlace | null = null,
): FollowedFile {
  return {
    key: stat.key,
    dev: stat.dev,
    ino: stat.ino,
    path,
    foundPath: path,
    family: path,
    lane: null,
    birthtimeMs: stat.birthtimeMs,
    compressed,
    handle: null,
    stream: null,
    previous: null,
    predecessor: null,
    waitsFor: null,
    isHeld: false,
    size: stat.size,
    mtimeMs: stat.mtimeMs,
    doneSize: 0,
    doneMtimeMs: 0,
    verifyAt: Infinity,
    unterminatedSince: null,
    zeros: noZeros(),
    changedAt: now,
    behindSince: null,
    // Whoever compresses a file is done with it.
    leaving: compressed !== null,
    gone: false,
    goneSince: 0,
    spooled: null,
    mayBeBack: false,
    missedScans: 0,
    unwatched: false,
    unsent: [],
    lastPolledAt: -Infinity,
    nextPollAt: 0,
    isMidway: false,
    complaint: null,
  };
}

/** Everything that can be had was cut. A file that cannot be read does not hold up its successor. */
export function isDrained(file: FollowedFile): boolean {
  if (file.gone && file.handle === null && file.spooled === null) return true;
  return file.complaint !== null || (!hasUnread(file) && file.unsent.length === 0 && file.waitsFor === null);
}

/** It waits for no other one. */
export function canBeRead({ waitsFor, isHeld, predecessor }: FollowedFile): boolean {
  // One that is held waits in its turn for what may be its original.
  const isNext = predecessor === null || predecessor.isHeld || isDrained(predecessor);
  return waitsFor === null && !isHeld && isNext;
}

/** It was rewritten, and nothing of what it holds now was cut. */
export function isToBeginAnew({ stream, previous }: FollowedFile): boolean {
  return stream === null && previous !== null;
}

/** It was found under a rotated name and nothing was cut of it: nothing tells whether it was written over with a copy meanwhile. */
export function mayBeCopiedOver({ stream, compressed, path, foundPath, family }: FollowedFile): boolean {
  return stream === null && compressed === null && path === foundPath && path !== family;
}

/** So many walks have not found it: one can miss a file that is merely being renamed. */
const missedScansMin = 2;

export function isLost(file: FollowedFile): boolean {
  return file.gone && file.missedScans >= missedScansMin;
}

/** Takes in a new stat. `now` is monotonic ms. */
export function noteStat(file: FollowedFile, stat: FileStat, now: number): void {
  if (stat.size !== file.size || stat.mtimeMs !== file.mtimeMs) file.changedAt = now;
  file.size = stat.size;
  file.mtimeMs = stat.mtimeMs;
}

/** A rotated or deleted file is final after so long without a change. */
const rotateWaitMs = 5000;

export function isQuiet(file: FollowedFile, now: number): boolean {
  return now - Math.max(file.changedAt, file.gone ? file.goneSince : 0) >= rotateWaitMs;
}

/** The offset up to which the file is cut. */
export function offsetOf(file: FollowedFile): number {
  return file.stream?.end ?? 0;
}

export function hasUnread(file: FollowedFile): boolean {
  return file.size !== file.doneSize || file.mtimeMs !== file.doneMtimeMs;
}
