/**
 * Builds events one after the other out of the frames that belong to them, and cuts what grows too large into parts.
 *
 *     start ─▶ open ─ extend (more lines), redraw (a frame in place of the last) ─▶ open
 *                └── close: a LogEvent is added to `closed`
 *
 * What an event needs after its bytes are gone is in its EventState.
 */
import { eventBytesMax } from '../core/event.ts';
import type { LogEvent } from '../core/event.ts';
import type { OpenEvent } from '../core/stream-document.ts';
import type { CutState } from './cut-state.ts';
import { crcOf, makeEvent, partBoundary } from './event-of.ts';
import type { EventSource, EventState } from './event-of.ts';
import { nextHabit, startGroup } from './grouping.ts';
import type { Group, Line } from './grouping.ts';
import type { HeldBytes } from './held-bytes.ts';
import { observedAt } from './observed-marks.ts';

export class EventBuilder {
  readonly closed: LogEvent[] = [];
  readonly #source: EventSource;
  readonly #held: HeldBytes;
  readonly #state: CutState;
  #event: EventState | null = null;

  constructor(source: EventSource, held: HeldBytes, state: CutState, open: OpenEvent | null) {
    this.#source = source;
    this.#held = held;
    this.#state = state;
    if (open === null || state.event === null) return;
    const { bytes: _, ...bounds } = open;
    this.#event = { ...bounds, ...state.event };
  }

  /** The open event. */
  get current(): EventState | null {
    return this.#event;
  }

  /** Starts an event with a line or a bar. */
  start(start: number, end: number, line: Line, bar: boolean): void {
    const { time, logger } = line.head;
    const group = startGroup(line, bar);
    this.#state.habit = nextHabit(this.#state.habit, group);
    this.#open(start, start, group, time, logger);
    this.extend(end);
  }

  /** Starts an event whose frame is known to be a record or a row. */
  startRecord(start: number, end: number, group: Group, more: Partial<EventState> = {}): void {
    Object.assign(this.#open(start, end, group, null, null), more);
  }

  #open(start: number, end: number, group: Group, time: number | null, logger: string | null): EventState {
    const event: EventState = {
      eventStart: start,
      part: 0,
      partStart: start,
      observed: observedAt(this.#state.marks, start),
      bytesStart: start,
      sumBefore: 0,
      end,
      group,
      redrawn: false,
      time,
      logger,
    };
    this.#event = event;
    return event;
  }

  /** The bytes up to `end` belong to the open event. */
  extend(end: number): void {
    const event = this.#event;
    if (event === null || end <= event.end) return;
    while (end - event.partStart > eventBytesMax) {
      const from = event.partStart;
      const cut =
        from + partBoundary(this.#held.slice(Math.max(from, event.bytesStart), end), from, event.bytesStart);
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
  redraw(start: number, end: number): void {
    const event = this.#event;
    if (event === null) return;
    if (end - event.partStart > eventBytesMax) {
      this.#emit(event, event.end);
      Object.assign(event, { part: event.part + 1, partStart: start, sumBefore: 0 });
    } else {
      event.sumBefore = crcOf(this.#held.slice(event.bytesStart, start), event.sumBefore);
    }
    Object.assign(event, { bytesStart: start, end, redrawn: true });
  }

  /** `barAfter`: the progress bar that comes behind the event. */
  close(barAfter: string | null = null): void {
    const event = this.#event;
    if (event === null) return;
    if (barAfter !== null && event.group.mode !== 'bar') event.barAfter = barAfter;
    this.#emit(event, event.end);
    this.#event = null;
  }

  #emit(event: EventState, end: number): void {
    this.closed.push(makeEvent(this.#source, event, this.#held, end, false));
  }

  /** Today's view of the open event. */
  view(): LogEvent | null {
    const event = this.#event;
    return event === null ? null : makeEvent(this.#source, event, this.#held, event.end, true);
  }

  /** What has to be kept of the open event; without one, of the bytes from `pending` on, if there are any. */
  save(pending: number): { event: CutState['event']; open: OpenEvent | null } {
    const event = this.#event;
    if (event !== null) {
      const { eventStart, part, partStart, observed, bytesStart, sumBefore } = event;
      const { end, group, redrawn, time, logger, rows } = event;
      const bytes = this.#held.copyFrom(bytesStart);
      return {
        event: { end, group, redrawn, time, logger, ...(rows && { rows }) },
        open: { eventStart, part, partStart, observed, bytesStart, bytes, sumBefore },
      };
    }
    if (pending >= this.#held.end) return { event: null, open: null };
    const open = {
      eventStart: pending,
      part: 0,
      partStart: pending,
      observed: observedAt(this.#state.marks, pending),
      bytesStart: pending,
      bytes: this.#held.copyFrom(pending),
      sumBefore: 0,
    };
    return { event: null, open };
  }
}
