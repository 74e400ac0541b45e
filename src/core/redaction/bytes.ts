/** Questions about single bytes and runs of them, as the rules of redaction ask them. */

export const classes = {
  digit: 1,
  upper: 2,
  lower: 4,
  underscore: 8,
  dash: 16,
  /** `+ /` */
  base64: 32,
  dot: 64,
  /** `=` */
  padding: 128,
} as const;

export const letter = classes.upper | classes.lower;
export const alphanumeric = letter | classes.digit;
/** Of identifiers. */
export const wordClass = alphanumeric | classes.underscore;

/** Of each byte. Runs are the only loops over bytes here: lines that are made of what begins like secrets depend on their speed. */
const table = new Uint8Array(256);
for (let code = 0x30; code <= 0x39; code += 1) table[code] = classes.digit;
for (let code = 0x41; code <= 0x5a; code += 1) table[code] = classes.upper;
for (let code = 0x61; code <= 0x7a; code += 1) table[code] = classes.lower;
table[0x5f] = classes.underscore;
table[0x2d] = classes.dash;
table[0x2e] = classes.dot;
for (const code of Buffer.from('+/')) table[code] = classes.base64;
table[0x3d] = classes.padding;

/** Of a position outside of the bytes: nothing. */
export function is(bytes: Buffer, at: number, mask: number): boolean {
  return ((table[bytes[at] ?? 0] ?? 0) & mask) !== 0;
}

/** Where the run of such bytes that begins here ends. */
export function runEnd(bytes: Buffer, from: number, mask: number, limit = bytes.length): number {
  let at = from;
  while (at < limit && (table[bytes[at]!]! & mask) !== 0) at += 1;
  return at;
}

/** Where the run of such bytes that ends here begins; no further back than `limit`. */
export function runStart(bytes: Buffer, end: number, mask: number, limit = 0): number {
  let at = end;
  while (at > limit && is(bytes, at - 1, mask)) at -= 1;
  return at;
}

export function startsWith(bytes: Buffer, at: number, text: string): boolean {
  if (at < 0 || at + text.length > bytes.length) return false;
  for (let i = 0; i < text.length; i += 1) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

export function textOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('latin1', Math.max(0, start), Math.max(0, end));
}

export function count(bytes: Buffer, start: number, end: number, mask: number): number {
  let sum = 0;
  for (let at = start; at < end; at += 1) if ((table[bytes[at]!]! & mask) !== 0) sum += 1;
  return sum;
}

const escapes = Buffer.from('nrt');

/**
 * Whether something new begins here: behind what is no part of a word, and behind escapes, which end in a letter: `\n` in JSON, `%3D` in
 * an address, `ESC [ 32 m`.
 */
export function beginsWord(bytes: Buffer, at: number): boolean {
  const before = bytes[at - 1];
  if (before === undefined || !is(bytes, at - 1, alphanumeric)) return true;
  if (bytes[at - 2] === 0x5c && escapes.includes(before)) return true;
  if (bytes[at - 3] === 0x25) return true;
  if (before !== 0x6d) return false;
  for (let back = at - 2; back >= Math.max(0, at - 16); back -= 1) {
    if (bytes[back] === 0x5b) return bytes[back - 1] === 0x1b;
    if (bytes[back] !== 0x3b && !is(bytes, back, classes.digit)) return false;
  }
  return false;
}
