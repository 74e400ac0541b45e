/**
 * Cuts a stream's bytes into events: bytes → atoms (here) → frames (frame-reader.ts) → events (event-builder.ts). An atom
 * is the bytes up to and including one `\r` or `\n`. Everything that has to be remembered is the plain JSON of CutState and
 * the open event's bytes, so that the events are the same whatever the segmentation of the bytes.
 *
 *     no event ─ nonblank atom ─▶ open ─ an atom that belongs to it ─▶ open
 *                                   └── an atom that starts another, flush(), a blank line (lines, bars) ─▶ closed
 *
 * An atom longer than an event may be is `long`: its kind is decided on its first bytes, and it is cut into parts as it
 * comes.
 *
 * Failure rule: none; every sequence of bytes has its events. Time is linear in the bytes, memory is bounded by two events
 * and the segment.
 */
import { eventBytesMax } from '../core/event.ts';
import type { LogEvent } from '../core/event.ts';
import type { OpenEvent } from '../core/stream-document.ts';
import { CsvReader } from './csv-reader.ts';
import { copyCutState } from './cut-state.ts';
import type { CutState } from './cut-state.ts';
import { EventBuilder } from './event-builder.ts';
import type { EventSource } from './event-of.ts';
import { FrameReader } from './frame-reader.ts';
import { indexWithAnsi, isBarOfOpenEnd, isBlank, stripAnsi, withoutUnfinishedCode } from './frame.ts';
import { unfinishedStart } from './glued.ts';
import { HeldBytes } from './held-bytes.ts';
import { LiveDisplay, startsDisplay } from './live-display.ts';
import { markObserved } from './observed-marks.ts';

const newline = 10;
const carriageReturn = 13;
/** So much of a long atom is looked at to tell its kind. */
const headBytes = 4096;

export class EventCutter {
  readonly #source: EventSource;
  readonly #state: CutState;
  readonly #held: HeldBytes;
  readonly #events: EventBuilder;
  readonly #frames: FrameReader;
  readonly #rows: CsvReader;
  readonly #display: LiveDisplay;

  /** `end` is the end of what was taken in so far; the open event's bytes reach up to it. */
  constructor(source: EventSource, state: CutState, open: OpenEvent | null, end: number) {
    this.#source = source;
    this.#state = copyCutState(state);
    this.#held = new HeldBytes(open?.bytes ?? Buffer.alloc(0), end);
    this.#events = new EventBuilder(source, this.#held, this.#state, open);
    this.#frames = new FrameReader(source, this.#held, this.#state, this.#events);
    this.#rows = new CsvReader(this.#held, this.#state, this.#events);
    this.#display = new LiveDisplay(this.#held, this.#events, this.#frames, this.#state.display ?? null);
  }

  get closed(): LogEvent[] {
    return this.#events.closed;
  }

  /** Takes in the bytes that follow those held. */
  feed(bytes: Buffer, observed: number): void {
    if (bytes.length === 0) return;
    const scanFrom = this.#state.unseen ? this.#state.atom : this.#held.end;
    this.hold(bytes, observed);
    this.#scan(scanFrom);
  }

