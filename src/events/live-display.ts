/**
 * Displays that are drawn over and over on several rows of a terminal (rich's Live and Progress, nested bars of tqdm, docker's, enlighten's,
 * whatever moves the cursor up): all frames drawn one after the other are one event, which shows the last state; a line that is printed
 * above or between is an event of its own, as anywhere.
 *
 *     off ─ the cursor goes up, is hidden; a scroll region; the alternate screen ─▶ on ─ the cursor is shown, many lines without such ─▶ off
 *
 * Rows that are complete wait until the cursor goes up: those that it goes back over are of the display, those above are lines. A row which
 * says itself that it is a line (a time, a level, a traceback, a dict, glued to a bar) or which is too far above does not wait, and what is
 * drawn again in its place is of the display. At the first row that waits and is unlike those of the last frame, the display's event ends: it
 * starts another event whatever becomes of it, and so may be shown at once.
 *
 * Failure rule: none; every byte that shows something belongs to one event. State is plain JSON, of at most `rowsMax` rows.
 */
import { addRows, dropRows, frameWith, isErased, isScrolledAway, newDisplay } from './display-state.ts';
import type { DisplayState, Piece } from './display-state.ts';
import { frameBottomEnd } from './drawn-bars.ts';
import type { EventBuilder } from './event-builder.ts';
import { isBlank, renderText, stripAnsi } from './frame.ts';
import type { FrameReader } from './frame-reader.ts';
import type { HeldBytes } from './held-bytes.ts';
import { looksLikeObject } from './json-line.ts';
import { noHead } from './line-head.ts';
import { rowKey } from './row-key.ts';
import * as terminal from './terminal-screen.ts';

const newline = 10;
const carriageReturn = 13;

const beginning = new RegExp(
  `${String.fromCharCode(27)}(?:\\[\\d*[AF]|M|\\[\\?(?:25l|(?:47|1047|1049)h)|\\[\\d*;\\d+r)`,
);
/** While it is not known how high a display is. */
const heightUnknown = 16;
/** So many rows more than it was high may a display be in its next frame. */
const slack = 1;
const linesMax = 32;
/** A row of so many bytes is none of a display. */
const rowBytesMax = 16 * 1024;

/** Does this text of an atom begin a display? */
export function startsDisplay(raw: string): boolean {
  return beginning.test(raw);
}

export class LiveDisplay {
  readonly #held: HeldBytes;
  readonly #events: EventBuilder;
  readonly #frames: FrameReader;
  readonly #keys = new Map<string, string>();
  #state: DisplayState | null;
  /** Where the codes before the next text begin. */
  #lead = 0;

  constructor(held: HeldBytes, events: EventBuilder, frames: FrameReader, state: DisplayState | null) {
    this.#held = held;
    this.#events = events;
    this.#frames = frames;
    this.#state = state;
  }

  get state(): DisplayState | null {
    return this.#state;
  }

  /** From here on the bytes are needed again; null: all is decided. */
  get undecidedFrom(): number | null {
    return this.#state?.waiting[0]?.start ?? this.#state?.piece?.start ?? null;
  }

  /**
   * An atom: `raw` is its latin1 text [start, end), `terminator` `\r`, `\n`, or 0 where the stream was flushed. Returns where the display has
   * ended in it: what is behind, the terminator too, is no part of it.
   */
  take(start: number, end: number, raw: string, terminator: number): number | null {
    const first = this.#state === null ? (beginning.exec(raw)?.index ?? 0) : 0;
    const state = (this.#state ??= this.#begin());
    if (first > 0) this.#before(state, start, start + first);
    this.#lead = start + first;
    for (const { at, end: to, isText } of terminal.tokensOf(raw, first)) {
      if (isText) {
        this.#text(state, start + at, start + to);
      } else if (this.#control(state, raw.slice(at, to), start + at)) {
        this.end();
        this.#events.close();
        return start + to;
      }
      if (state.piece?.ended === false) state.piece.end = start + to;
    }
    if (terminator === carriageReturn) this.#goBack(state);
    else if (terminator === newline) this.#endLine(state, end);
    if (state.lines > linesMax && !state.alternate) this.end();
    return null;
  }

  /** What waits is decided, and the display is no more. */
  end(): void {
    this.flush();
    this.#state = null;
  }

  /** No more bytes belong to what is open: what waits is decided. */
  flush(): void {
    const state = this.#state;
    if (state === null) return;
    this.#endPiece(state);
    this.#decideBefore(state, (state.waiting.at(-1)?.row ?? -1) + 1);
    this.#closeDisplay();
  }

  /**
   * For a look at what is pending: the first row that waits, as a line, whatever becomes of it. False if none does. Spoils the display.
   */
  takeFirst(): boolean {
    const first = this.#state?.waiting[0] ?? this.#state?.piece;
    if (first) this.#frames.takeWhole(first.start, first.end);
    return first !== undefined && first !== null;
  }

  #begin(): DisplayState {
    // What is open is no part of it: its bytes are before the first code.
    this.#events.close();
    this.#frames.endFrame(newline);
    return newDisplay();
  }

