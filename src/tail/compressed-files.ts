import type { Clock } from '../core/clock.ts';
import { errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { rotationFamily } from '../core/rotation-family.ts';
import type { CutLog } from './cut-log.ts';
import type { StreamState } from './cut-state.ts';
import type { CompressedPlace } from './decompressed-file.ts';
import { sliceBytesMax } from './decompressed-file.ts';
import { bareNameOf, codecOf, hasMagic } from '../core/decompressor.ts';
import type { Codec } from '../core/decompressor.ts';
import type { Candidate } from './discovery.ts';
import type { FileStat, FileSystem, OpenFile } from './file-system.ts';
import type { FollowedFile } from './followed-file.ts';
import { hasHead } from './identity.ts';
import { Survey } from './survey.ts';

/**
 * The compressed files among those that were found. Each is looked through once as it stands, a slice at a time and one after
 * another, and only then shown to the catalog: as a file of the size that it decompresses to. A file is
 *
 *     plain       named like one, and it is none: followed as it is
 *     waiting     it changed a moment ago, or it is damaged and may yet become whole
 *     in survey   its turn to be looked through
 *     known       until it changes; after a restart, too, if the cut log has its size and time
 *
 * Failure rule: one that cannot be read waits, and holds up no other; a damaged one is known as far as it can be decompressed.
 */
export interface CompressedFilesOptions {
  fs: FileSystem;
  cutLog: CutLog;
  clock: Clock;
  logger: Logger;
}

/** What a survey found. */
export interface Contents {
  place: CompressedPlace;
  /** Streams that it holds up to this end of theirs. */
  holds: ReadonlyMap<StreamState, number>;
  /** Of its decompressed bytes; empty if only the cut log knows it. */
  anchor: string;
  /** Streams that begin as it does. */
  beginsAs: ReadonlySet<StreamState>;
}

/** One that changed less than so long ago is still being written. */
const settleMs = 2000;
/** Nobody waits longer for one that goes on changing. */
const changingMaxMs = 60_000;
/** A damaged one that does not change for so long will not become whole. */
const damagedWaitMs = 10_000;

interface Entry {
  codec: Codec | null;
  path: string;
  family: string;
  stat: FileStat;
  /** Monotonic ms: when it was first seen as it stands; earlier if its time says so. */
  unchangedSince: number;
  firstSeen: number;
  contents: Contents | null;
  isUnreadable: boolean;
  /** The damage was told. */
  isTold: boolean;
}

export class CompressedFiles {
  readonly #options: CompressedFilesOptions;
  readonly #entries = new Map<string, Entry>();
  /** Streams of an earlier process, by dev:ino. */
  readonly #earlier: ReadonlyMap<string, StreamState[]>;
  #survey: { entry: Entry; file: OpenFile; pass: Survey } | null = null;
  /** Something is known that the catalog was not shown. */
  #hasNews = false;
  #isHurried = false;

  constructor(options: CompressedFilesOptions) {
    this.#options = options;
    const keyOf = ({ record }: StreamState) => `${record.dev}:${record.ino}`;
    this.#earlier = Map.groupBy(options.cutLog.streams.values(), keyOf);
  }

  /** Waits for nothing: what is there is taken as it stands. */
  hurry(): void {
    this.#isHurried = true;
  }

  /** A walk's candidates without those that are not known yet. `followed` by dev:ino. */
  async show(
    candidates: readonly Candidate[],
    followed: ReadonlyMap<string, FollowedFile>,
  ): Promise<Candidate[]> {
    this.#hasNews = false;
    const shown: Candidate[] = [];
    const births = new Map<string, number>();
    for (const { paths, stat } of candidates) for (const path of paths) births.set(path, stat.birthtimeMs);
    const keys = new Set<string>();
    for (const candidate of candidates) {
      const entry = await this.#entryOf(candidate, followed.get(candidate.stat.key));
      if (entry === null) {
        shown.push(candidate);
        continue;
      }
      keys.add(candidate.stat.key);
      const known = this.#known(entry);
      const file = followed.get(candidate.stat.key);
      if (known?.place.size === 0 && !file) continue;
      if (known) {
        const { size } = known.place;
        const birthtimeMs = bornBefore(entry, births);
        shown.push({ ...candidate, stat: { ...candidate.stat, size, birthtimeMs }, compressed: known });
      } else if (file) {
        // It changed. Until that is looked through it is what it was.
        const { size, mtimeMs, birthtimeMs } = file;
        shown.push({ ...candidate, stat: { ...candidate.stat, size, mtimeMs, birthtimeMs } });
      }
    }
    for (const key of this.#entries.keys()) if (!keys.has(key)) this.#entries.delete(key);
    return shown;
  }

  /** Looks through the next slice. Never rejects. */
  async work(): Promise<void> {
    this.#survey ??= await this.#begin();
    const survey = this.#survey;
    if (survey === null) return;
    const { entry, file, pass } = survey;
    try {
      if (!(await pass.advance(sliceBytesMax))) return;
      const { size: bytes, mtimeMs } = await file.stat();
      if (bytes === entry.stat.size && mtimeMs === entry.stat.mtimeMs && entry.codec !== null) {
        const { size, hasTextHead, damage, anchor, holds, beginsAs } = pass;
        const place = { codec: entry.codec, bytes, mtimeMs, size, hasTextHead, damage };
        entry.contents = { place, anchor, holds, beginsAs };
        entry.isUnreadable = false;
        this.#hasNews = true;
      }
    } catch (error) {
      this.#postpone(entry, error);
    }
    await this.#end();
  }

  /** There is a slice to be looked through at once. */
  get isBusy(): boolean {
    return this.#survey !== null || this.#next() !== null;
  }

  /** Something is known that the catalog was not shown yet. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Some are not known yet, or not shown; with `path`, those that may be of its rotation family. */
  isPending(path?: string): boolean {
    if (this.#hasNews) return true;
    const family = path === undefined ? null : familyOf(path);
    for (const entry of this.#entries.values()) {
      if (!this.#isAwaited(entry)) continue;
      if (family === null || entry.family === family) return true;
    }
    return false;
  }

  /** A stream that it holds has come further: it is looked through again. */
  outdate(candidate: Candidate): void {
    const entry = this.#entries.get(candidate.stat.key);
    if (entry) entry.contents = null;
  }

  async close(): Promise<void> {
    await this.#end();
  }

  /** Null if it is to be followed as it is. */
  async #entryOf(candidate: Candidate, file: FollowedFile | undefined): Promise<Entry | null> {
    const { stat, paths } = candidate;
    const [path = ''] = paths;
    const codec = codecOf(path);
    const before = this.#entries.get(stat.key);
    if (file && !file.compressed) return null;
    if (codec === null && !file?.compressed) return null;
    const isUnchanged = before?.stat.size === stat.size && before.stat.mtimeMs === stat.mtimeMs;
    if (before && (isUnchanged || (this.#isHurried && before.contents !== null))) {
      before.path = path;
      before.family = familyOf(path);
      return before.codec === null ? null : before;
    }
    const now = this.#options.clock.monotonic();
    const age = this.#options.clock.now() - stat.mtimeMs;
    const entry: Entry = {
      codec: file?.compressed?.codec ?? codec,
      path,
      family: familyOf(path),
      stat,
      unchangedSince: before ? now : now - Math.max(0, age),
      firstSeen: before?.firstSeen ?? now,
      contents: null,
      isUnreadable: false,
      isTold: false,
    };
    if (this.#survey && this.#survey.entry === before) await this.#end();
    this.#entries.set(stat.key, entry);
    if (!file) await this.#recognise(entry);
    return entry.codec === null ? null : entry;
  }

  /** Is it what its name says, and does the cut log know it? */
  async #recognise(entry: Entry): Promise<void> {
    const { codec, stat, path } = entry;
    const earlier = this.#earlier.get(stat.key) ?? [];
    for (const state of earlier) {
      const place = state.record.compressed;
      if (place?.bytes !== stat.size || place.mtimeMs !== stat.mtimeMs) continue;
      entry.contents = {
        place,
        anchor: '',
        holds: new Map([[state, state.end]]),
        beginsAs: new Set([state]),
      };
      entry.isTold = true;
      return;
    }
    if (codec === null || stat.size === 0) return;
    const file = await this.#open(entry).catch(() => null);
    if (file === null) return;
    try {
      const isPlain =
        !(await hasMagic(file, codec)) ||
        (await anyOf(earlier, async ({ record }) => !record.compressed && (await hasHead(file, record))));
      if (isPlain) entry.codec = null;
    } catch (error) {
      this.#options.logger.debug({ path, reason: errorText(error) }, 'cannot be looked through yet');
    } finally {
      await file.close();
    }
  }

  /** Null while it may change. */
  #known(entry: Entry): Contents | null {
    const { contents } = entry;
    if (contents === null) return null;
    const { damage, size } = contents.place;
    if (damage === null) return contents;
    if (!this.#isUnchangedFor(entry, damagedWaitMs)) return null;
    if (!entry.isTold) {
      entry.isTold = true;
      this.#options.logger.warn(
        {
          path: entry.path,
          decompressedBytes: size,
          reason: damage,
          hint: 'what comes before the damage is shipped, unless it was already; mend the file if the rest is needed',
        },
        'a compressed file is damaged or cut off',
      );
    }
    return contents;
  }

  /** Whether it is worth waiting for. */
  #isAwaited(entry: Entry): boolean {
    if (entry.codec === null || entry.stat.size === 0 || entry.isUnreadable) return false;
    const changesForEver = this.#options.clock.monotonic() - entry.firstSeen > changingMaxMs;
    const isSettled = this.#isUnchangedFor(entry, settleMs);
    return this.#known(entry) === null && (isSettled || !changesForEver);
  }

  #isUnchangedFor({ unchangedSince }: Entry, ms: number): boolean {
    return this.#isHurried || this.#options.clock.monotonic() - unchangedSince >= ms;
  }

  /** The oldest first, so that a family comes in its order. */
  #next(): Entry | null {
    let oldest: Entry | null = null;
    for (const entry of this.#entries.values()) {
      if (entry.codec === null || entry.contents !== null || entry.stat.size === 0) continue;
      if (!this.#isUnchangedFor(entry, settleMs)) continue;
      if (oldest === null || entry.stat.mtimeMs < oldest.stat.mtimeMs) oldest = entry;
    }
    return oldest;
  }

  async #begin(): Promise<{ entry: Entry; file: OpenFile; pass: Survey } | null> {
    const entry = this.#next();
    if (entry?.codec == null) return null;
    try {
      const file = await this.#open(entry);
      if (file)
        return { entry, file, pass: new Survey(file, entry.codec, this.#options.cutLog.streams.values()) };
      this.#postpone(entry, 'it is no longer there');
    } catch (error) {
      this.#postpone(entry, error);
    }
    return null;
  }

  async #end(): Promise<void> {
    const survey = this.#survey;
    this.#survey = null;
    survey?.pass.close();
    await survey?.file.close();
  }

  /** Null if another file has the name now. */
  async #open({ path, stat }: Entry): Promise<OpenFile | null> {
    const file = await this.#options.fs.open(path);
    if (file === null || (await file.stat()).key === stat.key) return file;
    await file.close();
    return null;
  }

  #postpone(entry: Entry, error: unknown): void {
    entry.unchangedSince = this.#options.clock.monotonic();
    if (entry.isUnreadable) return;
    entry.isUnreadable = true;
    this.#options.logger.warn(
      {
        path: entry.path,
        reason: errorText(error),
        hint: 'let the user that runs Caboose read it; it is tried again',
      },
      'cannot be read',
    );
  }
}

export function familyOf(path: string): string {
  return rotationFamily(bareNameOf(path));
}

/**
 * When its first byte was written is not known. Compressors keep the time of the last write, so it is not younger than that; and
 * it is older than the file that has its bare name now, the older the higher its number.
 */
function bornBefore({ path, stat }: Entry, births: ReadonlyMap<string, number>): number {
  const written = Math.floor(stat.mtimeMs);
  const born = stat.birthtimeMs > 0 ? Math.min(stat.birthtimeMs, written) : written;
  const bareBorn = births.get(familyOf(path)) ?? 0;
  if (bareBorn === 0) return born;
  const number = Number(/\.(\d{1,4})$/.exec(bareNameOf(path))?.[1] ?? 1);
  return Math.min(born, bareBorn - number);
}

async function anyOf<T>(items: readonly T[], test: (item: T) => Promise<boolean>): Promise<boolean> {
  for (const item of items) if (await test(item)) return true;
  return false;
}
