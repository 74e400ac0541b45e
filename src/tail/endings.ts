import { errorText } from '../core/errors.ts';
import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/logger.ts';
import type { GapReason } from '../core/segment.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Catalog } from './catalog.ts';
import type { CutLog } from './cut-log.ts';
import type { Cut, MadeCut, StreamState } from './cut-state.ts';
import { DecompressedFile } from './decompressed-file.ts';
import type { Descriptors } from './descriptors.ts';
import type { FileSystem, OpenFile } from './file-system.ts';
import { hasUnread, isDrained, isLost, isQuiet } from './followed-file.ts';
import type { FollowedFile, Orphan } from './followed-file.ts';
import { resend } from './resend.ts';
import { goneWaitMs } from './vanished.ts';
import type { Vanished } from './vanished.ts';

/**
 * How streams end. A file that was rotated away or deleted, was read to its end and stays quiet gets its final marker; a stream of which no
 * file and no copy holds what it had not sent ends in a gap. When nothing is left of a file, it is forgotten.
 *
 * The cuts are in the cut log, not durable yet, and to be sent in order.
 */
export interface EndingsOptions {
  catalog: Catalog;
  vanished: Vanished;
  descriptors: Descriptors;
  cutLog: CutLog;
  fs: FileSystem;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

/** No file has this inode. */
const nowhere = { dev: '', ino: '', birthtimeMs: 0, compressed: null };
const noBytes = Buffer.alloc(0);

export class Endings {
  readonly #options: EndingsOptions;

  constructor(options: EndingsOptions) {
    this.#options = options;
  }

  /** Final markers for files that left and are quiet; files of which nothing is left are forgotten. */
  async finish(): Promise<MadeCut[]> {
    const { catalog, clock, cutLog, descriptors } = this.#options;
    const now = clock.monotonic();
    const isShort = descriptors.takeShortage();
    const made: MadeCut[] = [];
    for (const file of catalog.files) {
      if (!mayEnd(file, now)) continue;
      const state = file.stream;
      const quiet = isQuiet(file, now);
      if (quiet && file.zeros.areHeld) {
        lookAgain(file);
        catalog.files.awake.add(file);
        continue;
      }
      if (state && !state.final && quiet) {
        const marker = finalMarker(state, clock.now(), file.compressed?.damage == null ? null : 'gone');
        cutLog.cut(state, marker.cut);
        made.push(marker);
      }
      if (!this.#isOver(file, now, isShort)) continue;
      await descriptors.close(file);
      catalog.drop(file);
    }
    return made;
  }

  /** No file and no copy holds what this stream had not sent. */
  async giveUp(orphan: Orphan): Promise<MadeCut[]> {
    const { stream, successor } = orphan;
    const { cutLog, clock, logger, metrics, vanished } = this.#options;
    if (successor === null && stream.final && stream.pending.length === 0) {
      cutLog.forget(stream);
      return [];
    }
    const found = successor === null ? await this.#takeIfStillThere(orphan) : null;
    if (found) return found;
    const { unsent, marker } = lostEnding(orphan, clock.now());
    if (successor === null && stream.final) return unsent;
    // Nothing is known of the bytes before its end any more, so no file may be taken for it after a restart.
    cutLog.setPlace(stream, { path: stream.record.path, ...nowhere });
    cutLog.cut(stream, marker.cut);
    const gaps = [...unsent, marker].flatMap(({ cut }) => (cut.gap === null ? [] : [cut]));
    for (const { gap, start, end } of gaps) metrics.gapBytes.inc({ reason: gap ?? 'gone' }, end - start);
    if (gaps.length > 0) {
      logger.warn(
        {
          path: stream.record.path,
          start: gaps[0]?.start,
          end: marker.cut.end,
          hint: 'these bytes cannot be had; a gap is published in their place',
        },
        successor ? 'truncated before everything was read' : 'the file went away while nobody was looking',
      );
    }
    vanished.setAdrift(stream);
    return [...unsent, marker];
  }

  /** A file that went away before it could be opened: closed to spare descriptors, or deleted while there was no room. */
  async giveUpFile({ stream, size, path, unsent }: FollowedFile): Promise<MadeCut[]> {
    if (stream) {
      const lost = { stream, lastSize: size, successor: null, unsent, unwatched: true };
      return await this.giveUp({ ...lost, scan: 0, untilOthers: 0, until: 0, untilMax: 0 });
    }
    if (size === 0) return [];
    const { logger, metrics } = this.#options;
    metrics.gapBytes.inc({ reason: 'gone' }, size);
    logger.warn(
      { path, bytes: size, hint: 'nothing of it was read, so no stream can tell of it' },
      'a file went away before it could be opened',
    );
    return [];
  }

  /**
   * A file that is in its place but no longer matches the patterns did not go away: what was cut of it is sent, and its state is
   * kept for the day on which it matches again. Null: it is not there.
   */
  async #takeIfStillThere({ stream, unsent }: Orphan): Promise<MadeCut[] | null> {
    const { fs, logger } = this.#options;
    const { path, dev, ino } = stream.record;
    const made: MadeCut[] = [];
    let file: OpenFile | null = null;
    const key = `${dev}:${ino}`;
    try {
      // Another file in its place may be one that cannot be opened.
      if ((await fs.stat(path))?.key !== key) return null;
      file = await fs.open(path);
      if (!file || (await file.stat()).key !== key) return null;
      logger.debug({ path }, 'no longer matches the patterns');
      const place = stream.record.compressed;
      const contents = place ? new DecompressedFile(file, place) : file;
      for (const cut of unsent) made.push(await resend(stream, cut, contents));
    } catch (error) {
      // Something is there that may not be read: not to be called gone.
      logger.warn({ path, reason: errorText(error) }, 'cannot be read, and no longer matches the patterns');
    } finally {
      await file?.close();
    }
    return made;
  }

