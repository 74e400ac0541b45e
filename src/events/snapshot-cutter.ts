/**
 * Cuts a state of a rewritten file into rows: a JSON document by json-document.ts, anything else as any stream, its events
 * then being the rows. Rows are shown when they are whole, never before.
 */
import type { LogEvent } from '../core/event.ts';
import type { OpenEvent } from '../core/stream-document.ts';
import type { EventSource } from './event-of.ts';
import { JsonDocument, newJsonState } from './json-document.ts';
import type { JsonState } from './json-document.ts';
import { fieldsKey, Rows } from './rows.ts';
import type { RowKey, RowsState } from './rows.ts';
import { StreamCutter } from './stream-cutter.ts';
import type { StreamState } from './stream-cutter.ts';

/** Plain JSON, kept in the stream document's context. */
export interface SnapshotState extends StreamState {
  rows: RowsState;
  json?: JsonState;
}

export class SnapshotCutter {
  readonly closed: LogEvent[] = [];
  readonly #rows: Rows;
  readonly #cutter: JsonDocument | StreamCutter;
  readonly #isCsv: boolean;
  #taken = 0;

  /** `version` is that of the state: its `created`. */
  constructor(
    source: EventSource,
    kept: Partial<SnapshotState> & { rows: RowsState },
    open: OpenEvent | null,
    end: number,
    version: number,
  ) {
    const { path } = source.origin;
    this.#rows = new Rows(kept.rows, version);
    this.#isCsv = /\.[ct]sv$/i.test(path);
    this.#cutter = /\.json$/i.test(path)
      ? new JsonDocument(source, this.#rows, kept.json ?? newJsonState, open, end)
      : new StreamCutter(source, kept, open, end);
  }

  feed(bytes: Buffer, observed: number): void {
    if (bytes.length === 0) return;
    this.#cutter.feed(bytes, observed);
    this.#collect();
  }

  pause(): void {
    this.flush();
  }

  flush(): void {
    this.#cutter.flush();
    this.#collect();
  }

  skipTo(offset: number): void {
    this.#cutter.skipTo(offset);
  }

  views(): LogEvent[] {
    return [];
  }

  save(): { state: Partial<SnapshotState> & { rows: RowsState }; open: OpenEvent | null } {
    const rows = this.#rows.state;
    if (this.#cutter instanceof JsonDocument) {
      const { state: json, open } = this.#cutter.save();
      return { state: { rows, json }, open };
    }
    const { state, open } = this.#cutter.save();
    return { state: { ...state, rows }, open };
  }

  #collect(): void {
    const fresh = this.#cutter.closed.slice(this.#taken);
    this.#taken += fresh.length;
    const isDocument = this.#cutter instanceof JsonDocument;
    for (const event of fresh)
      this.closed.push(isDocument ? event : this.#rows.take(event, this.#keyOf(event)));
  }

  #keyOf(event: LogEvent): RowKey {
    if (event.fields !== undefined) return { kind: 'content', text: fieldsKey(event.fields) };
    // A new column makes another header of it, not another row.
    if (this.#isCsv && event.start === 0) return { kind: 'state', text: 'header' };
    return { kind: 'content', text: event.message };
  }
}
