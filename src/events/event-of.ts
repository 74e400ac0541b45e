/** From an open event's state and its bytes to the LogEvent that is indexed. */
import { crc32 } from 'node:zlib';
import { eventBytesMax } from '../core/event.ts';
import type { EventKind, LogEvent } from '../core/event.ts';
import { eventId } from '../core/ids.ts';
import { readLauncherPrefix } from '../core/launcher-prefix.ts';
import { readPassedOn } from '../core/passed-on.ts';
import type { Origin } from '../core/segment.ts';
import type { OpenEvent } from '../core/stream-document.ts';
import type { ZoneOffset } from './event-time.ts';
import { isBlank, renderText } from './frame.ts';
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
  const event: LogEvent = new MadeEvent(source, state, held, end, open);
  if (state.fields !== undefined) event.fields = state.fields;
  if (state.logger !== null) event.logger = state.logger;
  if (state.barAfter !== undefined) event.barAfter = state.barAfter;
  if (source.iostream !== undefined) event.iostream = source.iostream;
  return event;
}

/**
 * With a constructor, for V8 puts what a literal makes into its old generation at once if the first ones have lived long, as a segment's
 * events do. There they keep their texts alive when they are dead themselves, which costs a tenth of all reading.
 */
class MadeEvent implements LogEvent {
  declare id: string;
  declare stream: string;
  declare origin: Origin;
  declare start: number;
  declare end: number;
  declare part: number;
  declare time: number;
  declare timeSource: LogEvent['timeSource'];
  declare observed: number;
  declare level: LogEvent['level'];
  declare kind: EventKind;
  declare message: string;
  declare rank: number | null;
  declare sum: string;
  declare open: boolean;

  constructor(source: EventSource, state: EventState, held: HeldBytes, end: number, open: boolean) {
    const { places } = source;
    const { eventStart, partStart, bytesStart, part, group, observed, rows } = state;
    const time = state.time ?? places?.time(eventStart) ?? null;
    this.id = eventId(source.stream, places?.start(eventStart) ?? eventStart, part);
    this.stream = source.stream;
    this.origin = source.origin;
    this.start = places?.start(partStart) ?? partStart;
    this.end = places?.end(end) ?? end;
    this.part = part;
    this.time = time ?? observed;
    this.timeSource = time === null ? 'observed' : 'event';
    this.observed = observed;
    this.level = group.level;
    this.kind = kindOf(state);
    this.message = rows === undefined ? shownIn(held.text(bytesStart, end), group) : textOf(rows);
    this.rank = group.rank ?? source.origin.rank ?? group.stated ?? null;
    this.sum = sumText(crcOf(held.slice(bytesStart, end), state.sumBefore));
    this.open = open;
  }
}

function shownIn(raw: string, group: Group): string {
  let text = renderText(raw);
  while (group.bareEnd === true) {
    const lineEnd = text.lastIndexOf('\n');
    const last = text.slice(lineEnd + 1);
    if (lineEnd < 0 || !isBlank(behindPrefix(last))) break;
    text = text.slice(0, lineEnd);
  }
  return text;
}

function behindPrefix(line: string): string {
  const own = line.slice(readPassedOn(line).length);
  return own.slice(readLauncherPrefix(own).length);
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
  return hexAt(sum >>> 24) + hexAt(sum >>> 16) + hexAt(sum >>> 8) + hexAt(sum);
}

function hexAt(byte: number): string {
  return hexOfByte[byte & 0xff] ?? '';
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
