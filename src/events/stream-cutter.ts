/**
 * The cutter of a stream, whatever it is made of:
 *
 *     undecided ─ enough first bytes, or no more to come ─▶ text      EventCutter
 *                                                      ├──▶ wrapped   WrappedCutter (containers, encodings)
 *                                                      ├──▶ records   FramedCutter (TensorBoard, W&B)
 *                                                      └──▶ binary    none: the bytes are counted as held
 *
 * While it is undecided the bytes are held unseen.
 */
import type { LogEvent } from '../core/event.ts';
import type { OpenEvent } from '../core/stream-document.ts';
import { newCutState } from './cut-state.ts';
import type { CutState } from './cut-state.ts';
import { EventCutter } from './event-cutter.ts';
import type { EventSource } from './event-of.ts';
import { decideFormat, recordsFor, wrappingFor } from './format.ts';
import type { Format } from './format.ts';
import { FramedCutter, newFramedState } from './framed-cutter.ts';
import type { FramedState } from './framed-cutter.ts';
import { newWrappedState, WrappedCutter } from './wrapped-cutter.ts';
import type { WrappedState } from './wrapped-cutter.ts';

/** What has to be remembered between two segments, beside the open event. Plain JSON. */
export interface StreamState {
  format: Format;
  cut: CutState;
  wrapped?: WrappedState;
  framed?: FramedState;
}

/** Segments, and in wrapped streams records, this far apart have an event's end between them. */
export const quietMsMin = 5000;

export class StreamCutter {
  readonly #source: EventSource;
  readonly #csvExpected: boolean;
  readonly #text: EventCutter;
  /** Of what is no text as it stands. */
  #other: WrappedCutter | FramedCutter | null = null;
  #format: Format;
  #end: number;

  /** `end` is the end of what was taken in so far; the open event's bytes reach up to it. */
  constructor(source: EventSource, kept: Partial<StreamState>, open: OpenEvent | null, end: number) {
    this.#source = source;
    this.#csvExpected = /\.[ct]sv(?:\.gz|\.zst)?$/i.test(source.origin.path);
    this.#format = kept.format ?? 'undecided';
    this.#end = end;
    const isText = kept.wrapped === undefined && kept.framed === undefined;
    const cut = kept.cut ?? newCutState(0, this.#csvExpected);
    this.#text = new EventCutter(source, cut, isText ? open : null, end);
    if (!isText) this.#other = this.#otherCutter(kept, open, end);
  }

  get closed(): readonly LogEvent[] {
    return (this.#other ?? this.#text).closed;
  }

  /** Takes in the bytes that follow those held. */
  feed(bytes: Buffer, observed: number): void {
    if (bytes.length === 0) return;
    this.#end += bytes.length;
    if (this.#format === 'undecided') {
      this.#text.hold(bytes, observed);
      this.#decide(false);
    } else if (this.#format === 'binary') this.#text.skipTo(this.#end);
    else (this.#other ?? this.#text).feed(bytes, observed);
  }

  /** The writer has paused: what is open is closed, but for a record that is not whole, which waits. */
  pause(): void {
    if (!(this.#other instanceof FramedCutter)) this.flush();
  }

  /** No more bytes belong to what is open: closes it. */
  flush(): void {
    if (this.#format === 'undecided') this.#decide(true);
    if (this.#format !== 'binary') (this.#other ?? this.#text).flush();
  }

  /** Leaves a range out: the next bytes are those at `offset`. Flush first. */
  skipTo(offset: number): void {
    this.#end = offset;
    (this.#other ?? this.#text).skipTo(offset);
  }

  /** Today's view of what is open, to be shown before it is closed. */
  views(): LogEvent[] {
    return this.#other?.views() ?? [this.#text.view()].filter((event) => event !== null);
  }

  /** What has to be kept until the next bytes come. */
  save(): { state: StreamState; open: OpenEvent | null } {
    const { state: cut, open } = this.#text.save();
    const state: StreamState = { format: this.#format, cut };
    if (this.#other === null) return { state, open };
    if (this.#other instanceof FramedCutter) {
      const framed = this.#other.save();
      return { state: { ...state, framed: framed.state }, open: framed.open };
    }
    const wrapped = this.#other.save();
    return { state: { ...state, wrapped: wrapped.state }, open: wrapped.open };
  }

  #decide(isWhole: boolean): void {
    const held = this.#text.unseen();
    if (held.length === 0) return;
    this.#format = decideFormat(this.#source.origin, Buffer.concat(held.map(({ bytes }) => bytes)), isWhole);
    if (this.#format === 'undecided') return;
    const start = this.#end - held.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.#other = this.#otherCutter({}, null, start);
    if (this.#other === null && this.#format !== 'binary') {
      this.#text.look();
      return;
    }
    this.#text.skipTo(this.#end);
    for (const { bytes, observed } of held) this.#other?.feed(bytes, observed);
  }

  /** Of what is unwrapped, or read record by record; null of text, and of what is not read at all. A new one begins at `start`. */
  #otherCutter(
    kept: Partial<StreamState>,
    open: OpenEvent | null,
    start: number,
  ): WrappedCutter | FramedCutter | null {
    const records = recordsFor(this.#format);
    if (records !== null)
      return new FramedCutter(this.#source, records, kept.framed ?? newFramedState(start), open);
    const wrapping = wrappingFor(this.#format, this.#source.origin);
    if (wrapping === null) return null;
    const options = { wrapping, quietMsMin, csvExpected: this.#csvExpected };
    return new WrappedCutter(this.#source, options, kept.wrapped ?? newWrappedState(start), open);
  }
}
