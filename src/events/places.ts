/**
 * Where the text of a wrapped stream stands in its raw bytes. Containers and encodings other than UTF-8 are unwrapped into text
 * before they are cut into events; an event's bounds are then offsets of the text, and this says which raw bytes they are.
 *
 * An event that begins or ends with a record has all of that record, its wrapping included; bounds inside a record are
 * exact to the byte. Only the records that may still be asked for are remembered: see `forget`.
 */

/** So many bytes of text stand in so many raw bytes, over and over. */
export interface Run {
  text: number;
  raw: number;
  /** Bytes of text, and the raw bytes, of one unit: 1 and 1 for what stands as it is, 1 and 2 for an escaped `\n`. */
  unit: readonly [text: number, raw: number];
}

/** Plain JSON. Offsets of the text, and of the raw bytes in the stream. */
interface Piece {
  text: number;
  /** Behind leading blanks; behind the text without its line end; behind all. */
  shown: number;
  textEnd: number;
  end: number;
  raw: number;
  rawEnd: number;
  time: number | null;
  runs: readonly Run[];
}

interface Start {
  text: number;
  raw: number;
  time: number | null;
}

export interface PlacesState {
  end: number;
  pieces: Piece[];
  /** Starts of the open event and of its part. */
  starts: Start[];
}

/** More runs of one record are not told apart: bounds in the rest of it are then near, not exact. */
export const runsMax = 4096;

export function newPlaces(): PlacesState {
  return { end: 0, pieces: [], starts: [] };
}

export class Places {
  readonly #state: PlacesState;

  constructor(state: PlacesState) {
    this.#state = state;
  }

  /** A record's text follows. `runs` are relative to the text's and the record's start, in order. */
  add(
    text: Buffer,
    record: { raw: number; rawEnd: number; time: number | null; runs: readonly Run[] },
  ): void {
    const state = this.#state;
    let shown = 0;
    while (shown < text.length && (text[shown] ?? 0) <= 32) shown += 1;
    let textEnd = text.length;
    while (textEnd > 0 && isLineEnd(text[textEnd - 1])) textEnd -= 1;
    const at = state.end;
    state.end = at + text.length;
    const { raw, rawEnd, time } = record;
    const runs = record.runs.map(({ text: inText, raw: inRaw, unit }) => ({
      text: at + inText,
      raw: raw + inRaw,
      unit,
    }));
    state.pieces.push({
      text: at,
      shown: at + shown,
      textEnd: at + textEnd,
      end: state.end,
      raw,
      rawEnd,
      time,
      runs,
    });
  }

  /** The raw offset at which an event begins whose text begins there. */
  start(offset: number): number {
    return this.#startOf(offset).raw;
  }

  /** The raw offset at which an event ends whose text ends there. */
  end(offset: number): number {
    const piece = this.#state.pieces.findLast(({ text }) => text < offset);
    if (piece === undefined) return this.start(offset);
    return offset >= piece.textEnd ? piece.rawEnd : inside(piece, offset);
  }

  /** The time of the record in which an event begins; ms since epoch. */
  time(offset: number): number | null {
    return this.#startOf(offset).time;
  }

  /** Forgets what nobody will ask for: all before `from`, but for these starts. */
  forget(starts: readonly number[], from: number): void {
    const state = this.#state;
    state.starts = starts.map((text) => ({ ...this.#startOf(text), text }));
    const first = state.pieces.findIndex(({ end }) => end > from);
    state.pieces = first < 0 ? state.pieces.slice(-1) : state.pieces.slice(first);
  }

  #startOf(offset: number): Start {
    const { pieces, starts } = this.#state;
    const known = starts.find(({ text }) => text === offset);
    if (known !== undefined) return known;
    const piece = pieces.findLast(({ text }) => text <= offset);
    if (piece === undefined) return { text: offset, raw: pieces[0]?.raw ?? offset, time: null };
    const raw = offset <= piece.shown ? piece.raw : inside(piece, offset);
    return { text: offset, raw, time: piece.time };
  }
}

function inside(piece: Piece, offset: number): number {
  const run = piece.runs.findLast(({ text }) => text <= offset);
  if (run === undefined) return piece.raw;
  const [text, raw] = run.unit;
  return Math.min(piece.rawEnd, Math.floor(run.raw + Math.floor((offset - run.text) / text) * raw));
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === 10 || byte === 13;
}

/** Collects the runs of one record. */
export class RunList {
  readonly runs: Run[] = [];
  #text = 0;
  #raw: number;

  constructor(rawStart: number) {
    this.#raw = rawStart;
  }

  /** `count` units follow, each of so many bytes. */
  add(count: number, textBytes: number, rawBytes: number): void {
    const last = this.runs.at(-1)?.unit;
    if (count > 0 && (last?.[0] !== textBytes || last[1] !== rawBytes) && this.runs.length < runsMax)
      this.runs.push({ text: this.#text, raw: this.#raw, unit: [textBytes, rawBytes] });
    this.#text += count * textBytes;
    this.#raw += count * rawBytes;
  }
}
