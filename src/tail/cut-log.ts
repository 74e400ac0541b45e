import { crc32 } from 'node:zlib';
import { CabooseError, errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { CutState, placeOf } from './cut-state.ts';
import type { Cut, Entry, Spooled, StreamRecord, StreamState } from './cut-state.ts';
import type { AppendFile, JournalStore } from './journal-store.ts';

/**
 * The cut log: the agent's only durable state, a journal of what was decided. `commit` makes decisions durable before
 * anything is published; acks need no fsync (a lost one means that a segment is sent again, which changes nothing).
 *
 * A file `cuts-<n>.log` is a snapshot followed by what came after it, one entry a line: crc32 (8 hex), a space, JSON. It is
 * replaced by `cuts-<n+1>.log` at each start and when it has grown; the one before is kept as a copy.
 *
 * Failure rule: a torn tail is what a crash leaves and is cut off. Damage elsewhere is told; the entries around it are
 * used, over those of the copy before. A state that cannot be used at all is set aside and told: then files are read again
 * under the same ids. When the disk is full the agent ships on, at least once, and says so.
 */
export interface CutLogOptions {
  store: JournalStore;
  /** `source.id`: a log of another source is not used. */
  source: string;
  logger: Logger;
  /** The journal is rewritten when it has grown by this many bytes over its snapshot. */
  growthBytesMax?: number;
}

const growthBytesDefault = 4 * 1024 * 1024;

export class CutLog {
  readonly #options: CutLogOptions;
  readonly #state: CutState;
  #sequence: number;
  #file: AppendFile | null = null;
  #buffered: string[] = [];
  #grownBytes = 0;
  #snapshotBytes = 0;
  #committing: Promise<void> = Promise.resolve();
  #failure: string | null = null;
  #tornTail = false;

  private constructor(options: CutLogOptions, state: CutState, sequence: number) {
    this.#options = options;
    this.#state = state;
    this.#sequence = sequence;
  }

  /** Reads what is there and starts a new journal from it. */
  static async open(options: CutLogOptions): Promise<CutLog> {
    const { state, sequence } = await loadState(options);
    const log = new CutLog(options, state, sequence);
    await log.#startJournal();
    return log;
  }

  get streams(): ReadonlyMap<string, StreamState> {
    return this.#state.streams;
  }

  /** The user's patterns of each version of the rules of redaction by which something was cut. */
  get patterns(): ReadonlyMap<string, readonly string[]> {
    return this.#state.patterns;
  }

  keepPatterns(version: string, patterns: readonly string[]): void {
    const known = [...this.#state.patterns.keys()].at(-1);
    if (known !== version) this.#add({ t: 'patterns', version, patterns });
  }

  nextGeneration(base: string): number {
    return this.#state.nextGeneration(base);
  }

  /** Null while decisions are durable; else why they are not (the disk is full …). */
  get failure(): string | null {
    return this.#failure;
  }

  register(record: StreamRecord, observed: number): StreamState {
    const state: StreamState = {
      record,
      end: 0,
      anchor: null,
      acked: 0,
      observed,
      pending: [],
      final: false,
    };
    return this.restore(state);
  }

  cut(state: StreamState, cut: Cut): void {
    this.#add({ t: 'cut', s: state.record.id, cut });
  }

  ack(state: StreamState, cut: Cut): void {
    this.#add({ t: 'ack', s: state.record.id, end: cut.end, final: cut.final });
  }

  setPartition(state: StreamState, partition: number): void {
    this.#add({ t: 'partition', s: state.record.id, partition });
  }

  setPlace(state: StreamState, file: Parameters<typeof placeOf>[0]): void {
    this.#add({ t: 'place', s: state.record.id, ...placeOf(file) });
  }

  /** What the spool holds of it from now on; null: nothing. */
  setSpool(state: StreamState, spool: Spooled | null): void {
    this.#add({ t: 'spool', s: state.record.id, spool });
  }

  /** A stream whose entries were lost, as another durable place remembers it. */
  restore(state: StreamState): StreamState {
    this.#add({ t: 'stream', ...state });
    const kept = this.#state.streams.get(state.record.id);
    if (!kept) throw new Error(`stream ${state.record.id} was not restored`);
    return kept;
  }

  forget(state: StreamState): void {
    this.#add({ t: 'forget', s: state.record.id });
  }

  /**
   * Resolves when everything decided so far survives a crash; calls that come together share one fsync. Does not reject:
   * a journal that cannot be written is told once and shows in `failure`.
   */
  async commit(): Promise<void> {
    this.#committing = this.#committing.then(() => this.#write(true));
    await this.#committing;
  }

  /** Writes what is buffered without an fsync: for acks. */
  async flush(): Promise<void> {
    this.#committing = this.#committing.then(() => this.#write(false));
    await this.#committing;
  }

  async close(): Promise<void> {
    await this.commit();
    await this.#file?.close();
    this.#file = null;
  }

  #add(entry: Entry): void {
    this.#state.apply(entry);
    this.#buffered.push(lineOf(entry));
  }

  async #write(durable: boolean): Promise<void> {
    if (this.#buffered.length === 0) return;
    if (!this.#file) {
      // None could be started yet. One that begins now has everything that is buffered in its snapshot.
      this.#buffered = [];
      return await this.#startJournal();
    }
    const lines = this.#buffered;
    this.#buffered = [];
    // After a failed write a torn line may end the file: a line end first keeps it from spoiling the next one.
    const bytes = Buffer.from((this.#tornTail ? '\n' : '') + lines.join(''));
    try {
      await this.#file.write(bytes);
      if (durable) await this.#file.sync();
      this.#tornTail = false;
      this.#grownBytes += bytes.length;
      if (this.#grownBytes > this.#growthLimit() || this.#failure !== null) await this.#startJournal();
    } catch (error) {
      this.#tornTail = true;
      // The entries are in the state in memory: the next journal begins with all of it.
      this.#fail(error);
    }
  }

  #growthLimit(): number {
    return Math.max(this.#options.growthBytesMax ?? growthBytesDefault, 4 * this.#snapshotBytes);
  }

  async #startJournal(): Promise<void> {
    const { store, source } = this.#options;
    const next = this.#sequence + 1;
    const head: Entry = { t: 'log', v: 1, source };
    const content = Buffer.from([head, ...this.#state.snapshot()].map(lineOf).join(''));
    try {
      await store.replace(nameOf(next), content);
      const file = await store.append(nameOf(next), content.length);
      await this.#file?.close();
      this.#file = file;
      this.#sequence = next;
      this.#snapshotBytes = content.length;
      this.#grownBytes = 0;
      this.#tornTail = false;
      this.#recovered();
      await store.remove(nameOf(next - 2));
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const reason = errorText(error);
    if (this.#failure === null) {
      this.#options.logger.error(
        {
          reason,
          hint: 'make room in, or mend, the state directory; until then a restart may send bytes again',
        },
        'the cut log cannot be written: shipping goes on, at least once',
      );
    }
    this.#failure = reason;
  }

  #recovered(): void {
    if (this.#failure === null) return;
    this.#failure = null;
    this.#options.logger.info({}, 'the cut log can be written again: exactly once holds');
  }
}

function nameOf(sequence: number): string {
  return `cuts-${String(sequence).padStart(8, '0')}.log`;
}

function lineOf(entry: Entry): string {
  const json = JSON.stringify(entry);
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
}

/** The state as it stands on disk, without touching it: for audit, also while an agent runs. */
export async function readCutState(
  options: Pick<CutLogOptions, 'store' | 'source' | 'logger'>,
): Promise<CutState> {
  const readOnly = { ...options.store, rename: async () => undefined };
  return (await loadState({ ...options, store: readOnly })).state;
}

interface Loaded {
  entries: Entry[];
  /** Lines that are damaged, the last one aside when it is merely torn. */
  damagedLines: number;
  /** Why the file cannot be used at all. */
  unusable: string | null;
}

async function loadState(options: CutLogOptions): Promise<{ state: CutState; sequence: number }> {
  const { logger } = options;
  const names = (await options.store.names()).filter((name) => /^cuts-\d{8}\.log$/.test(name)).sort();
  const state = new CutState();
  const sequence = Number(names.at(-1)?.slice(5, 13) ?? 0);
  const hint = 'nothing to do: what is missing is read again under the same ids; look for a failing disk';
  const usable: Loaded[] = [];
  for (const name of names.toReversed()) {
    const loaded = await loadFile(options, name);
    if (loaded.unusable === null) {
      usable.unshift(loaded);
      if (loaded.damagedLines === 0) break;
      logger.warn(
        { file: name, damagedLines: loaded.damagedLines, hint },
        'the cut log is damaged: using what is whole',
      );
    } else {
      await options.store.rename(name, `${name}.unusable`);
      logger.error({ file: name, reason: loaded.unusable, hint }, 'the cut log cannot be used: set aside');
    }
  }
  for (const { entries } of usable) for (const entry of entries) state.apply(entry);
  return { state, sequence };
}

async function loadFile(options: CutLogOptions, name: string): Promise<Loaded> {
  let content: Buffer;
  try {
    content = await options.store.read(name);
  } catch (error) {
    return { entries: [], damagedLines: 0, unusable: errorText(error) };
  }
  const lines = content.toString('utf8').split('\n');
  const tail = lines.pop() ?? '';
  const entries: Entry[] = [];
  let damagedLines = 0;
  for (const [index, line] of lines.entries()) {
    if (line === '') continue;
    const entry = parseLine(line);
    if (entry === null) damagedLines += 1;
    else entries.push(entry);
    if (index === 0 && entry !== null) {
      const unusable = whyUnusable(entry, options.source);
      if (unusable !== null) return { entries: [], damagedLines, unusable };
    }
  }
  if (entries.length === 0)
    return { entries, damagedLines, unusable: tail === '' ? 'it is empty' : 'no line of it is whole' };
  return { entries, damagedLines, unusable: null };
}

function whyUnusable(head: Entry, source: string): string | null {
  if (head.t !== 'log') return null;
  if ((head.v as number) !== 1) return `it was written by a newer Caboose (version ${String(head.v)})`;
  return head.source === source ? null : `it belongs to the source ${head.source}, not to ${source}`;
}

function parseLine(line: string): Entry | null {
  const json = line.slice(9);
  if (line[8] !== ' ' || crc32(json).toString(16).padStart(8, '0') !== line.slice(0, 8)) return null;
  try {
    return JSON.parse(json) as Entry;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Thrown where a state directory can be neither read nor made. */
export function stateDirectoryError(dir: string, error: unknown): CabooseError {
  return new CabooseError(
    'STATE_DIRECTORY',
    `the state directory ${dir} cannot be used: ${errorText(error)}`,
    {
      cause: error,
      hint: 'set state.dir to a directory that this user may write, on a disk that outlives a restart',
    },
  );
}
