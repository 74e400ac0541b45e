import type { GapReason, Lane } from '../core/segment.ts';
import type { CompressedPlace } from './decompressed-file.ts';

/** A stream as the agent's state knows it. */
export interface StreamRecord {
  id: string;
  /** The id that generation 0 of the same file and head would have. */
  base: string;
  generation: number;
  /** Where it was last seen; the origin's path is `firstPath`. */
  path: string;
  firstPath: string;
  dev: string;
  ino: string;
  /** Birth time of the file there, ms since epoch; absent: not known, or what is there is a compressed file. */
  born?: number | null;
  /** Set: what has its bytes is a compressed file. */
  compressed?: CompressedPlace | null;
  headBytes: number;
  headHash: string;
  created: number;
  previous: string | null;
  lane: Lane;
  /** Of its topic, decided when it begins; absent in one that began before there were several. */
  topicPrefix?: string;
  /** Decided when the transport is first reached. */
  partition: number | null;
  run: string;
  attempt: number;
  rank: number | null;
  labels: Readonly<Record<string, string>>;
  /** It is one state of a file that is written anew as a whole. */
  snapshot?: true;
}

/** Where a stream's file is. */
export type Place = Pick<StreamRecord, 'path' | 'dev' | 'ino' | 'born' | 'compressed'>;

/** The durable decision that [start, end) is one segment, observed at `observed` (ms since epoch). */
export interface Cut {
  start: number;
  end: number;
  observed: number;
  /** Hash of the up to 4 KiB before `end`; null behind a gap. */
  anchor: string | null;
  gap: GapReason | null;
  final: boolean;
  /** Of a snapshot: crc32 of all bytes up to `end`. */
  sum?: number;
  /** Where its secrets are masked, and by which rules (core/redaction); absent: nowhere. */
  redact?: string;
}

/** How far a stream has come: `acked` ≤ `end`; the cuts between are `pending`, in order. */
export interface StreamState {
  record: StreamRecord;
  end: number;
  anchor: string | null;
  acked: number;
  observed: number;
  pending: Cut[];
  /** Of a snapshot: crc32 of all bytes up to `end`. */
  sum?: number;
  /** A final marker is the last cut, or was acknowledged; bytes that follow all the same take it back. */
  final: boolean;
  /** What the spool holds of it; absent while its file is there. */
  spool?: Spooled | null;
}

/** The file vanished: up to `end` its bytes are in the spool, and it was `size` long; what lies between did not fit. */
export interface Spooled {
  end: number;
  size: number;
}

/** A cut with the raw bytes that it stands for; none for a gap or a marker. */
export interface MadeCut {
  state: StreamState;
  cut: Cut;
  bytes: Buffer;
  /** Up to 4 KiB before them, where a secret may have begun. Absent: none. */
  before?: Buffer;
}

/** One line of the cut log. A snapshot is a list of the same entries. */
export type Entry =
  | { t: 'log'; v: 1; source: string }
  /** A stream, as it stands. */
  | ({ t: 'stream' } & StreamState)
  | { t: 'cut'; s: string; cut: Cut }
  | { t: 'ack'; s: string; end: number; final: boolean }
  | { t: 'partition'; s: string; partition: number }
  | { t: 'spool'; s: string; spool: Spooled | null }
  /** The file was renamed, copied or compressed: it is there now. */
  | ({ t: 'place'; s: string } & Place)
  /** Nothing of it is left; its generation is not to be used again. */
  | { t: 'forget'; s: string }
  | { t: 'generations'; base: string; next: number }
  /** The user's patterns that a version of the rules of redaction has. */
  | { t: 'patterns'; version: string; patterns: readonly string[] };

/** `birthtimeMs`: 0 if it is not known. */
export function placeOf(file: Omit<Place, 'born'> & { birthtimeMs: number }): Place {
  const { path, dev, ino, birthtimeMs, compressed } = file;
  const place = { path, dev, ino };
  if (compressed) return { ...place, compressed };
  return birthtimeMs > 0 ? { ...place, born: birthtimeMs } : place;
}

