/**
 * The rows of a file that is rewritten as a whole (a snapshot a stream). A row is known by what is in it, so that one that stands in
 * ten states of the file is one event: its id is hash(source, run, path, what is in it), and equal rows of one state are told
 * apart by their number. Its version is the state's `created`, so that the latest state has it.
 *
 * All rows of a file go to the dated index of its first state (`home`), for an id is one only within an index; and a row
 * that names no time keeps that of the first state with so many rows. Both come down from state to state: see `inherited`.
 */
import { hash } from 'node:crypto';
import type { LogEvent } from '../core/event.ts';
import { jsonText } from '../core/fact.ts';
import { rowId } from '../core/ids.ts';

/** Plain JSON, kept in the stream document's context. */
export interface RowsState {
  /** `observed` of the first segment of the first state. */
  home: number;
  /** Rows so far. */
  count: number;
  /** Rows below a number were there when this was observed. */
  seen: [below: number, observed: number][];
  /** Keys of the last rows, shortened. */
  recent: string[];
}

/** Equal rows are told apart if they are so near to each other. */
const recentMax = 512;
/** More states are remembered as one. */
const seenMax = 256;

/** Of a stream's first segment; `previous` is that of the state before, if it is known. */
export function inherited(previous: RowsState | undefined, observed: number): RowsState {
  const { home = observed, count = 0, seen = [] } = previous ?? {};
  // Rows beyond were in an older state and are gone: what comes in their place is new. A state that could not be had says nothing.
  const most = count === 0 ? Infinity : count;
  const still = seen.filter((_, i) => i === 0 || (seen[i - 1]?.[0] ?? 0) < most);
  return { home, count: 0, seen: still.map(([below, at]) => [Math.min(below, most), at]), recent: [] };
}

/** What a row is known by: `state` is one of its kind in the file, a later one replaces it. */
export type RowKey = { kind: 'content'; text: string } | { kind: 'state'; text: string };

/** The fields of a row by name, so that neither their order nor empty cells count. */
export function fieldsKey(fields: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(fields).sort();
  return jsonText(names.map((name) => [name, fields[name]]));
}

/** Gives rows their ids, in the order of the file. */
export class Rows {
  readonly state: RowsState;
  readonly #version: number;

  constructor(state: RowsState, version: number) {
    this.state = { ...state, seen: state.seen.map(([below, at]) => [below, at]), recent: [...state.recent] };
    this.#version = version;
  }

  take(event: LogEvent, key: RowKey): LogEvent {
    const { source, run, path } = event.origin;
    const isState = key.kind === 'state';
    const number = isState ? 0 : this.#numberOf(key.text);
    const id = rowId({ source, run, path, key: `${key.kind} ${key.text}`, number, part: event.part });
    const seen = isState ? event.observed : this.#seenAt(event.observed);
    const time = event.timeSource === 'event' ? event.time : seen;
    return { ...event, id, time, observed: this.state.home, version: this.#version };
  }

  /** How many equal rows came shortly before. */
  #numberOf(text: string): number {
    const { recent } = this.state;
    const short = hash('sha1', text, 'base64').slice(0, 11);
    const number = recent.filter((other) => other === short).length;
    recent.push(short);
    if (recent.length > recentMax) recent.shift();
    return number;
  }

  #seenAt(observed: number): number {
    const { state } = this;
    const { seen } = state;
    const row = state.count;
    state.count += 1;
    const known = seen.find(([below]) => row < below);
    if (known !== undefined) return known[1];
    const last = seen.at(-1);
    if (last?.[1] === observed) last[0] = row + 1;
    else seen.push([row + 1, observed]);
    if (seen.length > seenMax) seen.splice(1, 1);
    return observed;
  }
}
