import { listLogFiles, readRange, statLogFile } from './log-files.ts';
import type { LogFile } from './log-files.ts';
import { frameHeaderBytes, nextMagic, parseFrame, payloadBytesMax } from './log-format.ts';
import type { StoredRecord } from './log-format.ts';

export type LogEntry =
  | { kind: 'record'; position: number; end: number; record: StoredRecord }
  /** Bytes that are no records (bit rot). Reading goes on behind them. */
  | { kind: 'corrupt'; position: number; end: number; bytes: Buffer }
  /** Retention took these positions before they were read. */
  | { kind: 'skipped'; position: number; end: number };

/** Bytes of corruption that are kept to be looked at. */
const corruptBytesKept = 1024 * 1024;
const searchWindowBytes = 4 * 1024 * 1024;

/**
 * Reads one log from a position on, in any process, while a writer is alive or dead. Keeps no file open between calls, so that
 * retention frees space at once. What stands at the end of the last file and is no record is waited for: it may be half written, or
 * torn, and then the next writer cuts it off.
 */
export class LogReader {
  readonly #dir: string;
  #position: number;
  /** End of the log at which a search for the next good record came out empty: not repeated until it grows. */
  #searchedEnd = -1;

  constructor(dir: string, position: number) {
    this.#dir = dir;
    this.#position = position;
  }

  get position(): number {
    return this.#position;
  }

  seek(position: number): void {
    this.#position = position;
    this.#searchedEnd = -1;
  }

  /** The next entries: at least one if there is one, about `bytesMax` bytes of them. Empty at the end. */
  async next(bytesMax: number): Promise<LogEntry[]> {
    const files = await listLogFiles(this.#dir);
    for (;;) {
      const at = this.#fileAt(files);
      if (at === null) return [];
      if ('kind' in at) return [this.#advance(at)];
      const { file, last } = at;
      const offset = this.#position - file.base;
      const buffer = await readRange(file.path, offset, Math.max(bytesMax, frameHeaderBytes));
      if (buffer === null) return [];
      const entries = buffer.length > 0 ? await this.#parse(file, buffer, last) : [];
      if (entries.length > 0 || last) return entries;
      const next = files[files.indexOf(file) + 1];
      if (next) this.#position = next.base;
    }
  }

  #fileAt(files: readonly LogFile[]): { file: LogFile; last: boolean } | LogEntry | null {
    const first = files[0];
    if (!first) return null;
    if (this.#position < first.base) return { kind: 'skipped', position: this.#position, end: first.base };
    const file = files.findLast((candidate) => candidate.base <= this.#position) ?? first;
    return { file, last: file === files.at(-1) };
  }

  #advance<E extends LogEntry>(entry: E): E {
    this.#position = entry.end;
    return entry;
  }

  async #parse(file: LogFile, buffer: Buffer, last: boolean): Promise<LogEntry[]> {
    const entries: LogEntry[] = [];
    let offset = 0;
    while (offset < buffer.length) {
      const position = this.#position;
      const frame = parseFrame(buffer, offset, position);
      if (frame.kind === 'record') {
        offset += frame.bytes;
        entries.push(
          this.#advance({ kind: 'record', position, end: position + frame.bytes, record: frame.record }),
        );
        continue;
      }
      // What was read so far is handed out first; the next call starts at this very place.
      if (entries.length > 0) return entries;
      if (frame.kind === 'incomplete') {
        const whole = await readRange(file.path, position - file.base, frame.bytes);
        if (whole && whole.length > buffer.length - offset) return await this.#parse(file, whole, last);
      }
      const corrupt = await this.#corruption(file, last);
      return corrupt ? [this.#advance(corrupt)] : [];
    }
    return entries;
  }

  /** From here to the next good record, or to the end of a file that is no longer written; null where waiting may help. */
  async #corruption(file: LogFile, last: boolean): Promise<LogEntry | null> {
    const position = this.#position;
    const fileEnd = file.base + ((await statLogFile(file.path))?.size ?? 0);
    if (last && this.#searchedEnd === fileEnd) return null;
    const found = await this.#search(file, position + 1, fileEnd);
    if (found === null && last) {
      this.#searchedEnd = fileEnd;
      return null;
    }
    const end = found ?? fileEnd;
    const kept = await readRange(file.path, position - file.base, Math.min(end - position, corruptBytesKept));
    return { kind: 'corrupt', position, end, bytes: kept ?? Buffer.alloc(0) };
  }

  async #search(file: LogFile, from: number, fileEnd: number): Promise<number | null> {
    for (let start = from; start < fileEnd; start += searchWindowBytes) {
      // Windows overlap by the largest frame, so that one which starts at the very end of a window is seen whole.
      const window = await readRange(
        file.path,
        start - file.base,
        searchWindowBytes + frameHeaderBytes + payloadBytesMax,
      );
      if (window === null) return null;
      for (let at = nextMagic(window, 0); at >= 0 && at < searchWindowBytes; at = nextMagic(window, at + 1)) {
        if (parseFrame(window, at, start + at).kind === 'record') return start + at;
      }
    }
    return null;
  }
}

/** Records between two positions, counted by their frame headers alone; stops counting at `countMax`. */
export async function countRecords(dir: string, from: number, countMax: number): Promise<number> {
  const reader = new LogReader(dir, from);
  let count = 0;
  while (count < countMax) {
    const entries = await reader.next(searchWindowBytes);
    if (entries.length === 0) break;
    count += entries.filter((entry) => entry.kind !== 'skipped').length;
  }
  return Math.min(count, countMax);
}
