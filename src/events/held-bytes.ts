/**
 * The bytes that are held of a stream: those of the open event, the atom that has no end yet, and the segment that is being
 * taken in. All offsets are the stream's. Nothing is let go while a segment is taken in: what is not needed after it is
 * simply not saved.
 */
import { isAscii } from 'node:buffer';

interface Piece {
  start: number;
  end: number;
  /** One character a byte. */
  text: string;
}
const noPiece: Piece = { start: -1, end: -1, text: '' };

function isOf(piece: Piece, start: number, end: number): boolean {
  return piece.start === start && piece.end === end;
}

/** EF BB BF, one character a byte. */
const byteOrderMark = '\u00ef\u00bb\u00bf';

export class HeldBytes {
  #bytes: Buffer;
  /** Offset of the first byte. */
  #base: number;
  /** All of them are ASCII, so that none need be asked one by one. */
  #ascii: boolean;
  /** The last two pieces of text: what is asked for twice is asked for again soon, at most with the next line in between. */
  #last: Piece = noPiece;
  #beforeLast: Piece = noPiece;

  /** `end` is the offset behind the last of the bytes. */
  constructor(bytes: Buffer, end: number) {
    this.#bytes = bytes;
    this.#base = end - bytes.length;
    this.#ascii = isAscii(bytes);
  }

  get end(): number {
    return this.#base + this.#bytes.length;
  }

  append(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    this.#ascii &&= isAscii(bytes);
  }

  /** Lets go of all: the next bytes are those at `offset`. */
  skipTo(offset: number): void {
    this.#bytes = Buffer.alloc(0);
    this.#base = offset;
    this.#ascii = true;
    this.#last = this.#beforeLast = noPiece;
  }

  /** The offset of the next such byte, or -1. */
  indexOf(byte: number, from: number): number {
    const index = this.#bytes.indexOf(byte, from - this.#base);
    return index < 0 ? -1 : this.#base + index;
  }

  /** Past the NULs that [start, end) begins with. */
  afterNul(start: number, end: number): number {
    let at = start;
    while (at < end && this.#bytes[at - this.#base] === 0) at += 1;
    return at;
  }

  /** Past the byte order mark of UTF-8, if the stream begins with it: it belongs to no event. */
  afterMark(start: number, end: number): number {
    const isMarked = start === 0 && end >= 3 && this.latin1(0, 3) === byteOrderMark;
    return isMarked ? 3 : start;
  }

  slice(start: number, end: number): Buffer {
    return this.#bytes.subarray(start - this.#base, end - this.#base);
  }

  /** A copy of the bytes from `start` on, which does not keep the segment alive. */
  copyFrom(start: number): Buffer {
    return Buffer.from(this.#bytes.subarray(start - this.#base));
  }

  /** One character a byte: an index in this text is a distance in bytes. */
  latin1(start: number, end: number): string {
    if (isOf(this.#last, start, end)) return this.#last.text;
    if (isOf(this.#beforeLast, start, end)) return this.#beforeLast.text;
    const text = this.#bytes.toString('latin1', start - this.#base, end - this.#base);
    this.#beforeLast = this.#last;
    this.#last = { start, end, text };
    return text;
  }

  /** UTF-8; what is not becomes U+FFFD. */
  text(start: number, end: number): string {
    if (this.#ascii || isAscii(this.slice(start, end))) return this.latin1(start, end);
    return this.#bytes.toString('utf8', start - this.#base, end - this.#base);
  }
}
