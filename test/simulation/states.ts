import type { Segment } from '../../src/core/segment.ts';
import { about } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import type { ModelFileSystem } from './model-file-system.ts';
import type { StateOperation } from './program.ts';
import type { Random } from './random.ts';

/** Of the epochs of files that are written anew as a whole: they belong to no log. */
export const stateLog = -1;

export function isState(path: string): boolean {
  return /\.(csv|json)$/.test(path);
}

interface StateStream {
  first: Segment;
  end: number;
  bytes: Buffer;
  hasGap: boolean;
  final: boolean;
  /** Its bytes came again as others. */
  isMixed: boolean;
}

/**
 * Files that are written anew as a whole, and what a consumer holds of them. A stream must be a state that the file had at some time, or
 * the beginning of one that went on being appended to; a state must not come twice in a row; and at the end the last one must be there.
 */
export class States {
  readonly #fs: ModelFileSystem;
  readonly #random: Random;
  readonly #ledger: Ledger;
  /** By path: all that the file held at some time, in order. */
  readonly #contents = new Map<string, Buffer[]>();
  readonly #rests = new Map<string, Buffer>();
  readonly #streams = new Map<string, StateStream>();
  #rows = 0;
  bytesWritten = 0;

  constructor(fs: ModelFileSystem, random: Random, ledger: Ledger) {
    this.#fs = fs;
    this.#random = random;
    this.#ledger = ledger;
  }

  perform({ path, how, rows }: StateOperation): void {
    const fs = this.#fs;
    switch (how) {
      case 'replace': {
        const whole = fs.create('/elsewhere/state', stateLog);
        fs.append(whole, this.#text(path, rows));
        fs.rename('/elsewhere/state', path);
        this.#rests.delete(path);
        break;
      }
      case 'begin': {
        const text = this.#text(path, rows);
        const half = this.#random.below(text.length);
        const inode = fs.fileAt(path) ?? fs.create(path, stateLog);
        if (inode.epoch.size > 0) fs.truncate(inode, 0);
        if (half > 0) fs.append(inode, text.subarray(0, half));
        this.#rests.set(path, text.subarray(half));
        break;
      }
      case 'rest': {
        const [inode, rest] = [fs.fileAt(path), this.#rests.get(path)];
        if (inode && rest) fs.append(inode, rest);
        this.#rests.delete(path);
        break;
      }
      case 'append': {
        const inode = fs.fileAt(path) ?? fs.create(path, stateLog);
        if (!this.#rests.has(path)) fs.append(inode, this.#lines(rows));
      }
    }
    const held = Buffer.from(fs.fileAt(path)?.epoch.content ?? []);
    this.#contents.set(path, [...(this.#contents.get(path) ?? []), held]);
  }

  take(segment: Segment): void {
    const { stream, start, end, bytes, gap } = segment;
    const held = this.#streams.get(stream) ?? this.#begin(segment);
    if (start > held.end)
      this.#ledger.violate('hole', `${about(segment)} comes when it is held to ${held.end}`);
    const again = bytes.subarray(0, Math.max(0, held.end - start));
    if (!held.hasGap && !held.bytes.subarray(start, start + again.length).equals(again))
      this.#noteOthers(held, segment);
    if (end < held.end || (end === held.end && start !== end)) return;
    if (gap !== null) held.hasGap = true;
    held.bytes = Buffer.concat([held.bytes, bytes.subarray(Math.max(0, held.end - start))]);
    held.end = Math.max(held.end, end);
    held.final = segment.final;
  }

  /** When all faults are over and the agent had time to catch up. */
  judge(): void {
    for (const [path, contents] of this.#contents) {
      const streams = [...this.#streams.values()]
        .filter(({ first }) => first.path === path)
        .sort((a, b) => a.first.created - b.first.created);
      for (const [i, stream] of streams.entries()) this.#judgeStream(stream, streams[i - 1], contents);
      if (streams.some(({ isMixed }) => isMixed)) continue;
      // When a decision was lost, an earlier state may go on, or a later one have an earlier time.
      const isLast = ({ bytes }: StateStream) => contents.at(-1)?.equals(bytes) === true;
      const last = this.#ledger.atLeastOnce ? streams.findLast(isLast) : streams.at(-1);
      this.#judgeLast(path, last, contents.at(-1));
    }
  }

  #judgeStream(
    { first, bytes, hasGap }: StateStream,
    before: StateStream | undefined,
    contents: Buffer[],
  ): void {
    if (this.#ledger.atLeastOnce || hasGap) return;
    const isBeginning = (content: Buffer) => content.subarray(0, bytes.length).equals(bytes);
    if (!contents.some(isBeginning))
      this.#ledger.violate('state', `${about(first)} holds what the file never held`);
    if (before && !before.hasGap && before.bytes.equals(bytes))
      this.#ledger.violate('state', `${about(first)} is the state before it again`);
    if (before && first.previous !== before.first.stream)
      this.#ledger.violate('state', `${about(first)} does not say which state was before it`);
  }

  /** The same range with other bytes: only a lost decision excuses that. They are skipped, and the state is of either. */
  #noteOthers(held: StateStream, segment: Segment): void {
    held.isMixed = true;
    if (!this.#ledger.atLeastOnce)
      this.#ledger.violate('state', `${about(segment)} has other bytes than were sent before`);
  }

  #judgeLast(path: string, last: StateStream | undefined, content: Buffer | undefined): void {
    if (!content || content.length === 0 || this.#fs.fileAt(path) === null) return;
    if (!last?.final || last.hasGap || !last.bytes.equals(content))
      this.#ledger.violate(
        'state',
        `the last state of ${path}, of ${content.length} bytes, is not there as a whole`,
      );
  }

  #begin(first: Segment): StateStream {
    const held = { first, end: 0, bytes: Buffer.alloc(0), hasGap: false, final: false, isMixed: false };
    this.#streams.set(first.stream, held);
    return held;
  }

  /** Of a length that no other state has: by size and time alone two of one moment could not be told apart. */
  #text(path: string, rows: number): Buffer {
    const head = Buffer.from(`step,loss,lr\n${'#'.repeat(1 + (this.#contents.get(path)?.length ?? 0))}\n`);
    return Buffer.concat([head, this.#lines(rows)]);
  }

  #lines(rows: number): Buffer {
    const lines = Array.from({ length: rows }, () => {
      this.#rows += 1;
      return `${this.#rows},${this.#random.next().toFixed(5)},0.001\n`;
    });
    const text = Buffer.from(lines.join(''));
    this.bytesWritten += text.length;
    return text;
  }
}
