/** What has to be remembered between two segments, beside the open event's bytes. Plain JSON: it is stored in the document. */
import type { EventState } from './event-of.ts';
import { copyDisplay } from './display-state.ts';
import type { DisplayState } from './display-state.ts';
import type { ObservedMarks } from './observed-marks.ts';

export interface CutState {
  /** Start of the atom that has no end yet; in a long one, of what is not taken into its event yet. */
  atom: number;
  long: boolean;
  /** The line has shown something and has no `\n` yet. */
  frameOpen: boolean;
  /** How many characters the last bar had that was drawn whole. */
  barWidth?: number;
  /** Records with a time in a row: see grouping. */
  habit: number;
  /** The first one is at or before `atom`. */
  marks: ObservedMarks;
  /** The header of a CSV file; false: none to be expected; null: the first line decides. */
  csv: string[] | false | null;
  /** What stands between its cells, if it is no comma. */
  delimiter?: string;
  /** The open row of a CSV file has an open quote. */
  quoteOpen: boolean;
  /** Of lines in a row with a number before each (frame-reader.ts): the largest one, and how many were not new. */
  labelMax?: number;
  labels?: number;
  /** Lines have before them what was put before every line (core/passed-on.ts). */
  passedOn?: true;
  /** Ray Train: the ranks of its workers, by their pids (stated-rank.ts). Never changed in place. */
  workers?: Readonly<Record<string, number>>;
  /** The pending bytes have not been looked at: see EventCutter.hold(). */
  unseen: boolean;
  /** A display that is drawn over and over on several rows, if there is one. Absent in what older versions have stored. */
  display?: DisplayState | null;
  /** Of the open event, what an OpenEvent does not say. */
  event: Pick<EventState, 'end' | 'group' | 'redrawn' | 'time' | 'logger' | 'rows'> | null;
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

/** Copies what is changed in place. Without structuredClone, which costs more than to take in a small segment. */
export function copyCutState(state: CutState): CutState {
  const { event, display } = state;
  return {
    ...state,
    marks: [...state.marks],
    ...(display && { display: copyDisplay(display) }),
    event: event === null ? null : { ...event, group: { ...event.group } },
  };
}
