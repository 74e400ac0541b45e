/**
 * Cuts a stream's bytes into events. Works on atoms, the bytes up to and including one `\r` or `\n`, and remembers
 * everything that it needs in a plain JSON state and the open event's bytes, so that the events are the same whatever
 * the segmentation of the bytes.
 *
 *     no event ─ nonblank atom ─▶ open ─ an atom that belongs to it ─▶ open
 *                                   └── an atom that starts another, flush(), a blank line (lines, bars) ─▶ closed
 *
 * An atom that ends in `\r` may be drawn over by the next one of the same line; then the last one counts. An atom longer
 * than an event may be is `long`: its kind is decided on its first bytes, and it is cut into parts as it comes.
 *
 * Failure rule: none; every sequence of bytes has its events. Time is linear in the bytes, memory is bounded by two events
 * and the segment.
 */
import { eventBytesMax } from '../core/event.ts';
import type { LogEvent } from '../core/event.ts';
import type { OpenEvent } from '../core/stream-document.ts';
import { isHeader, splitRow, rowFields } from './csv-row.ts';
import { crcOf, decode, makeEvent, partBoundary } from './event-of.ts';
import type { EventState, EventSource } from './event-of.ts';
import { isBlank, progressBarEnd, stripAnsi, withoutUnfinishedCode } from './frame.ts';
import { joins, nextHabit, startGroup } from './grouping.ts';
import type { Group, Line } from './grouping.ts';
import { parseJsonLine, readRecordHead } from './json-line.ts';
import { readHead, readRankPrefix } from './line-head.ts';

const newline = 10;
const carriageReturn = 13;
/** So much of a line is looked at to tell its kind. */
const headBytes = 4096;
const marksMax = 64;

/** Plain JSON, kept in the stream document's context. */
export interface CutState {
  /** Start of the atom that has no end yet; in a long one, of what is not taken into its event yet. */
  atom: number;
  long: boolean;
  /** The line has shown something and has no `\n` yet. */
  frameOpen: boolean;
  /** Records with a time in a row: see grouping. */
  habit: number;
  /** Which `observed` the bytes from an offset on have; the first one is at or before `atom`. */
  marks: [offset: number, observed: number][];
  /** The header of a CSV file; false: none to be expected; null: the first line decides. */
  csv: string[] | false | null;
  /** The open row of a CSV file has an open quote. */
  quoteOpen: boolean;
  /** The pending bytes have not been looked at: see hold(). */
  unseen: boolean;
  event: Pick<EventState, 'end' | 'group' | 'redrawn' | 'time' | 'logger'> | null;
}

export function newCutState(start: number, csvExpected: boolean): CutState {
  return {
    atom: start,
    long: false,
    frameOpen: false,
    habit: 0,
    marks: [],
    csv: csvExpected ? null : false,
    quoteOpen: false,
    unseen: false,
    event: null,
  };
}

export class EventCutter {
  readonly closed: LogEvent[] = [];
  readonly #source: EventSource;
  #state: CutState;
  #event: EventState | null;
  /** The bytes that are held, and the offset of the first and behind the last. */
  #bytes: Buffer;
  #base: number;
  #end: number;

  /** `end` is the end of what was taken in so far; the open event's bytes reach up to it. */
  constructor(source: EventSource, state: CutState, open: OpenEvent | null, end: number) {
    this.#source = source;
    this.#state = structuredClone(state);
    this.#bytes = open?.bytes ?? Buffer.alloc(0);
    this.#end = end;
    this.#base = end - this.#bytes.length;
    const kept = this.#state.event;
    if (open !== null && kept !== null) {
      const { bytes: _, ...bounds } = open;
      this.#event = { ...bounds, ...kept };
    } else this.#event = null;
  }

  /** Takes in the bytes that follow those held. */
  feed(bytes: Buffer, observed: number): void {
    if (bytes.length === 0) return;
    const scanFrom = this.#state.unseen ? this.#state.atom : this.#end;
    this.hold(bytes, observed);
    this.#scan(scanFrom);
  }

  /** Keeps the bytes without looking at them yet: while it is open whether the stream is text. */
  hold(bytes: Buffer, observed: number): void {
    this.#mark(observed);
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    this.#end += bytes.length;
    this.#state.unseen = true;
  }