  /** Whether nothing of it is left. `isShort`: others want its descriptor. */
  #isOver(file: FollowedFile, now: number, isShort: boolean): boolean {
    const { vanished } = this.#options;
    const { stream } = file;
    const settled = !stream || (stream.final && stream.pending.length === 0);
    const quietMs = now - Math.max(file.changedAt, file.goneSince);
    const quietLong = quietMs >= goneWaitMs || (!stream && isShort);
    return isLost(file) && settled && quietLong && !hasUnread(file) && !vanished.hasCopy(file);
  }
}

/** It has left, and all that is known of it was cut. */
function mayEnd(file: FollowedFile, now: number): boolean {
  if (!file.leaving || file.mayBeBack || !isDrained(file)) return false;
  // What was not looked at since it left, or since the walk saw a change, may have more.
  if (file.nextPollAt <= now) return false;
  // One that cannot be read holds up no other, but it may yet be read.
  return file.complaint === null || !hasUnread(file);
}

/** At the zeros at its end: nothing will be written over them. */
function lookAgain(file: FollowedFile): void {
  file.zeros.areHeld = false;
  file.doneSize = -1;
  file.nextPollAt = 0;
}

/** The last cut of a stream that was read to its end. `gap`: more was in it that cannot be had. `now` is wall ms. */
export function finalMarker(state: StreamState, now: number, gap: GapReason | null = null): MadeCut {
  const cut: Cut = {
    start: state.end,
    end: state.end,
    observed: Math.max(now, state.observed),
    anchor: state.anchor,
    gap,
    final: true,
  };
  return { state, cut, bytes: noBytes };
}

/**
 * How a stream ends whose bytes are gone: each cut that was not sent becomes a gap, and a final marker spans what was seen of
 * the file but never cut. A file that went away or was truncated while nobody looked may have held more than was ever seen: then
 * the marker is an empty gap, to say so. The marker is last.
 */
export function lostEnding(orphan: Orphan, now: number): { unsent: MadeCut[]; marker: MadeCut } {
  const { stream, successor, lastSize } = orphan;
  const reason: GapReason = successor ? 'truncated' : 'gone';
  const unsent = orphan.unsent.map((cut) => ({
    state: stream,
    cut: cut.end > cut.start ? { ...cut, gap: reason } : cut,
    bytes: noBytes,
  }));
  const marker = finalMarker(stream, now);
  const end = Math.max(stream.end, lastSize);
  const nothingLost = !orphan.unwatched && end === stream.end;
  const cut: Cut = { ...marker.cut, end, anchor: null, gap: nothingLost ? null : reason };
  return { unsent, marker: { ...marker, cut } };
}
