import type { Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { errorCode, errorText } from './errors.ts';

/**
 * Decompresses a file from its beginning, piece by piece, as they are asked for: nothing runs ahead, so a file that decompresses
 * to any size costs the same memory. Members and frames that follow each other are one file, as `zcat` takes them.
 *
 * Failure rule: what comes before the damage is handed out, all of it, and the same at each time.
 */
export const codecs = ['gzip', 'zstd'] as const;
export type Codec = (typeof codecs)[number];

/** Something that is read at a position; less than `length` only at the end. */
export interface PositionalReader {
  read(buffer: Buffer, bufferOffset: number, length: number, position: number): Promise<number>;
}

const magics = { gzip: Buffer.from([0x1f, 0x8b]), zstd: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) };
const nameEnds = { gzip: '.gz', zstd: '.zst' };
const inputBytes = 16 * 1024;
/** Largest piece that is handed out. */
const pieceBytesMax = 64 * 1024;
const nothingYet = Buffer.alloc(0);

/** By its name alone. */
export function codecOf(path: string): Codec | null {
  return codecs.find((codec) => path.endsWith(nameEnds[codec])) ?? null;
}

/** The path without `.gz` or `.zst`. */
export function bareNameOf(path: string): string {
  const codec = codecOf(path);
  return codec === null ? path : path.slice(0, -nameEnds[codec].length);
}

/** Whether it begins as such a file does; of a shorter file, whether it may yet become one. */
export async function hasMagic(file: PositionalReader, codec: Codec): Promise<boolean> {
  const magic = magics[codec];
  const head = Buffer.alloc(magic.length);
  const got = await file.read(head, 0, head.length, 0);
  return got > 0 && head.subarray(0, got).equals(magic.subarray(0, got));
}

export class Decompressor {
  readonly #file: PositionalReader;
  readonly #codec: Codec;
  #stream: Transform;
  #failure: unknown = null;
  #isFeeding = false;
  #isFed = false;
  /** Where the next input begins, and the input before it. */
  #inputAt = 0;
  #lastInputAt = 0;
  /** From here on the input is given byte by byte: zlib keeps to itself what it made of a piece in which it fails. */
  #fineFrom = Infinity;
  #handedOut = 0;
  /** After such a failure it begins anew, and so many bytes were handed out before. */
  #skip = 0;
  #wake: (() => void) | null = null;

  constructor(file: PositionalReader, codec: Codec) {
    this.#file = file;
    this.#codec = codec;
    this.#stream = this.#begin();
  }

  /** The next piece; an empty one means: ask again. Null at the end, or where the damage is. */
  async next(): Promise<Buffer | null> {
    const piece = await this.#piece();
    if (piece === null) return this.#isFine ? null : this.#beginFinely();
    const skipped = Math.min(this.#skip, piece.length);
    this.#skip -= skipped;
    this.#handedOut += piece.length - skipped;
    return piece.subarray(skipped);
  }

  /** Why it ended before its end; null while it did not. */
  get damage(): string | null {
    return this.#failure === null ? null : errorText(this.#failure);
  }

  close(): void {
    this.#stream.destroy();
  }

  async #piece(): Promise<Buffer | null> {
    for (;;) {
      const piece = this.#stream.read() as Buffer | null;
      if (piece !== null) return piece;
      if (this.#failure !== null || this.#stream.readableEnded) return null;
      if (!this.#isFeeding && !this.#isFed) await this.#feed();
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async #feed(): Promise<void> {
    const length = this.#inputAt >= this.#fineFrom ? 1 : inputBytes;
    const input = Buffer.allocUnsafe(length);
    const got = await this.#file.read(input, 0, length, this.#inputAt);
    this.#lastInputAt = this.#inputAt;
    this.#inputAt += got;
    const stream = this.#stream;
    if (got === 0) {
      this.#isFed = true;
      stream.end();
      return;
    }
    this.#isFeeding = true;
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    stream.write(input.subarray(0, got), () => {
      if (stream !== this.#stream) return;
      this.#isFeeding = false;
      this.#wakeUp();
    });
    await woken;
  }

  /** Nothing more is to be had by going finer: it ended, or its input is merely cut off. */
  get #isFine(): boolean {
    return (
      this.#failure === null || this.#fineFrom !== Infinity || errorCode(this.#failure) === 'Z_BUF_ERROR'
    );
  }

  #beginFinely(): Buffer {
    this.#stream.destroy();
    this.#fineFrom = this.#lastInputAt;
    this.#inputAt = 0;
    this.#skip = this.#handedOut;
    this.#isFeeding = false;
    this.#isFed = false;
    this.#failure = null;
    this.#stream = this.#begin();
    return nothingYet;
  }

  #begin(): Transform {
    const options = { chunkSize: pieceBytesMax, highWaterMark: pieceBytesMax };
    const stream = this.#codec === 'gzip' ? createGunzip(options) : createZstdDecompress(options);
    const wake = () => {
      if (stream === this.#stream) this.#wakeUp();
    };
    stream.on('readable', wake).on('end', wake);
    stream.on('error', (error) => {
      if (stream !== this.#stream) return;
      this.#failure = error;
      this.#isFeeding = false;
      this.#wakeUp();
    });
    return stream;
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = null;
  }
}