  /** No more bytes belong to what is open: closes it. */
  flush(): void {
    const state = this.#state;
    if (state.unseen) this.#scan(state.atom);
    if (!state.long && state.atom < this.#end) this.#takeAtom(state.atom, this.#end, 0);
    this.#close(null);
    Object.assign(state, { atom: this.#end, long: false, frameOpen: false, quoteOpen: false, marks: [] });
  }

  /** Leaves a range out: the next bytes are those at `offset`. Flush first. */
  skipTo(offset: number): void {
    this.#bytes = Buffer.alloc(0);
    this.#base = this.#end = this.#state.atom = offset;
    this.#state.unseen = false;
  }

  /** Today's view of what is open. Never shows bytes that may turn out to be another event's. */
  view(): LogEvent | null {
    if (this.#event !== null)
      return makeEvent(this.#source, this.#event, this.#held(), this.#event.end, true);
    const { atom, csv, unseen } = this.#state;
    if (atom >= this.#end || unseen || csv === null) return null;
    if (isBlank(stripAnsi(withoutUnfinishedCode(this.#text(atom, this.#end))))) return null;
    const peek = new EventCutter(this.#source, this.#state, this.save().open, this.#end);
    return peek.#firstPending();
  }

  /** What has to be kept until the next bytes come. */
  save(): { state: CutState; open: OpenEvent | null } {
    const event = this.#event;
    const state = structuredClone(this.#state);
    if (event === null) {
      state.event = null;
      if (state.atom >= this.#end) return { state, open: null };
      const start = state.atom;
      const bytes = Buffer.from(this.#bytes.subarray(start - this.#base));
      const observed = this.#observedAt(start);
      const open = {
        eventStart: start,
        part: 0,
        partStart: start,
        observed,
        bytesStart: start,
        bytes,
        sumBefore: 0,
      };
      return { state, open };
    }
    const { eventStart, part, partStart, observed, bytesStart, sumBefore, ...rest } = event;
    state.event = {
      end: rest.end,
      group: rest.group,
      redrawn: rest.redrawn,
      time: rest.time,
      logger: rest.logger,
    };
    const bytes = Buffer.from(this.#bytes.subarray(bytesStart - this.#base));
    return { state, open: { eventStart, part, partStart, observed, bytesStart, bytes, sumBefore } };
  }

  #scan(scanFrom: number): void {
    const bytes = this.#bytes;
    const state = this.#state;
    state.unseen = false;
    let scan = scanFrom - this.#base;
    let lineEnd = -2;
    let frameEnd = -2;
    for (;;) {
      if (lineEnd !== -1 && lineEnd < scan) lineEnd = bytes.indexOf(newline, scan);
      if (frameEnd !== -1 && frameEnd < scan) frameEnd = bytes.indexOf(carriageReturn, scan);
      const stop = lineEnd === -1 ? frameEnd : frameEnd === -1 ? lineEnd : Math.min(lineEnd, frameEnd);
      const end = stop === -1 ? this.#end : this.#base + stop;
      if (state.long) {
        this.#extend(end);
        state.atom = end;
        if (stop === -1) return;
        state.long = false;
        this.#endAtom(bytes[stop] ?? 0);
      } else if (end - state.atom > eventBytesMax) {
        this.#startLong();
        continue;
      } else if (stop === -1) {
        return;
      } else {
        this.#takeAtom(state.atom, end, bytes[stop] ?? 0);
      }
      scan = stop + 1;
      state.atom = this.#base + scan;
    }
  }

  #startLong(): void {
    const state = this.#state;
    const end = state.atom + eventBytesMax;
    const start = this.#skipNul(state.atom, end);
    const head = this.#text(start, Math.min(end, start + headBytes));
    if (isBlank(stripAnsi(head)) && isBlank(this.#text(start, end))) {
      this.#blankUpTo(end);
    } else {
      if (this.#event !== null && state.frameOpen) this.#close(null);
      this.#takeLine(start, end, stripAnsi(head));
      state.frameOpen = true;
      state.long = true;
    }
    state.atom = end;
  }

  /** `terminator` is `\r`, `\n`, or 0 where the stream was flushed. */
  #takeAtom(start: number, end: number, terminator: number): void {
    const state = this.#state;
    if (start === end) {
      if (terminator === newline) this.#endLine(end);
      return;
    }
    const raw = this.#text(start, end);
    const shown = stripAnsi(raw);
    if (isBlank(shown)) {
      this.#blankUpTo(end);
      if (terminator === newline) this.#endLine(end);
      return;
    }
    if (state.csv !== false && this.#takeRow(start, end, raw, shown)) return;
    this.#takeFrame(this.#skipNul(start, end), end, raw, shown);
    this.#endAtom(terminator);
  }

  #endAtom(terminator: number): void {
    this.#state.frameOpen = terminator === carriageReturn;
    if (terminator === newline && this.#event?.group.mode === 'bar') this.#close(null);
  }

  /** A line end behind nothing, or behind `\r`. */
  #endLine(end: number): void {
    const event = this.#event;
    if (this.#state.frameOpen) {
      this.#endAtom(newline);
    } else if (event !== null && event.group.mode === 'row') {
      this.#extend(end);
    } else if (event !== null) {
      event.group.blank = true;
      if (event.group.mode === 'line') this.#close(null);
    }
  }

  /** Blank bytes are kept with an open event only as long as the event has room for them. */
  #blankUpTo(end: number): void {
    const event = this.#event;
    if (event !== null && end - event.partStart > eventBytesMax) this.#close(null);
  }

  #takeFrame(start: number, end: number, raw: string, shown: string): void {
    if (this.#takeRecord(start, end, shown)) return;
    const text = raw.length === end - start ? raw : this.#text(start, end);
    let barEnd = progressBarEnd(text);
    if (barEnd < 0 && shown.length !== raw.length && progressBarEnd(shown) >= 0) barEnd = text.length;
    if (barEnd < 0) {
      this.#takeLine(start, end, shown.startsWith('\0') ? stripAnsi(text) : shown);
      return;
    }
    this.#takeBar(start, start + barEnd, text.slice(0, barEnd));
    const glued = text.slice(barEnd);
    const rest = stripAnsi(glued);
    if (isBlank(rest)) return;
    this.#close(null);
    this.#state.frameOpen = false;
    const lead = /^[ \t\v\f\0]*/.exec(glued)?.[0].length ?? 0;
    this.#takeLine(start + barEnd + lead, end, stripAnsi(glued.slice(lead)));
  }

  #takeBar(start: number, end: number, text: string): void {
    const event = this.#event;
    if (this.#state.frameOpen && event?.group.mode === 'bar') {
      this.#redraw(start, end);
      return;
    }
    this.#close(decode(this.#slice(start, end)));
    const shown = stripAnsi(text);
    const { rank } = readRankPrefix(shown);
    this.#start(start, end, { text: shown, head: noHead, rank }, true);
  }

  #takeLine(start: number, end: number, shown: string): void {
    const event = this.#event;
    const observed = this.#observedAt(start);
    const prefix = readRankPrefix(shown);
    const text = prefix.length === 0 ? shown : shown.slice(prefix.length);
    const bare = prefix.length > 0 && isBlank(text);
    if (bare && event !== null && !this.#state.frameOpen && event.group.rank === prefix.rank) {
      this.#extend(end);
      event.group.blank = true;
      return;
    }
    const head = bare ? noHead : readHead(text, observed, this.#source.offset);
    const line = { text, head, rank: prefix.rank };
    if (event !== null && this.#state.frameOpen && event.group.mode !== 'bar' && head.time === null) {
      if (event.group.lines > 1) {
        this.#extend(end);
      } else {
        this.#redraw(start, end);
        event.group = startGroup(line, false);
        event.logger = head.logger;
      }
      return;
    }
    if (event !== null && !this.#state.frameOpen && joins(event.group, line, this.#state.habit)) {
      this.#extend(end);
      return;
    }
    this.#close(null);
    this.#start(start, end, line, false);
  }

  /** A whole JSON object on a line is a record, complete at its end. */
  #takeRecord(start: number, end: number, shown: string): boolean {
    if (!looksLikeObject(shown)) return false;
    const slice = this.#slice(start, end);
    const fields = parseJsonLine(stripAnsi(decode(slice)));
    if (fields === null) return false;
    this.#close(null);
    const { time, level, logger, rank } = readRecordHead(fields, this.#source.offset);
    const group = recordGroup('record', level, rank);
    this.#event = { ...this.#newEvent(start, end, group), time, logger, fields };
    this.#close(null);
    return true;
  }

  #takeRow(start: number, end: number, raw: string, shown: string): boolean {
    const state = this.#state;
    if (state.csv === null) {
      const cells = splitRow(decode(this.#slice(start, end)).replace(/^\uFEFF/, ''));
      state.csv =
        cells !== null && cells.length > 1 && raw.length < 65_536 && isHeader(cells) ? cells : false;
      if (state.csv === false) return false;
      this.#start(start, end, { text: shown, head: noHead, rank: null }, false);
      this.#close(null);
      return true;
    }
    if (this.#event === null) {
      this.#event = this.#newEvent(start, end, recordGroup('row', null, null));
      state.quoteOpen = false;
    } else this.#extend(end);
    let quotes = 0;
    for (let at = raw.indexOf('"'); at >= 0; at = raw.indexOf('"', at + 1)) quotes += 1;
    state.quoteOpen = state.quoteOpen !== (quotes % 2 === 1);
    if (state.quoteOpen) return true;
    this.#closeRow();
    return true;
  }

  #closeRow(): void {
    const event = this.#event;
    const header = this.#state.csv;
    if (event !== null && event.part === 0 && Array.isArray(header)) {
      const cells = splitRow(decode(this.#slice(event.partStart, event.end)));
      const repeated =
        cells !== null && cells.length === header.length && cells.every((cell, i) => cell === header[i]);
      if (cells !== null && !repeated) event.fields = rowFields(header, cells);
      const seconds = event.fields?.['timestamp'] ?? event.fields?.['created_at'];
      if (typeof seconds === 'number' && seconds > 1e9 && seconds < 4e9) event.time = seconds * 1000;
    }
    this.#close(null);
  }

  #start(start: number, end: number, line: Line, bar: boolean): void {
    const group = startGroup(line, bar);
    this.#state.habit = nextHabit(this.#state.habit, group);
    const event = this.#newEvent(start, start, group);
    event.time = line.head.time;
    event.logger = line.head.logger;
    this.#event = event;
    this.#extend(end);
  }

  #newEvent(start: number, end: number, group: Group): EventState {
    const observed = this.#observedAt(start);
    return {
      eventStart: start,
      part: 0,
      partStart: start,
      observed,
      bytesStart: start,
      sumBefore: 0,
      end,
      group,
      redrawn: false,
      time: null,
      logger: null,
    };
  }

  #extend(end: number): void {
    const event = this.#event;
    if (event === null || end <= event.end) return;
    while (end - event.partStart > eventBytesMax) {
      const from = event.partStart;
      const cut =
        from + partBoundary(this.#slice(Math.max(from, event.bytesStart), end), from, event.bytesStart);
      this.#emit(event, cut);
      Object.assign(event, {
        part: event.part + 1,
        partStart: cut,
        bytesStart: cut,
        sumBefore: 0,
        redrawn: false,
      });
    }
    event.end = end;
  }

  /** The frame takes the place of the last one, whose bytes need not be kept. */
  #redraw(start: number, end: number): void {
    const event = this.#event;
    if (event === null) return;
    if (end - event.partStart > eventBytesMax) {
      this.#emit(event, event.end);
      Object.assign(event, { part: event.part + 1, partStart: start, sumBefore: 0 });
    } else {
      event.sumBefore = crcOf(this.#slice(event.bytesStart, start), event.sumBefore);
    }
    Object.assign(event, { bytesStart: start, end, redrawn: true });
  }

  #close(barAfter: string | null): void {
    const event = this.#event;
    if (event === null) return;
    if (barAfter !== null && event.group.mode !== 'bar') event.barAfter = barAfter;
    this.#emit(event, event.end);
    this.#event = null;
  }

  #emit(event: EventState, end: number): void {
    this.closed.push(makeEvent(this.#source, event, this.#held(), end, false));
  }

  /** The first event that the pending bytes would be, were they flushed: its bounds can only grow. */
  #firstPending(): LogEvent | null {
    this.flush();
    const first = this.closed[0];
    return first === undefined ? null : { ...first, open: true };
  }

  #held() {
    return { bytes: this.#bytes, base: this.#base };
  }

  #slice(start: number, end: number): Buffer {
    return this.#bytes.subarray(start - this.#base, end - this.#base);
  }

  #text(start: number, end: number): string {
    return this.#bytes.toString('latin1', start - this.#base, end - this.#base);
  }

  #skipNul(start: number, end: number): number {
    let at = start;
    while (at < end && this.#bytes[at - this.#base] === 0) at += 1;
    return at;
  }

  #mark(observed: number): void {
    const { marks, atom } = this.#state;
    while (marks.length > 1 && (marks[1]?.[0] ?? Infinity) <= atom) marks.shift();
    if (marks.at(-1)?.[1] === observed) return;
    if (marks.length >= marksMax) marks.splice(1, 1);
    marks.push([this.#end, observed]);
  }

  #observedAt(offset: number): number {
    const { marks } = this.#state;
    for (let i = marks.length - 1; i > 0; i -= 1) {
      const mark = marks[i];
      if (mark !== undefined && mark[0] <= offset) return mark[1];
    }
    return marks[0]?.[1] ?? 0;
  }
}

const noHead = { time: null, level: null, logger: null };

function recordGroup(mode: 'record' | 'row', level: Group['level'], rank: number | null): Group {
  return { mode, traceback: false, indent: 0, timed: false, level, rank, lines: 1, loose: 0, blank: false };
}

function looksLikeObject(text: string): boolean {
  let start = 0;
  while (text.charCodeAt(start) <= 32) start += 1;
  if (text.charCodeAt(start) !== 123) return false;
  let end = text.length - 1;
  while (end > start && text.charCodeAt(end) <= 32) end -= 1;
  return text.charCodeAt(end) === 125;
}