  /** Keeps the bytes without looking at them yet: while it is open whether the stream is text. */
  hold(bytes: Buffer, observed: number): void {
    markObserved(this.#state.marks, this.#held.end, observed, this.#undecided());
    this.#held.append(bytes);
    this.#state.unseen = true;
  }

  /** The bytes that were not looked at, by the `observed` that they have. */
  unseen(): { bytes: Buffer; observed: number }[] {
    const { marks, atom, unseen } = this.#state;
    const { end } = this.#held;
    if (!unseen || atom >= end) return [];
    return marks.map(([from, observed], i) => ({
      bytes: this.#held.slice(Math.max(from, atom), marks[i + 1]?.[0] ?? end),
      observed,
    }));
  }

  /** Looks at what was held. */
  look(): void {
    if (this.#state.unseen) this.#scan(this.#state.atom);
  }

  /** No more bytes belong to what is open: closes it. */
  flush(): void {
    const state = this.#state;
    const { end } = this.#held;
    this.look();
    if (!state.long && state.atom < end) this.#takeAtom(state.atom, end, 0);
    this.#display.flush();
    this.#events.close();
    Object.assign(state, { atom: end, long: false, frameOpen: false, quoteOpen: false, marks: [] });
  }

  /** Leaves a range out: the next bytes are those at `offset`. Flush first. */
  skipTo(offset: number): void {
    this.#display.end();
    this.#held.skipTo(offset);
    this.#state.atom = offset;
    this.#state.unseen = false;
  }

  /** Today's view of what is open. Never shows bytes that may turn out to be another event's. */
  view(): LogEvent | null {
    if (this.#events.current !== null) return this.#events.view();
    const { csv, unseen } = this.#state;
    const { end } = this.#held;
    const from = this.#undecided();
    if (from >= end || unseen || csv === null) return null;
    if (isBlank(stripAnsi(withoutUnfinishedCode(this.#held.latin1(from, end))))) return null;
    const { state, open } = this.save();
    const first = new EventCutter(this.#source, state, open, end).#first();
    return first === null ? null : { ...first, open: true };
  }

  /** The first event that the pending bytes would be, were they flushed: its bounds can only grow. Spoils the cutter. */
  #first(): LogEvent | null {
    const { end } = this.#held;
    const { atom } = this.#state;
    if (this.#display.undecidedFrom === null) {
      this.#takeAtom(atom, this.#endOfFirst(atom, end), 0);
      this.#state.atom = end;
    }
    const isKnown = this.closed.length > 0 || this.#events.current !== null;
    if (!isKnown && !this.#display.takeFirst()) this.flush();
    const first = this.closed[0] ?? this.#events.view();
    return first !== null && this.#mayShrink(first) ? null : first;
  }

  /** What is glued to such a bar is known when it is whole. */
  #mayShrink({ kind, start, end }: LogEvent): boolean {
    return kind === 'progress' && isBarOfOpenEnd(stripAnsi(this.#held.latin1(start, end)));
  }

  /** Without a code, and a print of another process, that more bytes may finish. */
  #endOfFirst(atom: number, end: number): number {
    const start = this.#held.afterNul(this.#held.afterMark(atom, end), end);
    const text = withoutUnfinishedCode(this.#held.latin1(start, end));
    const shown = stripAnsi(text);
    const unfinished = unfinishedStart(shown);
    return start + (unfinished === 0 ? text.length : indexWithAnsi(text, shown.length - unfinished));
  }

  /** Which offsets may still be asked of `source.places`: starts that are known, and everything from `from` on. */
  needs(): { starts: number[]; from: number } {
    const event = this.#events.current;
    const from = this.#undecided();
    if (event === null) return { starts: [], from };
    return { starts: [event.eventStart, event.partStart], from: Math.min(event.end - 1, from) };
  }

  /** What has to be kept until the next bytes come. */
  save(): { state: CutState; open: OpenEvent | null } {
    this.#frames.settle();
    const { event, open } = this.#events.save(this.#undecided());
    return { state: copyCutState({ ...this.#state, display: this.#display.state, event }), open };
  }

  /** From here on it is not decided to which event the bytes belong. */
  #undecided(): number {
    return this.#display.undecidedFrom ?? this.#state.atom;
  }

  #scan(scanFrom: number): void {
    const state = this.#state;
    const held = this.#held;
    state.unseen = false;
    let scan = scanFrom;
    let lineEnd = -2;
    let frameEnd = -2;
    for (;;) {
      if (lineEnd !== -1 && lineEnd < scan) lineEnd = held.indexOf(newline, scan);
      if (frameEnd !== -1 && frameEnd < scan) frameEnd = held.indexOf(carriageReturn, scan);
      const stop = lineEnd === -1 ? frameEnd : frameEnd === -1 ? lineEnd : Math.min(lineEnd, frameEnd);
      const terminator = stop === lineEnd ? newline : carriageReturn;
      const end = stop === -1 ? held.end : stop;
      if (state.long) {
        this.#events.extend(end);
        state.atom = end;
        if (stop === -1) return;
        state.long = false;
        this.#frames.endFrame(terminator);
      } else if (end - state.atom > eventBytesMax) {
        this.#startLong();
        continue;
      } else if (stop === -1) {
        return;
      } else {
        this.#takeAtom(state.atom, end, terminator);
      }
      scan = stop + 1;
      state.atom = scan;
    }
  }

  /** `terminator` is `\r`, `\n`, or 0 where the stream was flushed. */
  #takeAtom(atom: number, end: number, terminator: number): void {
    const start = this.#held.afterMark(atom, end);
    if (start === end && this.#display.state === null) {
      if (terminator === newline) this.#frames.endLine(end);
      return;
    }
    const raw = this.#held.latin1(start, end);
    const shown = stripAnsi(raw);
    if (this.#display.state !== null || (shown.length !== raw.length && this.#startsDisplay(raw))) {
      const from = this.#held.afterNul(start, end);
      const behind = this.#display.take(from, end, raw.slice(from - start), terminator);
      if (behind !== null) this.#takeAtom(behind, end, terminator);
      return;
    }
    if (isBlank(shown)) {
      this.#blankUpTo(end);
      if (terminator === newline) this.#frames.endLine(end);
      return;
    }
    if (this.#state.csv !== false && this.#rows.take(start, end, raw, shown)) return;
    const from = this.#held.afterNul(start, end);
    if (from === start) this.#frames.take(start, end, raw, shown);
    else this.#frames.take(from, end, raw.slice(from - start), stripAnsi(raw.slice(from - start)));
    this.#frames.endFrame(terminator);
  }

  /** A CSV file, or one that may yet be, holds none. */
  #startsDisplay(raw: string): boolean {
    return this.#state.csv === false && startsDisplay(raw);
  }

  #startLong(): void {
    const state = this.#state;
    this.#display.end();
    const end = state.atom + eventBytesMax;
    const start = this.#held.afterNul(this.#held.afterMark(state.atom, end), end);
    const head = stripAnsi(this.#held.latin1(start, Math.min(end, start + headBytes)));
    if (isBlank(head) && isBlank(this.#held.latin1(start, end))) {
      this.#blankUpTo(end);
    } else {
      if (state.frameOpen) this.#events.close();
      this.#frames.takeLine(start, end, head);
      state.frameOpen = true;
      state.long = true;
    }
    state.atom = end;
  }

  /** Blank bytes are kept with an open event only as long as the event has room for them. */
  #blankUpTo(end: number): void {
    const event = this.#events.current;
    if (event !== null && end - event.partStart > eventBytesMax) this.#events.close();
  }
}
