import { classes, is, runEnd, wordClass } from './bytes.ts';

/** A value with what joins it to its name. */
export interface NamedValue {
  start: number;
  /** As far as it goes, or as the bytes do. */
  end: number;
  quoted: boolean;
  /** It may go on behind the end of the bytes. */
  open: boolean;
  /** What stands between: `=`, `:`, `,` in lists of arguments and pairs, `.` for a row of dots, or only space. */
  sign: '=' | ':' | ',' | '.' | ' ' | '--';
}

const spacesMax = 64;
const dotsMin = 3;
const valueBytesMax = 2048;

const newline = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const tab = 0x09;
const escape = 0x1b;
const backslash = 0x5c;
const doubleQuote = 0x22;
const singleQuote = 0x27;

/**
 * The value behind a name, as programs print names and values: `name=value`, `name: value`, `"name": "value"`, `\"name\": \"value\"`
 * (JSON within JSON), `'name', 'value'`, `--name value`, `name ....... value` (Megatron), `name | value`. On one line. Null: there is none, or the bytes
 * end before it.
 */
export function valueBehind(bytes: Buffer, name: { start: number; end: number }): NamedValue | null {
  const nameQuote = quoteAt(bytes, name.end);
  const afterName = nameQuote ? nameQuote.end : name.end;
  const isFlag = bytes[name.start] === 0x2d || bytes[name.start - 1] === 0x2d;
  const signAt = spacesEnd(bytes, afterName);
  const sign = signIn(bytes, signAt, { isQuoted: nameQuote !== null, isApart: signAt > afterName });
  if (sign === null) return null;
  const from = spacesEnd(bytes, sign.end);
  if (from >= bytes.length) return null;
  const kind = sign.sign === ' ' && isFlag ? '--' : sign.sign;
  if (kind === ' ' && nameQuote !== null) return null;
  // The first letter of b'…', r'…' and u'…'.
  const prefixed = is(bytes, from, classes.lower) && quoteAt(bytes, from + 1) ? from + 1 : from;
  const quote = quoteAt(bytes, prefixed);
  // Arguments in a list have a flag before them, and a pair begins with its name: other lists are of names.
  if (kind === ',' && !isFlag && bytes[name.start - 2] !== 0x28) return null;
  if (quote) return isEnd(bytes, quote) ? null : quotedValue(bytes, quote, kind);
  // A pair or a list has each of its parts in quotes.
  if (kind === ',') return null;
  const isWhole = isFlag ? kind !== ':' : isVariable(bytes, name.start, sign);
  return bareValue(bytes, from, kind, isWhole);
}

/** A quote that ends what began before the name: `"Password: ")`. */
function isEnd(bytes: Buffer, { end }: Quote): boolean {
  return [0x29, 0x2c, 0x3b, 0x5d, 0x7d, newline].includes(bytes[end] ?? 0);
}

interface Sign {
  sign: NamedValue['sign'];
  end: number;
}

function signIn(
  bytes: Buffer,
  at: number,
  { isQuoted, isApart }: { isQuoted: boolean; isApart: boolean },
): Sign | null {
  switch (bytes[at]) {
    case 0x3d:
      // `==` compares: source code in a traceback.
      if (bytes[at + 1] === 0x3d) return null;
      return { sign: '=', end: bytes[at + 1] === 0x3e ? at + 2 : at + 1 };
    case 0x3a:
      return { sign: ':', end: bytes[at + 1] === 0x3d ? at + 2 : at + 1 };
    case 0x2c:
      return isQuoted ? { sign: ',', end: at + 1 } : null;
    case 0x2e: {
      const end = runEnd(bytes, at, classes.dot);
      return isApart && end - at >= dotsMin ? { sign: '.', end } : null;
    }
    case 0x7c:
      return isApart && !isQuoted ? { sign: ':', end: at + 1 } : null;
    default:
      // A table drawn with boxes: │
      if (isApart && bytes[at] === 0xe2 && bytes[at + 1] === 0x94 && bytes[at + 2] === 0x82)
        return { sign: ':', end: at + 3 };
      return isApart ? { sign: ' ', end: at } : null;
  }
}

interface Quote {
  /** `"` or `'`. */
  byte: number;
  /** So many backslashes stand before it: it is quoted itself. */
  depth: number;
  end: number;
}

function quoteAt(bytes: Buffer, at: number): Quote | null {
  let quote = at;
  while (bytes[quote] === backslash && quote - at < 7) quote += 1;
  const byte = bytes[quote];
  if (byte !== doubleQuote && byte !== singleQuote) return null;
  return { byte, depth: quote - at, end: quote + 1 };
}

/** Up to the same quote, or the end of the line. */
function quotedValue(bytes: Buffer, quote: Quote, sign: NamedValue['sign']): NamedValue {
  const start = quote.end;
  const limit = Math.min(bytes.length, start + valueBytesMax);
  let backslashes = 0;
  for (let at = start; at < limit; at += 1) {
    const byte = bytes[at];
    if (byte === quote.byte && backslashes <= quote.depth)
      return { start, end: at - backslashes, quoted: true, open: false, sign };
    if (byte === newline || byte === carriageReturn)
      return { start, end: at, quoted: true, open: false, sign };
    backslashes = byte === backslash ? backslashes + 1 : 0;
  }
  return { start, end: limit, quoted: true, open: limit === bytes.length, sign };
}

const bareEnds = new Uint8Array(256);
for (let code = 0; code <= 0x20; code += 1) bareEnds[code] = 1;
for (const code of Buffer.from('"\'`\\<>')) bareEnds[code] = 1;
/** Within a line these separate values; in a flag's, and in `NAME=value` alone on its line, they are part of it. */
for (const code of Buffer.from(',;&|()[]{}')) bareEnds[code] = 2;

function bareValue(bytes: Buffer, start: number, sign: NamedValue['sign'], isWhole: boolean): NamedValue {
  const limit = Math.min(bytes.length, start + valueBytesMax);
  let at = start;
  // What begins like a placeholder, `<TOKEN>` or `${NAME}`, is none if it is not whole.
  if (bytes[at] === 0x3c || (bytes[at] === 0x24 && bytes[at + 1] === 0x7b)) at += 2;
  while (at < limit) {
    const ends = bareEnds[bytes[at]!]!;
    if (ends === 1 || (ends === 2 && !isWhole)) break;
    at += 1;
  }
  return { start, end: at, quoted: false, open: at === bytes.length, sign };
}

/** `NAME=value` on a line of its own, as `env` prints it. */
function isVariable(bytes: Buffer, nameStart: number, { sign, end }: Sign): boolean {
  if (sign !== '=' || bytes[end - 2] === space) return false;
  const before = bytes[nameStart - 1];
  return before === newline || before === carriageReturn || (nameStart === 0 && is(bytes, 0, wordClass));
}

/** Behind the letter that ends `ESC [ 32 m`. */
function colourEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (at - from < 16 && (is(bytes, at, classes.digit) || bytes[at] === 0x3b)) at += 1;
  return at + 1;
}

/** Behind spaces, and what colours a terminal. */
function spacesEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (at - from < spacesMax) {
    if (bytes[at] === space || bytes[at] === tab) at += 1;
    else if (bytes[at] === escape && bytes[at + 1] === 0x5b) at = colourEnd(bytes, at + 2);
    else break;
  }
  return at;
}
