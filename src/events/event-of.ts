/** From an open event's state and its bytes to the LogEvent that is indexed. */
import { crc32 } from 'node:zlib';
import { eventBytesMax } from '../core/event.ts';
import type { EventKind, LogEvent } from '../core/event.ts';
import { eventId } from '../core/ids.ts';
import type { Origin } from '../core/segment.ts';
import type { OpenEvent } from '../core/stream-document.ts';
import type { ZoneOffset } from './event-time.ts';
import { renderText } from './frame.ts';
import type { Group } from './grouping.ts';
import type { HeldBytes } from './held-bytes.ts';
import type { Places } from './places.ts';
import { textOf } from './terminal-screen.ts';

export interface EventSource {
  stream: string;
  origin: Origin;
  offset: ZoneOffset;
  /** Where the text stands in the stream, if it was unwrapped; and which of the writer's outputs it is from. */
  places?: Places;
  iostream?: 'stdout' | 'stderr';
}

export interface EventState extends Omit<OpenEvent, 'bytes'> {
  /** End of its content so far, without the line end. */
  end: number;
  group: Group;
  redrawn: boolean;
  time: number | null;
  logger: string | null;
  fields?: Record<string, unknown>;
  barAfter?: string;
  /** Of a display on several rows: what it shows (live-display.ts). */
  rows?: string[];
}

/** `held` has [bytesStart, end). */
export function makeEvent(
  source: EventSource,
  state: EventState,
  held: HeldBytes,
  end: number,
  open: boolean,
): LogEvent {
  const { places } = source;
  const time = state.time ?? places?.time(state.eventStart) ?? null;
  const event: LogEvent = {
    id: eventId(source.stream, places?.start(state.eventStart) ?? state.eventStart, state.part),
    stream: source.stream,
    origin: source.origin,
    start: places?.start(state.partStart) ?? state.partStart,
    end: places?.end(end) ?? end,
    part: state.part,
    time: time ?? state.observed,
    timeSource: time === null ? 'observed' : 'event',
    observed: state.observed,
    level: state.group.level,
    kind: kindOf(state),
    message: state.rows === undefined ? renderText(held.text(state.bytesStart, end)) : textOf(state.rows),
    rank: state.group.rank ?? source.origin.rank,
    sum: sumText(crcOf(held.slice(state.bytesStart, end), state.sumBefore)),
    open,
  };
  if (state.fields !== undefined) event.fields = state.fields;
  if (state.logger !== null) event.logger = state.logger;
  if (state.barAfter !== undefined) event.barAfter = state.barAfter;
  if (source.iostream !== undefined) event.iostream = source.iostream;
  return event;
}

function kindOf(state: EventState): EventKind {
  if (state.fields !== undefined || state.group.mode === 'row') return 'record';
  if (state.group.traceback) return 'traceback';
  return state.group.mode === 'bar' || state.redrawn ? 'progress' : 'line';
}

/** crc32 of the bytes, going on from that of the bytes before. */
export function crcOf(bytes: Buffer, before: number): number {
  return crc32(bytes, before);
}

const hexOfByte = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** A crc32 as 8 hex digits: byte by byte, for `toString(16)` takes longer than the crc32 of a line. */
export function sumText(sum: number): string {
  return [sum >>> 24, sum >>> 16, sum >>> 8, sum].reduce((text, byte) => text + hexOfByte[byte & 0xff], '');
}

/**
 * Where a part that starts at `partStart` is cut, as a distance from its start: at most an event's size, and not inside
 * a UTF-8 character. `bytes` are those from the later of partStart and bytesStart on.
 */
export function partBoundary(bytes: Buffer, partStart: number, bytesStart: number): number {
  const skipped = Math.max(0, bytesStart - partStart);
  const limit = eventBytesMax - skipped;
  for (let back = 0; back < 4 && limit - back > 0; back += 1) {
    if (((bytes[limit - back] ?? 0) & 0xc0) !== 0x80) return eventBytesMax - back;
  }
  return eventBytesMax;
}
