/**
 * What a format's reader is. Readers are asked in the order of the list in read-facts.ts; the first one that matches an
 * event reads it, and no other is asked. A reader is pure and takes time linear in the event.
 */
import type { EventKind, LogEvent } from '../core/event.ts';
import type { FactBody, PointBody } from '../core/fact.ts';
import type { Origin } from '../core/segment.ts';
import { canonicalName } from './canonical.ts';
import { decimalsIn } from './numbers.ts';
import type { FailureMemory } from './observations/read-observations.ts';
import type { RestartMemory } from './restarts.ts';

/** What is remembered of the stream between events. Plain JSON, bounded. */
export interface TrainContext {
  failures?: FailureMemory | undefined;
  /** The progress bars seen, by their total: steps done. At most `barsMax`. */
  bars?: Record<string, number>;
  restarts?: RestartMemory | undefined;
  /** Keras: the epoch that has begun and not ended, from 1 on. */
  epoch?: number;
  /** The last line that counted iterations within epochs: see epoch-lines.ts. */
  epochs?: { first: number; epoch: number; done: number; total: number; goesOn: boolean | null };
  /** The header of a table by columns, its last row's number, and the columns of Ultralytics' validation. */
  columns?: string[];
  row?: number;
  classes?: string[];
  /** The header of a table between pipes (pipe-tables.ts), and whether its rule came. */
  pipes?: { columns: string[]; isRuled: boolean };
  /** The rows so far of a table in a frame (box-tables.ts). */
  box?: { kind: '' | 'lightning' | 'ray'; rows: [name: string, value: string][] };
  /** scikit-learn's SGD: the epoch that has begun. */
  sgdEpoch?: number;
  /** The rows so far of a table of names and values. */
  table?: { section: string; rows: [name: string, value: string][] };
}

/** An event with its first line, on which every text format keeps a statement. */
export interface ReadableEvent {
  event: LogEvent;
  line: string;
  /** The line has a word by which steps are counted: without it, it is not looked at any further for statements of one. */
  namesStep: boolean;
  /** It has a word of epochs, episodes, batches or evaluations. */
  namesRound: boolean;
}

export interface FactReader {
  /** For people: the framework or format. */
  format: string;
  /** Of the events that it may match; absent: any. */
  kinds?: readonly EventKind[];
  /** Whether it may match events from there; absent: from anywhere. Asked once a stream, `matches` for every event. */
  mayRead?: (origin: Origin) => boolean;
  matches(readable: ReadableEvent): boolean;
  /** Null: it is none of this format after all, and the next reader is asked; `context` is as it was. */
  read(readable: ReadableEvent, context: TrainContext): FactBody[] | null;
}

/** A point whose value was printed: `text` is what stands there. */
export function printedPoint(step: number | null, name: string, value: number, text: string): PointBody {
  return { ...point(step, name, value), decimals: decimalsIn(text) };
}

export function point(step: number | null, name: string, value: number): PointBody {
  return { kind: 'point', step, name, canonical: canonicalName(name), value };
}
