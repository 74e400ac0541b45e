/**
 * Cuts a file of binary records into events, one a record:
 *
 *     bytes ─ framing ─▶ record ─ reader ─▶ event                (TensorBoard, W&B)
 *                  ├───▶ large: carried, not held; one event says so
 *                  └───▶ damaged: what cannot be read up to the next record is one event, at level `warn`
 *
 * A record that is not whole waits for its bytes, however long that takes; it is an event that cannot be read if none can come any more.
 *
 * Failure rule: none; what cannot be read is told by its byte range and is in the transport. Memory is bounded by recordBytesMax and
 * the segment.
 */
import type { Level, LogEvent } from '../core/event.ts';
import { eventId } from '../core/ids.ts';
import type { OpenEvent } from '../core/stream-document.ts';
import { crcOf, sumText } from './event-of.ts';
import type { EventSource } from './event-of.ts';
import { joined } from '../core/records/framing.ts';
import type { Frame, Framing, Place } from '../core/records/framing.ts';

/** What a record says. */
export interface RecordContent {
  /** ms since epoch; null: it names none. */
  time: number | null;
  level: Level | null;
  message: string;
  fields: Record<string, unknown>;
}

/** A format of records: how they are framed, and how one is read. */
export interface RecordFormat {
  name: 'tfevents' | 'wandb';
  framing: Framing;
  /** Null: nothing that makes an event. */
  read(data: Buffer): RecordContent | null;
}

/** Plain JSON, kept in the stream document's context. */
export interface FramedState {
  /** Where the bytes begin that are held; and `observed` of the segment in which they begin. */
  at: number;
  observed: number;
  place: Place;
  /** Bytes below it are part of what is passed over. */
  passTo: number;
  /** What is passed over and has no event yet. */
  passed: { start: number; end: number; observed: number; sum: number; damage: string | null } | null;
  /** Ranges that could not be read, so far. */
  damaged: number;
}

export function newFramedState(start: number): FramedState {
  return { at: start, observed: 0, place: 'record', passTo: start, passed: null, damaged: 0 };
}

export class FramedCutter {
  readonly closed: LogEvent[] = [];
  readonly #source: EventSource;
  readonly #format: RecordFormat;
  readonly #state: FramedState;
  /** From `state.at` on. */
  #held: Buffer;

  constructor(source: EventSource, format: RecordFormat, state: FramedState, open: OpenEvent | null) {
    this.#source = source;
    this.#format = format;
    this.#state = { ...state, passed: state.passed && { ...state.passed } };
    this.#held = open?.bytes ?? Buffer.alloc(0);
  }

  /** Takes in the bytes that follow those held. */
  feed(bytes: Buffer, observed: number): void {
    const state = this.#state;
    const before = this.#held.length;
    const all = before === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    let from = 0;
    while (from < all.length) {
      if (from >= before) state.observed = observed;
      const length = this.#take(all, from);
      if (length === 0) break;
      from += length;
      state.at += length;
      const isPassed = state.at >= state.passTo && state.place === 'record';
      if (isPassed && state.passed?.damage === null) this.#closePassed();
    }
    this.#held = all.subarray(from);
  }

  /** No more bytes belong to what is open: it cannot be read. */
  flush(): void {
    if (this.#held.length > 0) {
      this.#pass(this.#held, 'not whole');
      this.#state.at += this.#held.length;
      this.#held = Buffer.alloc(0);
    }
    this.#closePassed();
  }

  /** Leaves a range out: the next bytes are those at `offset`. Flush first. */
  skipTo(offset: number): void {
    const state = this.#state;
    state.at = offset;
    if (offset > state.passTo) state.place = 'lost';
  }

  /** Records are shown when they are whole. */
  views(): LogEvent[] {
    return [];
  }

  /** What has to be kept until the next bytes come. */
  save(): { state: FramedState; open: OpenEvent | null } {
    const { at, observed, passed } = this.#state;
    const state = { ...this.#state, passed: passed && { ...passed } };
    if (this.#held.length === 0) return { state, open: null };
    const bytes = Buffer.from(this.#held);
    const open = { eventStart: at, part: 0, partStart: at, observed, bytesStart: at, bytes, sumBefore: 0 };
    return { state, open };
  }

  /** Takes in what stands at `from`; how many bytes that is, 0 while more are needed. */
  #take(bytes: Buffer, from: number): number {
    const state = this.#state;
    const toPass = Math.min(state.passTo - state.at, bytes.length - from);
    if (toPass > 0) {
      this.#pass(bytes.subarray(from, from + toPass), state.passed?.damage ?? null);
      return toPass;
    }
    const frame = this.#format.framing.next(bytes, from, state.at, state.place);
    if (frame === null) return 0;
    if (frame.kind !== 'damaged' && !(frame.kind === 'large' && state.place === 'large')) this.#closePassed();
    state.place = frame.next;
    state.passTo = state.at + frame.length;
    const there = bytes.subarray(from, from + frame.length);
    if (frame.kind === 'record') this.#emitRecord(there);
    else if (frame.kind !== 'padding') this.#pass(there, damageOf(frame));
    return there.length;
  }

  /** `damage`: why it cannot be read; null: it is larger than is read. */
  #pass(bytes: Buffer, damage: string | null): void {
    const state = this.#state;
    if (state.passed !== null && (state.passed.damage === null) !== (damage === null)) this.#closePassed();
    const { at: start, observed } = state;
    state.passed ??= { start, end: start, observed, sum: 0, damage };
    state.passed.end = start + bytes.length;
    state.passed.sum = crcOf(bytes, state.passed.sum);
  }

  #closePassed(): void {
    const { passed } = this.#state;
    if (passed === null) return;
    this.#state.passed = null;
    const { start, end, observed, sum, damage } = passed;
    const length = `${end - start} bytes`;
    const message =
      damage === null ? `a record of ${length}: too large to be read` : `unreadable, ${length}: ${damage}`;
    if (damage !== null) this.#state.damaged += 1;
    this.#emit(
      { start, end, observed, sum },
      { time: null, level: damage === null ? null : 'warn', message, fields: {} },
    );
  }

  #emitRecord(bytes: Buffer): void {
    const { at: start, observed } = this.#state;
    const ranges = this.#format.framing.dataRanges(bytes, { start: 0, end: bytes.length }, start);
    const content = this.#format.read(joined(bytes, ranges));
    if (content !== null)
      this.#emit({ start, end: start + bytes.length, observed, sum: crcOf(bytes, 0) }, content);
  }

  #emit(
    { start, end, observed, sum }: { start: number; end: number; observed: number; sum: number },
    { time, level, message, fields }: RecordContent,
  ): void {
    const { stream, origin } = this.#source;
    this.closed.push({
      id: eventId(stream, start, 0),
      stream,
      origin,
      start,
      end,
      part: 0,
      time: time ?? observed,
      timeSource: time === null ? 'observed' : 'event',
      observed,
      level,
      kind: 'record',
      message,
      fields,
      format: this.#format.name,
      rank: origin.rank,
      sum: sumText(sum),
      open: false,
    });
  }
}

function damageOf(frame: Frame): string | null {
  return frame.kind === 'damaged' ? frame.reason : null;
}
