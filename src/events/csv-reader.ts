/** The rows of a CSV file as events. Its first line decides: a header names the fields of all rows below it. */
import type { CutState } from './cut-state.ts';
import { delimiterOf, isHeader, rowFields, splitRow } from './csv-row.ts';
import type { EventBuilder } from './event-builder.ts';
import { recordGroup } from './grouping.ts';
import type { HeldBytes } from './held-bytes.ts';
import { noHead } from './line-head.ts';

/** A longer first line is no header. */
const headerBytesMax = 65_536;

export class CsvReader {
  readonly #held: HeldBytes;
  readonly #state: CutState;
  readonly #events: EventBuilder;

  constructor(held: HeldBytes, state: CutState, events: EventBuilder) {
    this.#held = held;
    this.#state = state;
    this.#events = events;
  }

  /** False: the file is no CSV file after all. */
  take(start: number, end: number, raw: string, shown: string): boolean {
    const state = this.#state;
    if (state.csv === null) {
      state.csv = this.#headerIn(start, end);
      if (state.csv === false) return false;
      this.#events.start(start, end, { text: shown, head: noHead, rank: null }, false);
      this.#events.close();
      return true;
    }
    if (this.#events.current === null) {
      this.#events.startRecord(start, end, recordGroup('row', null, null));
      state.quoteOpen = false;
    } else this.#events.extend(end);
    // A row goes on in the next line while a quote is open.
    if (hasOddQuotes(raw)) state.quoteOpen = !state.quoteOpen;
    if (!state.quoteOpen) this.#closeRow(state.csv);
    return true;
  }

  #headerIn(start: number, end: number): string[] | false {
    if (end - start >= headerBytesMax) return false;
    const line = this.#held.text(start, end);
    const delimiter = delimiterOf(line);
    const cells = splitRow(line, delimiter);
    if (cells === null || cells.length < 2 || !isHeader(cells)) return false;
    if (delimiter !== ',') this.#state.delimiter = delimiter;
    return cells;
  }

  #closeRow(header: string[] | false): void {
    const event = this.#events.current;
    if (event !== null && event.part === 0 && header !== false) {
      const cells = splitRow(this.#held.text(event.partStart, event.end), this.#state.delimiter ?? ',');
      const repeated =
        cells !== null && cells.length === header.length && cells.every((cell, i) => cell === header[i]);
      if (cells !== null && !repeated) event.fields = rowFields(header, cells);
      const seconds = event.fields?.['timestamp'] ?? event.fields?.['created_at'];
      if (typeof seconds === 'number' && seconds > 1e9 && seconds < 4e9) event.time = seconds * 1000;
    }
    this.#events.close();
  }
}

function hasOddQuotes(text: string): boolean {
  let odd = false;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) odd = !odd;
  return odd;
}
