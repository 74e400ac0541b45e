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

/** Longer lines have no shape to remember. */
export const shapedMax = 1024;
const slotsCount = 4096;

const digits = '0123456789';
/** `. / - % @`: within a word or a number, they do not end it; before one, they do not begin it. */
const joiners = './-%@';

const outside = 0;
const inNumber = 1;
const inWord = 2;

/**
 * By what the characters before belong to and the code of the next one, as `before * codesMax + code`: what it belongs to, times `codesMax`,
 * and the code that is its mask.
 */
const codesMax = 128;
const masks = Uint16Array.from({ length: 3 * codesMax }, (_, index) => {
  const before = Math.trunc(index / codesMax);
  const code = index % codesMax;
  const within = withinAt(before, String.fromCharCode(code));
  const isMasked = within === inNumber && isDigit(code);
  return within * codesMax + (isMasked ? digits.charCodeAt(0) : code);
});

function withinAt(before: number, character: string): number {
  if (joiners.includes(character)) return before;
  if (!/\w/.test(character)) return outside;
  return before === outside ? (digits.includes(character) ? inNumber : inWord) : before;
}

function isDigit(code: number): boolean {
  return code >= digits.charCodeAt(0) && code < digits.charCodeAt(0) + digits.length;
}

/** A line's codes are written here, masked, and compared as pairs. */
const codes = new Uint16Array(shapedMax + 1);
const pairs = new Int32Array(codes.buffer, 0, shapedMax / 2);

interface Shape<Traits> {
  hash: number;
  length: number;
  pairs: Int32Array;
  traits: Traits;
}

/**
 * The traits of lines, `learn`ed once a shape while it is remembered: the answer is that of `learn(line)`, which must not hang on masked
 * digits. Bounded: a shape takes the place of another one, when it is met for the second time in a row there, so that lines of which each
 * has a shape of its own leave the others alone.
 */
export class LineShapes<Traits> {
  readonly #learn: (line: string) => Traits;
  readonly #shapes: (Shape<Traits> | undefined)[] = Array.from({ length: slotsCount }, () => undefined);
  /** By slot: the hash of the last shape that was met and is not the one remembered. */
  readonly #met = new Int32Array(slotsCount);

  constructor(learn: (line: string) => Traits) {
    this.#learn = learn;
  }

  of(line: string): Traits {
    if (line.length > shapedMax) return this.#learn(line);
    const hash = mask(line);
    const slot = (hash ^ (hash >>> 16)) & (slotsCount - 1);
    const shape = this.#shapes[slot];
    if (shape !== undefined && isMasked(line, hash, shape)) return shape.traits;
    if (this.#met[slot] !== hash) {
      this.#met[slot] = hash;
      return this.#learn(line);
    }
    const masked = pairs.slice(0, (line.length + 1) >> 1);
    const traits = this.#learn(line);
    this.#shapes[slot] = { hash, length: line.length, pairs: masked, traits };
    return traits;
  }
}

/** Writes the line's shape to `codes`; its hash. */
function mask(line: string): number {
  let hash = line.length;
  let within = outside;
  for (let i = 0; i < line.length; i += 1) {
    let code = line.charCodeAt(i);
    if (code < codesMax) {
      const masked = masks[within * codesMax + code] ?? 0;
      within = Math.trunc(masked / codesMax);
      code = masked % codesMax;
    } else within = outside;
    codes[i] = code;
    hash = (Math.imul(hash, 31) + code) | 0;
  }
  codes[line.length] = 0;
  return hash;
}

/** Is the shape the one in `codes`, of `line`? */
function isMasked(line: string, hash: number, shape: Shape<unknown>): boolean {
  if (shape.hash !== hash || shape.length !== line.length) return false;
  const known = shape.pairs;
  for (let i = 0; i < known.length; i += 1) if (known[i] !== pairs[i]) return false;
  return true;
}

/** Are all digits of [start, end) part of the line's shape? */
export function isInShape(line: string, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) if (isMaskedAt(line, i)) return false;
  return true;
}

function isMaskedAt(line: string, index: number): boolean {
  if (!isDigit(line.charCodeAt(index))) return false;
  let start = index;
  while (start > 0 && withinAt(inWord, line.charAt(start - 1)) === inWord) start -= 1;
  let within = outside;
  for (let i = start; i <= index; i += 1) within = withinAt(within, line.charAt(i));
  return within === inNumber;
}
