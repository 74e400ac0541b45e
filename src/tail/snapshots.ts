/**
 * Files that frameworks write anew as a whole (`source.snapshots`): each state that stands still is a stream of its own, with
 * `snapshot`, linked to the state before. A file of the list is known by its path, so that one which is replaced by a rename is
 * the same. For each:
 *
 *     changed ─ it holds what was sent, and whole lines more ─▶ the stream goes on (CSV files that are appended to)
 *        └───── two looks find the same size, mtime and inode ─▶ stands still ─ read, and still the same ─▶
 *        it is what was sent                            nothing
 *        it is another state                            a new stream: its cuts go to the cut log, then its bytes are read again and
 *                                                       sent as there is room
 *
 * A file that keeps changing is sent at most once in some seconds, and a large one at most at a MiB a second.
 *
 * Failure rule: a state that changes under the reading is left for the next look. If it changes, or the process dies, between the
 * decision and the sending, what cannot be had any more is published as a gap, as of any stream.
 */
import { errorText } from '../core/errors.ts';
import type { Lane } from '../core/segment.ts';
import type { MadeCut, StreamState } from './cut-state.ts';
import type { CutterOptions } from './cutter.ts';
import type { Candidate, Discovery } from './discovery.ts';
import { coarsestTickMs, mayHideChange } from './file-system.ts';
import type { FileStat, OpenFile } from './file-system.ts';
import { holds } from './identity.ts';
import { planCuts, readAt } from './snapshot-reading.ts';
import type { PlannedCuts } from './snapshot-reading.ts';
import { SnapshotSending } from './snapshot-sending.ts';
import type { Sending } from './snapshot-sending.ts';

export interface SnapshotOptions extends CutterOptions {
  /** Whether a file is one that is written anew as a whole. */
  isSnapshot: (path: string) => boolean;
}

/** Two states of a file are at least so far apart, and so many bytes are sent in a second of it at most. */
const stateIntervalMs = 2000;
const bytesPerMs = 1024;
/** A file that has only grown for so long is being appended to: it need not stand still. */
const growsMinMs = 3000;
/** A line without end that was appended is sent when it has stood for so long. */
const unterminatedMaxMs = 5000;
/** A file that is gone for so long is forgotten. */
const goneWaitMs = 60_000;

/** What of the room for bytes under way, and of the budget, a lane has left in this round. */
export interface Gate {
  room: (lane: Lane) => number;
  took: (lane: Lane, bytes: number) => void;
}

interface SnapshotFile {
  path: string;
  /** Size, mtime and inode at the last look, and since when (monotonic ms) they are so. */
  seen: string;
  seenSize: number;
  seenSince: number;
  /** Monotonic ms: every look since has found it longer than the one before. */
  growsSince: number;
  /** Those of the state that was sent last, or found to be the same. */
  done: string;
  /** The latest state. */
  stream: StreamState | null;
  sending: Sending | null;
  /** Monotonic ms. No new state before. */
  restUntil: number;
  nextPollAt: number;
  complaint: string | null;
  /** Monotonic ms: the last walk that found it. */
  foundAt: number;
}

export class Snapshots {
  readonly #options: SnapshotOptions;
  readonly #discovery: Discovery;
  readonly #sending: SnapshotSending;
  readonly #files = new Map<string, SnapshotFile>();

  constructor(options: SnapshotOptions, discovery: Discovery) {
    this.#options = options;
    this.#discovery = discovery;
    this.#sending = new SnapshotSending(options, discovery);
    const states = [...options.cutLog.streams.values()].filter(({ record }) => record.snapshot === true);
    for (const stream of states.sort((a, b) => a.record.created - b.record.created)) {
      // Of a state of which no cut was written nobody knows.
      if (stream.end === 0) options.cutLog.forget(stream);
      else this.#add(stream.record.firstPath).stream = stream;
    }
  }