  /** What stands before the code that begins the display has been a line until now, codes and all. */
  #before(state: DisplayState, start: number, end: number): void {
    const text = stripAnsi(this.#held.text(start, end));
    terminal.put(state.screen, text);
    if (isBlank(text)) return;
    state.piece = { start, end, row: 0, ended: false };
    state.dirty = true;
  }

  // ---- the terminal

  #text(state: DisplayState, from: number, to: number): void {
    const { screen } = state;
    const text = this.#held.text(from, to);
    if (isBlank(text)) {
      if ((screen.rows[screen.row] ?? '').length > screen.column) this.#noteErased(state, false);
      terminal.put(screen, text);
      return;
    }
    if (state.up !== null) this.#decideAfterUp(state, state.up);
    if (state.piece?.ended === true) this.#redraw(state, state.piece);
    state.before = null;
    state.erased = 0;
    state.piece ??= { start: this.#lead, end: to, row: screen.row, ended: false };
    terminal.put(screen, text);
    state.dirty = true;
  }

  /** True if the cursor was shown: the display has ended. */
  #control(state: DisplayState, code: string, at: number): boolean {
    const { screen } = state;
    const { kind, on } = terminal.controlOf(code);
    if (kind === 'erase') this.#noteErased(state, code.endsWith('J'));
    if (kind === 'vertical' || kind === 'alternate') {
      this.#endPiece(state);
      this.#lead = at;
    }
    if (kind === 'alternate') {
      this.flush();
      Object.assign(state, {
        alternate: on,
        screen: terminal.newScreen(),
        frame: [],
        before: null,
        height: null,
      });
      return !on;
    }
    const above = terminal.rowsAbove(screen, code);
    if (above > 0) addRows(state, above);
    const { row } = screen;
    terminal.applyControl(screen, code);
    if (screen.row < row) {
      state.up = [state.up?.[0] ?? row, Math.min(screen.row, state.up?.[1] ?? screen.row)];
      state.lines = 0;
    }
    if (kind === 'column' && screen.column === 0) this.#goBack(state);
    return kind === 'show';
  }

  #goBack(state: DisplayState): void {
    state.screen.column = 0;
    if (state.piece !== null) state.piece.ended = true;
  }

  #endLine(state: DisplayState, end: number): void {
    const { screen } = state;
    const hadPiece = state.piece !== null;
    const wasLine = this.#endPiece(state, true);
    const event = this.#events.current;
    if (!hadPiece && state.waiting.length === 0 && event !== null && event.rows === undefined)
      this.#frames.endLine(end);
    terminal.feedLine(screen);
    if (state.alternate) return;
    if (wasLine && screen.scrollEnd === null) dropRows(state, screen.row);
    else if (screen.row === terminal.rowsMax - 1) this.#makeRoom(state);
  }

  #noteErased(state: DisplayState, below: boolean): void {
    if (state.dirty) {
      state.before = [...state.screen.rows];
      state.dirty = false;
    }
    state.erased += below ? 2 : 1;
  }

  // ---- what a row is

  /** The row is drawn over in its place: it is of a display, and what waits above it may be, if that is so high. */
  #redraw(state: DisplayState, piece: Piece): void {
    const { height, screen } = state;
    const isAlone = height === null || isScrolledAway(state);
    const top = isAlone ? piece.row : Math.min(piece.row, screen.rows.length - height);
    const line = isErased(state)
      ? undefined
      : state.waiting.findLast((row) => !this.#isLikeFrame(state, row));
    this.#decide(state, Math.max(top, (line?.row ?? -1) + 1));
    state.piece = null;
    if (this.#isLine(piece)) this.#line(state, piece);
    else this.#join(state, piece);
  }

  /** The row is complete. True if it was found to be a line. */
  #endPiece(state: DisplayState, byLineEnd = false): boolean {
    const { piece, screen } = state;
    if (piece === null) return false;
    const isApart = screen.scrollEnd !== null && !state.alternate;
    // What stands still below a scroll region is left by a move, a line by a line end.
    const isFlowing = isApart && (piece.row === 0 || byLineEnd);
    const isStill = state.alternate || isApart;
    if (isFlowing || this.#isLine(piece)) {
      this.#decideBefore(state, piece.row);
      state.piece = null;
      this.#line(state, piece);
      return true;
    }
    if (isStill) this.#decide(state, piece.row);
    state.piece = null;
    if (isStill) {
      this.#join(state, piece);
      return false;
    }
    if (!this.#isLikeFrame(state, piece)) {
      // A whole frame, and a row below it: the display is left behind.
      const isWhole = state.waiting.length === state.height;
      if (isWhole && state.waiting.every((row) => this.#isLikeFrame(state, row))) this.#decide(state, 0);
      this.#closeDisplay();
    }
    state.waiting.push(piece);
    this.#settleFarAbove(state, piece);
    return false;
  }

  #settleFarAbove(state: DisplayState, last: Piece): void {
    const rows = (state.height ?? heightUnknown) + slack;
    for (let first = state.waiting[0]; first !== undefined; first = state.waiting[0]) {
      if (first.row > last.row - rows) return;
      state.waiting.shift();
      this.#line(state, first);
      dropRows(state, first.row + 1);
    }
  }

  #decideAfterUp(state: DisplayState, [from, to]: [from: number, to: number]): void {
    const rows = from - to + 1;
    state.wiped = state.erased > 1;
    // A display that is erased as a whole tells its height exactly; of another it may be a part.
    state.height = state.wiped ? rows : Math.max(rows, state.height ?? 0);
    state.up = null;
    this.#decide(state, Math.min(to, state.screen.rows.length - state.height));
  }

  /** No more rows of a display: what waits above `row` are its last ones, or lines. */
  #decideBefore(state: DisplayState, row: number): void {
    const isFrame = isErased(state)
      ? state.height !== null && !isScrolledAway(state)
      : state.waiting.some((piece) => this.#isLikeFrame(state, piece));
    this.#decide(state, isFrame ? row - (state.height ?? heightUnknown) : row);
  }

  /** The display's first row is `top`: of what waits, rows above it are lines, the others its own. */
  #decide(state: DisplayState, top: number): void {
    if (state.waiting.length === 0) return;
    const lines = state.waiting.filter(({ row }) => row < top);
    const rows = state.waiting.slice(lines.length);
    state.waiting = rows;
    for (const piece of lines) this.#line(state, piece);
    const last = lines.at(-1);
    if (last !== undefined && last.row < state.screen.row) dropRows(state, last.row + 1);
    state.waiting = [];
    for (const piece of rows) this.#join(state, piece);
  }

  #line(state: DisplayState, { start, end }: Piece): void {
    this.#closeDisplay();
    this.#frames.takeWhole(start, end);
    state.lines += 1;
  }

  #makeRoom(state: DisplayState): void {
    const first = state.waiting[0];
    if (first?.row === 0) {
      state.waiting.shift();
      this.#line(state, first);
    }
    dropRows(state, 1);
  }

  // ---- the display's event

  #join(state: DisplayState, { start, end, row }: Piece): void {
    const { current } = this.#events;
    if (current?.rows === undefined) {
      const text = stripAnsi(this.#held.text(start, end));
      this.#events.close(text);
      this.#events.start(start, end, { text, head: noHead, rank: null }, true);
    } else this.#events.redraw(start, end);
    state.frame = state.before ?? frameWith(state, row);
    const event = this.#events.current;
    if (event !== null) event.rows = state.frame;
  }

  #closeDisplay(): void {
    if (this.#events.current?.rows !== undefined) this.#events.close();
  }

  // ---- texts

  #isLine({ start, end }: Piece): boolean {
    const { current } = this.#events;
    if (end - start > rowBytesMax) return true;
    if (current !== null && current.rows === undefined && current.group.traceback) return true;
    const raw = this.#held.latin1(start, end);
    const shown = renderText(raw);
    const barEnd = this.#frames.barEnd(shown);
    if (barEnd >= 0) return !isBlank(shown.slice(barEnd));
    return (
      looksLikeObject(shown) ||
      frameBottomEnd(shown) >= 0 ||
      shown.includes('Traceback (most recent call last)') ||
      raised.test(shown) ||
      this.#frames.hasHead(shown, start)
    );
  }

  #isLikeFrame(state: DisplayState, { start, end }: Piece): boolean {
    if (state.frame.length === 0) return false;
    const key = rowKey(renderText(this.#held.text(start, end)));
    return state.frame.some((row) => this.#keyOf(row) === key);
  }

  #keyOf(row: string): string {
    let key = this.#keys.get(row);
    if (key === undefined) {
      key = rowKey(row);
      if (this.#keys.size >= 4 * terminal.rowsMax) this.#keys.clear();
      this.#keys.set(row, key);
    }
    return key;
  }
}

const raised =
  /^(?:Fatal Python error|[A-Za-z_][\w.]{0,120}(?:Error|Exception|Interrupt|Exit|Warning)(?::|$))/;