/** How many bases' generation counters are kept; the oldest is dropped first. */
export const generationsMax = 100_000;
/** How many sets of patterns are kept: an audit needs those by which records of the transport were masked. */
export const patternSetsMax = 32;

/** The state that the entries of a cut log add up to. Entries are absolute: a lost one in the middle harms its stream only. */
export class CutState {
  /** In the order in which they got their places: of two with the same inode, the later one has it. */
  readonly streams = new Map<string, StreamState>();
  /** By the version that they are part of. */
  readonly patterns = new Map<string, readonly string[]>();
  readonly #generations = new Map<string, number>();

  /** Entries of streams that are not known are ignored. */
  apply(entry: Entry): void {
    switch (entry.t) {
      case 'log':
        return;
      case 'stream': {
        const { t: _, ...state } = entry;
        this.streams.set(state.record.id, { ...state, pending: [...state.pending] });
        this.#raiseGeneration(state.record.base, state.record.generation + 1);
        return;
      }
      case 'generations':
        this.#raiseGeneration(entry.base, entry.next);
        return;
      case 'patterns':
        this.#keepPatterns(entry.version, entry.patterns);
        return;
      case 'forget':
        this.streams.delete(entry.s);
        return;
      default: {
        const state = this.streams.get(entry.s);
        if (!state) return;
        applyToStream(state, entry);
        if (entry.t !== 'place') return;
        this.streams.delete(entry.s);
        this.streams.set(entry.s, state);
      }
    }
  }

  /** The first generation that no known or forgotten stream of this base has. */
  nextGeneration(base: string): number {
    return this.#generations.get(base) ?? 0;
  }

  /** All of it as entries, streams first. */
  *snapshot(): Generator<Entry> {
    for (const state of this.streams.values()) yield { t: 'stream', ...state };
    for (const [base, next] of this.#generations) yield { t: 'generations', base, next };
    for (const [version, patterns] of this.patterns) yield { t: 'patterns', version, patterns };
  }

  #keepPatterns(version: string, patterns: readonly string[]): void {
    this.patterns.delete(version);
    this.patterns.set(version, patterns);
    const [oldest] = this.patterns.keys();
    if (this.patterns.size > patternSetsMax && oldest !== undefined) this.patterns.delete(oldest);
  }

  #raiseGeneration(base: string, next: number): void {
    const known = this.#generations.get(base) ?? 0;
    this.#generations.delete(base);
    this.#generations.set(base, Math.max(known, next));
    if (this.#generations.size > generationsMax) {
      const [oldest] = this.#generations.keys();
      if (oldest !== undefined) this.#generations.delete(oldest);
    }
  }
}

function applyToStream(
  state: StreamState,
  entry: Exclude<Entry, { t: 'log' | 'stream' | 'forget' | 'generations' | 'patterns' }>,
): void {
  switch (entry.t) {
    case 'cut': {
      const { cut } = entry;
      // A cut whose entry was damaged leaves a hole before this one: its bytes are cut again, as one.
      if (cut.start > state.end) {
        state.pending.push({
          start: state.end,
          end: cut.start,
          observed: state.observed,
          anchor: null,
          gap: null,
          final: false,
          ...(cut.redact !== undefined && { redact: cut.redact }),
        });
      }
      state.pending.push(cut);
      state.end = cut.end;
      state.anchor = cut.anchor;
      if (cut.sum !== undefined) state.sum = cut.sum;
      state.observed = Math.max(state.observed, cut.observed);
      state.final = cut.final;
      return;
    }
    case 'ack': {
      const done = (cut: Cut) =>
        cut.end < entry.end || (cut.end === entry.end && (!cut.final || entry.final));
      state.pending = state.pending.filter((cut) => !done(cut));
      state.acked = Math.max(state.acked, entry.end);
      return;
    }
    case 'partition':
      state.record = { ...state.record, partition: entry.partition };
      return;
    case 'spool':
      state.spool = entry.spool;
      return;
    case 'place': {
      const { path, dev, ino, born = null, compressed = null } = entry;
      state.record = { ...state.record, path, dev, ino, born, compressed };
    }
  }
}
