/**
 * A log prints the same statements over and over: its lines differ in their numbers only. The *shape* of a line is its text with the digits
 * of its numbers masked, each by itself, so that lines of one shape are equally long and their numbers stand at the same places.
 *
 *     2026-11-23 10:26:25 [rank1] step 120 | loss 2.5012 | lr 1.0e-05
 *     0000-00-00 00:00:00 [rank1] step 000 | loss 0.0000 | lr 0.0e-00
 *
 * What is found in a line may be remembered by its shape if it does not hang on which digits these are: what takes any digit for any other.
 * Patterns do that whose classes have all digits or none; `Number()` and `JSON.parse` do not, and are asked of the places for each line.
 * Digits within a word (`rank1`, `top5`, `acc@5`, `v1.2`) are part of its shape, for names are told apart by them.
 */
import { copyOf } from '../core/remembered.ts';

/** Longer lines have no shape to remember. */
export const shapedMax = 1024;
/** With one more all are forgotten. */
const shapesMax = 8192;
/** Lines that differ only in the digits within their words. */
const variantsMax = 64;
const metMax = 4096;

/** A line is written here, and looked at as pairs of characters. */
const characters = Buffer.alloc(2 * shapedMax + 2);
const pairs = new Int32Array(characters.buffer, characters.byteOffset, characters.length >> 2);

/** Lines that are the same but for their digits. */
interface Frame<Traits> {
  length: number;
  /** All digits masked. */
  bytes: Buffer;
  /** Where the digits within words stand; and the shapes, by these digits. */
  inWords: readonly number[];
  shapes: Map<string, Traits>;
}

/**
 * The traits of lines, `learn`ed once a shape while it is remembered: the answer is that of `learn(line)`, which must not hang on masked
 * digits. Bounded. Lines are remembered when one like them was met shortly before, so that those that are like no other cost little.
 */
export class LineShapes<Traits extends object> {
  readonly #learn: (line: string) => Traits;
  readonly #frames = new Map<number, Frame<Traits>>();
  #count = 0;
  /** Hashes of lines that were met and are not remembered. */
  readonly #met = new Int32Array(metMax);

  constructor(learn: (line: string) => Traits) {
    this.#learn = learn;
  }

  of(line: string): Traits {
    if (line.length > shapedMax) return this.#learn(line);
    const hash = mask(line);
    const frame = this.#frames.get(hash);
    if (frame !== undefined && isMasked(line, frame)) return this.#shapeIn(frame, line);
    const slot = (hash ^ (hash >>> 16)) & (metMax - 1);
    if (this.#met[slot] !== hash) this.#met[slot] = hash;
    else if (frame === undefined) {
      const inWords = digitsInWords(line);
      const bytes = Buffer.from(characters.subarray(0, 2 * line.length));
      const added = { length: line.length, bytes, inWords, shapes: new Map<string, Traits>() };
      this.#frames.set(hash, added);
      return this.#shapeIn(added, line);
    }
    return this.#learn(line);
  }

  #shapeIn({ inWords, shapes }: Frame<Traits>, line: string): Traits {
    let digits = '';
    for (const at of inWords) digits += line.charAt(at);
    const known = shapes.get(digits);
    if (known !== undefined) return known;
    if (shapes.size >= variantsMax) return this.#learn(line);
    const traits = this.#learn(copyOf(line));
    shapes.set(digits, traits);
    this.#count += 1;
    if (this.#count > shapesMax) {
      this.#frames.clear();
      this.#count = 0;
    }
    return traits;
  }
}

function pairsOf(line: string): number {
  return (line.length + 1) >> 1;
}

/** Writes the line to `pairs`, all its digits masked: two characters at once, for every line is looked at. Its hash. */
function mask(line: string): number {
  const end = characters.write(line, 'utf16le');
  characters[end] = characters[end + 1] = 0;
  const count = pairsOf(line);
  let hash = line.length;
  for (let i = 0; i < count; i += 1) {
    const pair = pairs[i] ?? 0;
    // 0 to 9 in either half, where a digit is; the upper bit of the half is set where none is.
    const value = pair ^ 0x0030_0030;
    const isNone = (value | ((value & 0x7fff_7fff) + 0x7ff6_7ff6)) & 0x8000_8000;
    const digits = ((~isNone & 0x8000_8000) >>> 15) * 0xf;
    const masked = pair & ~digits;
    pairs[i] = masked;
    hash = ((Math.imul(hash, 0x9e37_79b1) ^ (hash >>> 15)) + masked) | 0;
  }
  return hash;
}

/** Is the line in `pairs` one of the frame? */
function isMasked(line: string, { length, bytes }: Frame<object>): boolean {
  return length === line.length && characters.compare(bytes, 0, bytes.length, 0, bytes.length) === 0;
}

// ---- words and numbers

const joiners = /[./@%-]/;
const word = /\w/;
const digit = /\d/;

/**
 * Where digits stand that are part of the line's shape: behind a letter in a run of letters, digits, `_ . / - % @`, in which the first three
 * come first.
 */
function digitsInWords(line: string): number[] {
  const found: number[] = [];
  let within: 'nothing' | 'number' | 'word' = 'nothing';
  for (let i = 0; i < line.length; i += 1) {
    const character = line.charAt(i);
    const isDigit = digit.test(character);
    if (word.test(character)) within = within === 'nothing' ? (isDigit ? 'number' : 'word') : within;
    else if (!joiners.test(character)) within = 'nothing';
    if (isDigit && within === 'word') found.push(i);
  }
  return found;
}

/** Does a word or number that begins before `index` go on there? Digits that a name seems to have there may be masked. */
export function isWithinRun(line: string, index: number): boolean {
  return index > 0 && isOfRun(line.charAt(index - 1)) && isOfRun(line.charAt(index));
}

function isOfRun(character: string): boolean {
  return word.test(character) || joiners.test(character);
}

/** Are all digits of [start, end) part of the line's shape? */
export function isInShape(line: string, start: number, end: number): boolean {
  if (!digit.test(line.slice(start, end))) return true;
  const inWords = new Set(digitsInWords(line));
  for (let i = start; i < end; i += 1) if (digit.test(line.charAt(i)) && !inWords.has(i)) return false;
  return true;
}
