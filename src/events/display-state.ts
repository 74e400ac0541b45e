/** What is remembered of a display that is drawn over and over on several rows (live-display.ts). Plain JSON. */
import * as terminal from './terminal-screen.ts';
import type { Screen } from './terminal-screen.ts';

/** What is drawn on one row without a break: bytes [start, end) of the stream. */
export interface Piece {
  start: number;
  end: number;
  row: number;
  /** The cursor has gone back to its beginning: what comes is drawn over it. */
  ended: boolean;
}

/** Plain JSON. */
export interface DisplayState {
  screen: Screen;
  /** As the terminal was before it was erased; null: nothing was since. */
  before: string[] | null;
  /** Something was written since `before` was taken. */
  dirty: boolean;
  /** Rows erased since something was written. */
  erased: number;
  /** The last time that it went up the cursor has erased several rows: those below it are about to be drawn again. */
  wiped: boolean;
  /** What the display's event shows. */
  frame: string[];
  /** On the cursor's row, not complete. */
  piece: Piece | null;
  /** Rows that wait. */
  waiting: Piece[];
  /** How many rows the cursor has gone back over, its own included; null: it has not yet. */
  height: number | null;
  /** From and to which row it has gone up, with nothing written since. */
  up: [from: number, to: number] | null;
  /** Lines since it last did. */
  lines: number;
  alternate: boolean;
}

export function newDisplay(): DisplayState {
  return {
    screen: terminal.newScreen(),
    before: null,
    dirty: false,
    erased: 0,
    wiped: false,
    frame: [],
    piece: null,
    waiting: [],
    height: null,
    up: null,
    lines: 0,
    alternate: false,
  };
}

export function copyDisplay(state: DisplayState): DisplayState {
  const { piece, waiting } = state;
  return {
    ...state,
    screen: terminal.copyScreen(state.screen),
    piece: piece && { ...piece },
    waiting: waiting.map((each) => ({ ...each })),
  };
}

/** Nothing of the last frame is there. */
export function isErased({ frame }: DisplayState): boolean {
  return frame.every((row) => row === '');
}

/** Lines have taken its place; one that is wiped is drawn again below them. */
export function isScrolledAway(state: DisplayState): boolean {
  return isErased(state) && !state.wiped && state.lines > 0;
}

/** The last frame with this row as it is now, and without those that were erased, unless all are about to be drawn again. */
export function frameWith({ screen, frame, wiped }: DisplayState, row: number): string[] {
  const rows = frame.map((shown, i) => (!wiped && (screen.rows[i] ?? '').trim() === '' ? '' : shown));
  while (rows.length <= row) rows.push('');
  rows[row] = screen.rows[row] ?? '';
  return rows;
}

/** The rows above `count` have scrolled out of what is drawn again. */
export function dropRows(state: DisplayState, count: number): void {
  terminal.dropRows(state.screen, count);
  if (state.before !== null) state.before = state.before.slice(count);
  // What was wiped is drawn again below the lines.
  if (!state.wiped) state.frame = state.frame.slice(count);
  moveRows(state, -count);
}

/** So many rows stand above those known. */
export function addRows(state: DisplayState, count: number): void {
  terminal.addRows(state.screen, count);
  const rows = Array.from({ length: count }, () => '');
  state.frame = [...rows, ...state.frame];
  if (state.before !== null) state.before = [...rows, ...state.before];
  moveRows(state, count);
}

function moveRows(state: DisplayState, by: number): void {
  for (const piece of state.waiting) piece.row += by;
  if (state.piece !== null) state.piece.row += by;
  if (state.up !== null) state.up = [state.up[0] + by, state.up[1] + by];
}
