/**
 * A file that is one JSON document, as it comes: of Hugging Face's trainer_state.json the entries of `log_history` are rows
 * (transformers/trainer_callback.py, TrainerState); any other document is one row, the state as a whole.
 *
 *     document ─ `"log_history": [` ─▶ rows, each closed by its brace ─ `]` ─▶ the rest, passed over
 *        └────── flush ─▶ one row
 *
 * Failure rule: what cannot be parsed is an event without fields. A row over the size of an event is in parts of that size.
 */
import { eventBytesMax } from '../core/event.ts';
import type { LogEvent } from '../core/event.ts';
import type { OpenEvent } from '../core/stream-document.ts';
import { crcOf, partBoundary, sumText } from './event-of.ts';
import type { EventSource } from './event-of.ts';
import { parseJsonLine, readRecordHead } from './json-line.ts';
import { fieldsKey } from './rows.ts';
import type { RowKey, Rows } from './rows.ts';

const historyName = 'log_history';
const quote = 0x22;
const backslash = 0x5c;
const openings: ReadonlySet<number> = new Set([0x7b, 0x5b]);
const closings: ReadonlySet<number> = new Set([0x7d, 0x5d]);
const openBrace = 0x7b;
const openBracket = 0x5b;

/** Plain JSON, kept in the stream document's context. */
export interface JsonState {
  depth: number;
  inString: boolean;
  escaped: boolean;
  /** The last string of the document's own object: the name of what follows. */
  name: string;
  place: 'document' | 'history' | 'rest';
  /** Where the row begins that is open; null between rows. */
  row: number | null;
  /** Parts of it that were cut off. */
  part: number;
  observed: number;
}

export const newJsonState: JsonState = {
  depth: 0,
  inString: false,
  escaped: false,
  name: '',
  place: 'document',
  row: null,
  part: 0,
  observed: 0,
};

export class JsonDocument {
  readonly closed: LogEvent[] = [];
  readonly #source: EventSource;
  readonly #rows: Rows;
  readonly #state: JsonState;
  /** What is held: from the start of the open row, or the part of it, on. */
  #bytes: Buffer;
  #end: number;

  constructor(source: EventSource, rows: Rows, state: JsonState, open: OpenEvent | null, end: number) {
    this.#source = source;
    this.#rows = rows;
    this.#state = { ...state };
    this.#bytes = open?.bytes ?? Buffer.alloc(0);
    this.#end = end;
  }

  feed(bytes: Buffer, observed: number): void {
    const state = this.#state;
    if (state.place === 'document' && state.row === null) this.#begin(this.#end, observed);
    const base = this.#end - this.#bytes.length;
    const from = this.#bytes.length;
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    this.#end += bytes.length;
    let held = base;
    for (let at = from; at < this.#bytes.length; at += 1) {
      const change = step(state, this.#bytes[at] ?? 0);
      const offset = base + at;
      if (change === 'row-begins') {
        this.#begin(offset, observed);
        held = offset;
      } else if (change === 'row-ends') {
        this.#close(this.#bytes.subarray(held - base, at + 1), held);
        held = offset + 1;
      } else if (state.row !== null && offset + 1 - held > eventBytesMax) {
        const length = partBoundary(this.#bytes.subarray(held - base, at + 1), held, held);
        this.#emit(this.#bytes.subarray(held - base, held - base + length), held, null);
        state.part += 1;
        held += length;
      }
    }
    // Between rows nothing need be held.
    this.#bytes = Buffer.from(this.#bytes.subarray(state.row === null ? this.#bytes.length : held - base));
  }

  /** The document ends here, whole or not. */
  flush(): void {
    const state = this.#state;
    if (state.row !== null) this.#close(this.#bytes, this.#end - this.#bytes.length);
    Object.assign(state, newJsonState, { place: 'rest' });
    this.#bytes = Buffer.alloc(0);
  }

  skipTo(offset: number): void {
    this.#end = offset;
  }

  save(): { state: JsonState; open: OpenEvent | null } {
    const state = { ...this.#state };
    if (this.#bytes.length === 0) return { state, open: null };
    const start = this.#end - this.#bytes.length;
    const { part, observed } = state;
    const eventStart = state.row ?? start;
    const open = {
      eventStart,
      part,
      partStart: start,
      observed,
      bytesStart: start,
      bytes: this.#bytes,
      sumBefore: 0,
    };
    return { state, open };
  }

  #begin(offset: number, observed: number): void {
    Object.assign(this.#state, { row: offset, part: 0, observed });
  }

  #close(bytes: Buffer, start: number): void {
    const state = this.#state;
    const text = bytes.toString('utf8');
    if (text.trim() !== '' || state.part > 0) {
      const fields = state.part === 0 ? parseJsonLine(text) : null;
      this.#emit(bytes, start, fields);
    }
    state.row = null;
  }

  #emit(bytes: Buffer, from: number, fields: Record<string, unknown> | null): void {
    const { part, observed, place } = this.#state;
    const { stream, origin, offset } = this.#source;
    const lead = part === 0 ? bytes.length - bytes.toString('latin1').trimStart().length : 0;
    const text = bytes.toString('latin1').trimEnd();
    const shown = bytes.subarray(lead, Math.max(lead, text.length));
    const head = fields === null ? null : readRecordHead(fields, offset);
    const event: LogEvent = {
      id: '',
      stream,
      origin,
      start: from + lead,
      end: from + lead + shown.length,
      part,
      time: head?.time ?? observed,
      timeSource: head?.time == null ? 'observed' : 'event',
      observed,
      level: head?.level ?? null,
      kind: fields === null ? 'line' : 'record',
      message: shown.toString('utf8').replaceAll(/\s*[\r\n]\s*/g, ' '),
      rank: head?.rank ?? origin.rank,
      sum: sumText(crcOf(shown, 0)),
      open: false,
    };
    if (fields !== null) event.fields = fields;
    if (head?.logger != null) event.logger = head.logger;
    const content = fields === null ? shown.toString('latin1') : fieldsKey(fields);
    const key: RowKey =
      place === 'document' ? { kind: 'state', text: 'document' } : { kind: 'content', text: content };
    this.closed.push(this.#rows.take(event, key));
  }
}

/** Takes a byte of the document in; says when a row of the history begins or ends with it. */
function step(state: JsonState, byte: number): 'row-begins' | 'row-ends' | null {
  if (state.inString) {
    takeInString(state, byte);
    return null;
  }
  if (byte === quote) {
    state.inString = true;
    if (state.depth === 1) state.name = '';
    return null;
  }
  if (openings.has(byte)) {
    const isHistory = byte === openBracket && state.depth === 1 && state.name === historyName;
    const isRow = byte === openBrace && state.depth === 2 && state.place === 'history';
    state.depth += 1;
    if (isHistory && state.place === 'document') Object.assign(state, { place: 'history', row: null });
    return isRow ? 'row-begins' : null;
  }
  if (!closings.has(byte)) return null;
  state.depth = Math.max(0, state.depth - 1);
  if (state.place !== 'history') return null;
  if (state.depth === 1) state.place = 'rest';
  return state.depth === 2 && state.row !== null ? 'row-ends' : null;
}

function takeInString(state: JsonState, byte: number): void {
  if (state.escaped) state.escaped = false;
  else if (byte === backslash) state.escaped = true;
  else if (byte === quote) state.inString = false;
  else if (state.depth === 1 && state.name.length <= historyName.length)
    state.name += String.fromCharCode(byte);
}
