import type { Origin } from './segment.ts';

/** An event over this many raw bytes is cut into numbered parts of at most that size. */
export const eventBytesMax = 256 * 1024;

export const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Level = (typeof levels)[number];

/**
 * - `line`: one text line, with its indented continuation if any;
 * - `traceback`: a Python traceback or a Java exception with its stack (with the log line that announces it);
 * - `progress`: a redrawn line, of which the last state counts;
 * - `record`: one row of a structured file or one JSON object of a JSONL line; `fields` holds it parsed.
 */
export const eventKinds = ['line', 'traceback', 'progress', 'record'] as const;
export type EventKind = (typeof eventKinds)[number];

/** Formats whose records have fields of their own; each is described in the file of that name in events/. */
export type RecordFormatName = 'tfevents' | 'wandb';

/** One log record. Its bounds, id and content are a function of the stream's bytes and of the cuts' `observed`. */
export interface LogEvent {
  /** Of the stream, the start of the whole event and the part, or of what is in a row of a rewritten file: see core/ids.ts. */
  id: string;
  stream: string;
  origin: Origin;
  /** Byte range in the stream, `end` exclusive (of this part, if it is one). */
  start: number;
  end: number;
  /** 0 in an event that is whole or a first part. */
  part: number;
  /** The event's own time, else `observed`; ms since epoch, may have a fraction. */
  time: number;
  timeSource: 'event' | 'observed';
  /** `observed` of the segment in which the event starts: chooses the dated index. */
  observed: number;
  level: Level | null;
  kind: EventKind;
  /** The whole event as text: line end, ANSI codes and redrawn frames are taken off. */
  message: string;
  /** Of a record: what it holds, parsed. NaN and the infinities are numbers here. */
  fields?: Record<string, unknown>;
  /** Of a record in a format of its own: which one, and so what its fields are. */
  format?: RecordFormatName;
  /** `logger` or class name, where the line names one. */
  logger?: string;
  /** Of a container's log: which of the writer's outputs it is from. */
  iostream?: 'stdout' | 'stderr';
  /**
   * Of a line, record or traceback that a progress bar follows: that bar's first state. Trainers redraw the bar after what
   * they print, so it tells the step of a printed dict that names none.
   */
  barAfter?: string;
  /** From a line prefix (`[rank1]:`, `[default1]:`), else the origin's. */
  rank: number | null;
  /** crc32 of the raw bytes [start, end), 8 hex digits; in a wrapped stream (containers, encodings) of the text in them. */
  sum: string;
  /**
   * Of a row of a rewritten file, whose id does not hang on the stream: grows with each later state of the file. Absent: `end` is
   * the version.
   */
  version?: number;
  /** The event is still open: more may come under the same id, with a larger `end`. */
  open: boolean;
}

/** Under one id the highest version stays. */
export function versionOf({ version, end }: Pick<LogEvent, 'version' | 'end'>): number {
  return version ?? end;
}
