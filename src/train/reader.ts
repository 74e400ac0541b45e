/**
 * What a format's reader is. Readers are asked in the order of the list in readers.ts; the first one that matches an
 * event reads it, and no other is asked. A reader is pure and takes time linear in the event.
 */
import type { EventKind, LogEvent } from '../core/event.ts';
import type { FactBody, PointBody } from '../core/fact.ts';
import type { Origin } from '../core/segment.ts';
import { canonicalName } from './canonical.ts';
import { decimalsIn } from './numbers.ts';
import type { FailureMemory } from './observations/read-observations.ts';
import type { RestartMemory } from './restarts.ts';
import type { Finding } from './stated.ts';

/** What is remembered of the stream between events. Plain JSON, bounded. */
export interface TrainContext {
  failures?: FailureMemory | undefined;
  /** The step of the last line that counted one beside a measure of the training. */
  counted?: number;
  /** Such a line had a word of steps or iterations: lines of epochs count something else. */
  countsSteps?: true;
  /** The progress bars seen, by their total: steps done. At most `barsMax`. */
  bars?: Record<string, number>;
  restarts?: RestartMemory | undefined;
  /** Hugging Face: the dict that told last of a whole training or evaluation. */
  told?: string;
  /** Keras, PaddlePaddle: the epoch that has begun and not ended, from 1 on. */
  epoch?: number;
  /** Keras: the epoch that ended last, the count of its bar, the metrics that were read. */
  ended?: { step: number; total: number; names: readonly string[] };
  /** PaddlePaddle: an evaluation has begun. */
  evaluates?: true;
  /** The last line that counted iterations within epochs: see epoch-lines.ts. */
  epochs?: { first: number; epoch: number; done: number; total: number; goesOn: boolean | null };
  /** The header of a table by columns, its last row's number, and the columns of Ultralytics' validation. */
  columns?: string[];
  row?: number;
  classes?: string[];
  /** Ultralytics: all epochs are done. */
  isCompleted?: true;
  /** The header of a table between pipes (pipe-tables.ts), whether its rule came, and the task of its rows. */
  pipes?: { columns: string[]; isRuled: boolean; task?: string };
  /** The rows so far of a table in a frame (box-tables.ts); which data loaders have its columns, which cells of its last line are full; the columns of one with a row a step. */
  box?: {
    kind: '' | 'lightning' | 'ray';
    rows: string[][];
    loaders?: number[];
    full?: boolean[];
    columns?: string[];
  };
  /** The head of the last table in a frame that has a row a step, and the last step of it. */
  tabled?: { head: string; step: number };
  /** PyMARL, RecBole, Flower: a line has counted, or told what comes, and rows come below it (rows-below.ts, rounds-above.ts). */
  below?: { step: number | null; kind: 'stats' | 'result' | 'losses' | 'told' };
  /** scikit-learn, nnU-Net, PaddlePaddle, NeMo-RL, FLAML, Flower, FuxiCTR: the epoch, iteration or step that was told last. */
  round?: number;
  /** RSL-RL: the iteration whose rows come. */
  iteration?: number;
  /** The rows so far of a table of names and values. */
  table?: { section: string; rows: [name: string, value: string][] };
}

/** An event's first line, on which every text format keeps a statement. */
export interface ReadableLine {
  line: string;
  /** The line has a word by which steps are counted: without it, it is not looked at any further for statements of one. */
  namesStep: boolean;
  /** It has a word of epochs, episodes, batches or evaluations. */
  namesRound: boolean;
}

export interface ReadableEvent extends ReadableLine {
  event: LogEvent;
}

/** A reader that is asked about every event. */
export interface FactReader {
  /** For people: the framework or format. */
  format: string;
  /** Of the events that it may match; absent: any. */
  kinds?: readonly EventKind[];
  /**
   * Whether it may match an event that is one line of text. Must not hang on masked digits (line-shapes.ts): where it may not, it is not asked
   * about other lines of the shape, either. Absent: it is asked about each.
   */
  mayMatchLine?(readable: ReadableLine): boolean;
  matches(readable: ReadableEvent): boolean;
  /** Null: it is none of this format after all, and the next reader is asked; `context` is as it was. */
  read(readable: ReadableEvent, context: TrainContext): FactBody[] | null;
}

/** A reader of all that comes from an origin that it knows; no other one is asked. */
export interface OriginReader {
  format: string;
  knows(origin: Origin): boolean;
  read(readable: ReadableEvent): FactBody[];
}

/**
 * A reader of lines that state numbers: it finds once in lines of a shape where they stand. What it finds must not hang on masked digits, see
 * line-shapes.ts: its patterns have no digit but in classes of all ten, and what it takes for a name begins a word; else the finding says
 * `isOfLineAlone`.
 */
export interface LineReader {
  format: string;
  /** Null: it is none of this format, and the next reader is asked. */
  find(readable: ReadableLine): Finding | null;
  /** The step, where it is not what the finding counts first. Only asked of a line that states something. */
  stepOf?(counts: readonly number[], event: LogEvent, context: TrainContext): number | null;
  /** The last step, where it is not what the finding says. Asked after the step. */
  totalOf?(counts: readonly number[], context: TrainContext): number | null;
}

/** What stands below the first line of an event. */
export function linesBelow({ message }: LogEvent): string {
  const end = message.indexOf('\n');
  return end < 0 ? '' : message.slice(end + 1);
}

/** A point whose value was printed: `text` is what stands there. */
export function printedPoint(step: number | null, name: string, value: number, text: string): PointBody {
  return { ...point(step, name, value), decimals: decimalsIn(text) };
}

export function point(step: number | null, name: string, value: number): PointBody {
  return { kind: 'point', step, name, canonical: canonicalName(name), value };
}
