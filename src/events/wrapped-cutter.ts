/**
 * Cuts a wrapped stream (containers, encodings) into events: unwraps its records, and gives the text of each of the writer's
 * outputs to a cutter of its own, so that lines of stdout and stderr are not joined where they interleave. What is no record goes, as
 * it stands, to one more.
 *
 *     bytes ─ records ─▶ text of stdout ─▶ EventCutter ─▶ events, their bounds told in raw bytes (places.ts)
 *                   └──▶ text of stderr ─▶ EventCutter ─┘
 *
 * An output whose last record ended a line, and whose next record, or one of another output, is 5 s or more younger by the records'
 * own times, has ended its event. Otherwise events end as in any stream.
 *
 * Failure rule: none; every sequence of bytes has its events. Memory is bounded by an event an output, and one record.
 */
import type { LogEvent } from '../core/event.ts';
import type { OpenEvent } from '../core/stream-document.ts';
import { newCutState } from './cut-state.ts';
import type { CutState } from './cut-state.ts';
import { EventCutter } from './event-cutter.ts';
import type { EventSource } from './event-of.ts';
import { newPlaces, Places } from './places.ts';
import type { PlacesState } from './places.ts';
import type { Unwrapped, Wrapping } from './unwrapping.ts';

/** Plain JSON, kept in the stream document's context. */
export interface WrappedState {
  /** Where the record begins that has no end yet, and `observed` of the segment in which it begins. */
  record: number;
  observed: number;
  /** By output; `text` where there is only one, `raw` for what is no record. */
  outputs: Record<string, OutputState>;
}

interface OutputState {
  cut: CutState;
  /** Of the text. */
  open: (Omit<OpenEvent, 'bytes'> & { bytes: string }) | null;
  places: PlacesState;
  /** Of its last record. */
  time: number | null;
  endedLine: boolean;
}

interface Output {
  cutter: EventCutter;
  places: Places;
  state: OutputState;
}

export interface WrappedOptions {
  wrapping: Wrapping;
  /** Records this far apart, by their own times, have an event's end between them. */
  quietMsMin: number;
  csvExpected: boolean;
}

export function newWrappedState(start: number): WrappedState {
  return { record: start, observed: 0, outputs: {} };
}

export class WrappedCutter {
  readonly closed: LogEvent[] = [];
  readonly #source: EventSource;
  readonly #options: WrappedOptions;
  readonly #state: WrappedState;
  readonly #outputs = new Map<string, Output>();
  /** From `state.record` on. */
  #pending: Buffer;

  constructor(source: EventSource, options: WrappedOptions, state: WrappedState, open: OpenEvent | null) {
    this.#source = source;
    this.#options = options;
    this.#state = structuredClone(state);
    this.#pending = open?.bytes ?? Buffer.alloc(0);
    for (const [name, kept] of Object.entries(this.#state.outputs)) this.#restore(name, kept);
  }

  /** Takes in the bytes that follow those held. */
  feed(bytes: Buffer, observed: number): void {
    const { wrapping } = this.#options;
    const state = this.#state;
    const held = this.#pending.length;
    const all = held === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    let from = 0;
    while (from < all.length) {
      if (from >= held) state.observed = observed;
      const found = wrapping.recordEnd(all, from, state.record);
      const most = from + wrapping.recordBytesMax;
      const end = found === 0 ? (all.length >= most ? most : 0) : Math.min(found, most);
      if (end === 0) break;
      this.#takeRecord(all.subarray(from, end));
      state.record += end - from;
      from = end;
    }
    this.#pending = all.subarray(from);
  }

  /** No more bytes belong to what is open: closes it. */
  flush(): void {
    if (this.#pending.length > 0) {
      this.#takeRecord(this.#pending);
      this.#state.record += this.#pending.length;
      this.#pending = Buffer.alloc(0);
    }
    for (const output of this.#outputs.values()) this.#flush(output);
  }

  /** Leaves a range out: the next bytes are those at `offset`. Flush first. */
  skipTo(offset: number): void {
    this.#state.record = offset;
  }

  /** Today's view of what is open: an event an output at most. */
  views(): LogEvent[] {
    return [...this.#outputs.values()].flatMap(({ cutter }) => cutter.view() ?? []);
  }

  /** What has to be kept until the next bytes come. */
  save(): { state: WrappedState; open: OpenEvent | null } {
    const { record, observed } = this.#state;
    const state: WrappedState = { record, observed, outputs: {} };
    let isOpen = this.#pending.length > 0;
    for (const [name, { cutter, state: kept }] of this.#outputs) {
      const { state: cut, open } = cutter.save();
      isOpen ||= open !== null;
      state.outputs[name] = {
        ...structuredClone(kept),
        cut,
        open: open && { ...open, bytes: open.bytes.toString('base64') },
      };
    }
    if (!isOpen) return { state, open: null };
    const bytes = Buffer.from(this.#pending);
    const open = {
      eventStart: record,
      part: 0,
      partStart: record,
      observed,
      bytesStart: record,
      bytes,
      sumBefore: 0,
    };
    return { state, open };
  }

  #takeRecord(record: Buffer): void {
    const { record: offset, observed } = this.#state;
    const found = this.#options.wrapping.unwrap(record, offset);
    if (found === null) {
      this.#take('raw', asItStands(record), observed);
      return;
    }
    if (found.time !== null) this.#flushOlder(found.time);
    const output = this.#take(found.iostream ?? 'text', found, observed);
    output.state.time = found.time;
    output.state.endedLine = found.endsWriter || found.text.at(-1) === 0x0a;
    if (found.endsWriter) this.#flush(output);
  }

  #take(name: string, { text, runs, rawEnd, time }: Unwrapped, observed: number): Output {
    const raw = this.#state.record;
    const output = this.#outputs.get(name) ?? this.#add(name);
    output.places.add(text, { raw, rawEnd: raw + rawEnd, time, runs });
    output.cutter.feed(text, observed);
    this.#collect(output);
    return output;
  }

  #flushOlder(time: number): void {
    for (const output of this.#outputs.values()) {
      const { time: last, endedLine } = output.state;
      if (last !== null && endedLine && time - last >= this.#options.quietMsMin) this.#flush(output);
    }
  }

  #flush(output: Output): void {
    output.cutter.flush();
    this.#collect(output);
  }

  #collect({ cutter, places }: Output): void {
    for (const event of cutter.closed.splice(0)) this.closed.push(event);
    const { starts, from } = cutter.needs();
    places.forget(starts, from);
  }

  #add(name: string): Output {
    const cut = newCutState(0, this.#options.csvExpected && name === 'text');
    const kept: OutputState = { cut, open: null, places: newPlaces(), time: null, endedLine: true };
    return this.#restore(name, kept);
  }

  #restore(name: string, kept: OutputState): Output {
    const places = new Places(kept.places);
    const source: EventSource = { ...this.#source, places };
    if (name === 'stdout' || name === 'stderr') source.iostream = name;
    const open = kept.open && { ...kept.open, bytes: Buffer.from(kept.open.bytes, 'base64') };
    const cutter = new EventCutter(source, kept.cut, open, kept.places.end);
    const output = { cutter, places, state: kept };
    this.#outputs.set(name, output);
    return output;
  }
}

function asItStands(record: Buffer): Unwrapped {
  const rawEnd = record.length - (record.at(-1) === 0x0a ? 1 : 0);
  const runs = [{ text: 0, raw: 0, unit: [1, 1] as const }];
  return { text: record, runs, rawEnd, iostream: null, time: null, endsWriter: false };
}