  /** Takes its files out of a walk's. */
  takeOut(candidates: readonly Candidate[]): Candidate[] {
    const { clock, isSnapshot } = this.#options;
    const now = clock.monotonic();
    const rest = candidates.filter(({ paths, stat }) => {
      const path = paths.find(isSnapshot);
      if (path === undefined) return true;
      const file = this.#files.get(path) ?? this.#add(path);
      file.foundAt = now;
      if (signatureOf(stat) !== file.done) file.nextPollAt = Math.min(file.nextPollAt, now);
      return false;
    });
    for (const file of this.#files.values()) {
      if (this.#discovery.isHidden(file.path)) file.foundAt = now;
      else if (now - file.foundAt >= goneWaitMs) this.#drop(file);
    }
    return rest;
  }

  /** A file may have changed. */
  wake(path: string): boolean {
    const file = this.#files.get(path);
    if (file === undefined) return false;
    file.nextPollAt = Math.min(
      file.nextPollAt,
      this.#options.clock.monotonic() + this.#options.pollIntervalMs,
    );
    return true;
  }

  /** Monotonic ms: when something is to be looked at; `readableAt`: when there is room for its lane. */
  dueAt(readableAt: (lane: Lane) => number): number {
    const due = [...this.#files.values()].map(({ path, nextPollAt }) =>
      Math.max(nextPollAt, readableAt(this.#options.laneOf(path))),
    );
    return Math.min(Infinity, ...due);
  }

  /** At the end: whether a file waits for its second look, or for room. */
  get isWaiting(): boolean {
    return [...this.#files.values()].some(
      ({ sending, seen, done, complaint }) => sending !== null || (seen !== done && complaint === null),
    );
  }

  /** Bytes that are decided and not acknowledged. */
  get lagBytes(): number {
    return [...this.#files.values()].reduce(
      (sum, { stream }) => sum + (stream ? stream.end - stream.acked : 0),
      0,
    );
  }

  /**
   * Looks at what is due. The cuts are in the cut log, not durable yet, and within the room but for one segment. `atOnce`: no
   * state rests before the next one.
   */
  async poll(gate: Gate, atOnce: boolean): Promise<MadeCut[]> {
    const { clock, laneOf } = this.#options;
    const made: MadeCut[] = [];
    const now = clock.monotonic();
    for (const file of this.#files.values()) {
      if (!atOnce && file.nextPollAt > now) continue;
      const lane = laneOf(file.path);
      const room = gate.room(lane);
      if (room <= 0) continue;
      const cuts = await this.#look(file, room, now, atOnce);
      gate.took(
        lane,
        cuts.reduce((sum, { bytes }) => sum + bytes.length, 0),
      );
      made.push(...cuts);
    }
    return made;
  }

  async close(): Promise<void> {
    for (const { sending } of this.#files.values()) await sending?.file?.close();
  }

  #add(path: string): SnapshotFile {
    const file: SnapshotFile = {
      path,
      seen: '',
      seenSize: Infinity,
      seenSince: 0,
      growsSince: 0,
      done: '',
      stream: null,
      sending: null,
      restUntil: 0,
      nextPollAt: 0,
      complaint: null,
      foundAt: this.#options.clock.monotonic(),
    };
    this.#files.set(path, file);
    return file;
  }

  #drop(file: SnapshotFile): void {
    if (file.sending !== null || (file.stream?.pending.length ?? 0) > 0) return;
    this.#files.delete(file.path);
    for (const state of this.#statesOf(file)) this.#options.cutLog.forget(state);
  }

  /** Does not reject: a file that fails is told once. */
  async #look(file: SnapshotFile, room: number, now: number, atOnce: boolean): Promise<MadeCut[]> {
    const { pollIntervalMs, logger } = this.#options;
    file.nextPollAt = Infinity;
    try {
      const left = this.#takeUp(file);
      if (left.length > 0) return left;
      if (file.sending === null) await this.#decide(file, now, atOnce);
      const made = await this.#send(file, room);
      if (file.sending !== null) file.nextPollAt = now;
      file.complaint = null;
      return made;
    } catch (error) {
      const reason = errorText(error);
      if (file.complaint === null) {
        const hint = 'let the user that runs Caboose read it; it is tried again';
        logger.warn({ path: file.path, reason, hint }, 'cannot be read');
      }
      file.complaint = reason;
      file.nextPollAt = now + 4 * pollIntervalMs;
      return [];
    }
  }

  /** What an earlier process decided and did not see acknowledged: gaps of older states; the latest may be there still. */
  #takeUp(file: SnapshotFile): MadeCut[] {
    const { stream } = file;
    if (stream === null || file.sending !== null || file.done !== '') return [];
    file.done = ' ';
    const gaps: MadeCut[] = [];
    for (const older of this.#statesOf(file))
      if (older !== stream) gaps.push(...older.pending.map((cut) => this.#sending.gap(older, cut)));
    if (stream.pending.length > 0)
      file.sending = { stream, cuts: [...stream.pending], file: null, sum: null };
    return gaps;
  }

  async #decide(file: SnapshotFile, now: number, atOnce: boolean): Promise<void> {
    const { fs, pollIntervalMs } = this.#options;
    this.#forgetOlder(file);
    const stat = await fs.stat(file.path);
    if (stat === null || stat.kind !== 'file' || stat.size === 0) {
      file.seen = file.done;
      return;
    }
    const look = this.#note(file, stat, now);
    if (look === 'changed') file.nextPollAt = now + pollIntervalMs;
    if (look === 'changed' || signatureOf(stat) === file.done) return;
    const standsMs = mayHideChange(stat) && !atOnce ? coarsestTickMs : pollIntervalMs;
    const dueAt = Math.max(file.seenSince + standsMs, atOnce ? 0 : file.restUntil);
    if (look === 'stands' && now < dueAt) file.nextPollAt = dueAt;
    else await this.#take(file, stat, now, { grows: look === 'grows', atOnce });
  }

  /** What a look finds: the file is as it was at the last one, has grown as one that is appended to would, or is another. */
  #note(file: SnapshotFile, stat: FileStat, now: number): 'stands' | 'grows' | 'changed' {
    const signature = signatureOf(stat);
    if (signature === file.seen) return 'stands';
    const isLonger = stat.size > file.seenSize && !file.path.endsWith('.json');
    if (!isLonger) file.growsSince = now;
    Object.assign(file, { seen: signature, seenSize: stat.size, seenSince: now });
    const goesOn = file.stream !== null && stat.size > file.stream.end;
    return goesOn || (isLonger && now - file.growsSince >= growsMinMs) ? 'grows' : 'changed';
  }

  /** Decides what of a file is to be sent that stands still, or of one that is being appended to. */
  async #take(
    file: SnapshotFile,
    stat: FileStat,
    now: number,
    { grows, atOnce }: { grows: boolean; atOnce: boolean },
  ): Promise<void> {
    const { fs, pollIntervalMs } = this.#options;
    file.nextPollAt = now + pollIntervalMs;
    const handle = await fs.open(file.path);
    try {
      if (handle === null || !isStill(await handle.stat(), stat, grows)) return;
      if (!(await this.#discovery.allows(file.path, await handle.realPath()))) {
        file.done = signatureOf(stat);
        return;
      }
      const wholeLines = grows || (now - file.seenSince < unterminatedMaxMs && !atOnce);
      const more = await this.#appended(file, handle, stat, wholeLines);
      if (more === null && grows && now - file.growsSince < growsMinMs) return;
      const plan = more ?? (await this.#rewritten(file, handle, stat, grows));
      if (plan === null || !isStill(await handle.stat(), stat, grows)) return;
      const end = plan === 'same' ? stat.size : (plan.cuts.at(-1)?.end ?? 0);
      // A rest without line end is looked at again.
      file.done = end === stat.size ? signatureOf(stat) : ' ';
      if (plan === 'same' || plan.cuts.length === 0) return;
      file.sending = this.#sending.decide(file.path, file.stream, { stat, plan, goesOn: more !== null });
      file.stream = file.sending.stream;
      if (more === null) file.restUntil = now + Math.max(stateIntervalMs, end / bytesPerMs);
    } finally {
      if (file.sending !== null && file.sending.file === null) file.sending.file = handle;
      else await handle?.close();
    }
  }

  /** Null: the file does not begin with what was sent; then it is another state. */
  async #appended(
    { stream }: SnapshotFile,
    handle: OpenFile,
    { size }: FileStat,
    wholeLines: boolean,
  ): Promise<PlannedCuts | null> {
    if (stream === null || stream.end === 0 || size <= stream.end || stream.sum === undefined) return null;
    const { record, end, anchor, sum } = stream;
    const last = await readAt(handle, end - 1, 1);
    if (last?.[0] !== 0x0a || anchor === null) return null;
    const known = { headBytes: record.headBytes, headHash: record.headHash, end, anchor };
    if (!(await holds(handle, known))) return null;
    const observed = Math.max(this.#options.clock.now(), stream.observed);
    const plan = await planCuts(handle, { start: end, end: size, sum }, { observed, wholeLines });
    // What was planned may be of a state that was written in its place meanwhile.
    return (await holds(handle, known)) ? plan : null;
  }

  async #rewritten(
    { stream }: SnapshotFile,
    handle: OpenFile,
    { size }: FileStat,
    wholeLines: boolean,
  ): Promise<PlannedCuts | 'same' | null> {
    const observed = Math.max(this.#options.clock.now(), stream?.observed ?? 0);
    const range = { start: 0, end: size, sum: 0 };
    const plan = await planCuts(handle, range, { observed, wholeLines });
    const isSame = plan !== null && stream !== null && stream.end === size && stream.sum === plan.sum;
    return isSame ? 'same' : plan;
  }

  async #send(file: SnapshotFile, room: number): Promise<MadeCut[]> {
    const { path, sending } = file;
    if (sending === null) return [];
    const made = await this.#sending.send(path, sending, room);
    if (sending.cuts.length === 0) file.sending = null;
    return made;
  }

  #statesOf({ path }: SnapshotFile): StreamState[] {
    return [...this.#options.cutLog.streams.values()].filter(
      ({ record }) => record.snapshot === true && record.firstPath === path,
    );
  }

  /** Older states are remembered until they are acknowledged. */
  #forgetOlder(file: SnapshotFile): void {
    for (const older of this.#statesOf(file))
      if (older !== file.stream && older.pending.length === 0) this.#options.cutLog.forget(older);
  }
}

/** Nothing was changed since; but for what was appended, if it grows. */
function isStill(now: FileStat, before: FileStat, grows: boolean): boolean {
  return grows ? now.key === before.key && now.size >= before.size : signatureOf(now) === signatureOf(before);
}

function signatureOf({ key, size, mtimeMs }: FileStat): string {
  return `${key} ${size} ${mtimeMs}`;
}
