/**
 * The words of a text, as Elasticsearch's standard analyzer sees them: the word boundaries of Unicode's UAX #29 in
 * the shape of Lucene's StandardTokenizer (longest 255 UTF-16 units, then chopped), lower-cased one code point at a time.
 * Both indices search by these words; test/contract compares this file with a server's `_analyze`.
 *
 * Known differences, none in log text: Hebrew quotation marks inside words, and a zero-width joiner before a pictograph.
 *
 * In log text that means: `train_loss`, `torch.nn.Linear`, `10.0.0.7`, `2.31e`, `don't` and `a:b` are one word each;
 * `loss=2.3`, `/data/x`, `cuda:0`, `node-3` and `1e-5` are two.
 */

/** Lucene's default `max_token_length`. */
const tokenLengthMax = 255;

const classOf = {
  other: 0,
  letter: 1,
  digit: 2,
  connector: 3,
  midLetter: 4,
  midBoth: 5,
  midNumber: 6,
  katakana: 7,
  single: 8,
  extend: 9,
  complex: 10,
  emoji: 11,
  regional: 12,
} as const;

const asciiClasses = buildAsciiClasses();

export function tokenize(text: string): string[] {
  const tokens: string[] = [];
  const length = text.length;
  let at = 0;
  while (at < length) {
    const kind = classAt(text, at);
    if (kind === classOf.other || (kind >= classOf.midLetter && kind <= classOf.midNumber)) {
      at += unitsAt(text, at);
      continue;
    }
    const end = tokenEnd(text, at, kind, Math.min(length, at + tokenLengthMax));
    if (end > 0) tokens.push(lowerCase(text.slice(at, end)));
    if (end > 0) at = end;
    else at = kind === classOf.connector ? skipConnectors(text, at) : at + unitsAt(text, at);
  }
  return tokens;
}

/** Where the token that starts at `at` ends; 0 if what stands there is no word (connectors or marks alone). */
function tokenEnd(text: string, at: number, kind: number, limit: number): number {
  const first = at + unitsAt(text, at);
  switch (kind) {
    case classOf.single:
      return skipExtends(text, first, limit);
    case classOf.complex:
      return runEnd(text, first, limit, classOf.complex);
    case classOf.emoji:
      return emojiEnd(text, first, limit);
    case classOf.regional:
      return classAt(text, first) === classOf.regional && first < limit ? first + unitsAt(text, first) : 0;
    case classOf.extend:
      return 0;
    default:
      return wordEnd(text, first, kind, limit);
  }
}

/** Rules WB5 to WB13b: letters, digits and connectors join; a mid character joins what stands on both its sides. */
function wordEnd(text: string, first: number, kind: number, limit: number): number {
  let last = kind;
  let core = kind !== classOf.connector;
  let end = first;
  while (end < limit) {
    const next = classAt(text, end);
    if (next === classOf.extend) {
      end += unitsAt(text, end);
    } else if (joins(last, next)) {
      last = next;
      core ||= next !== classOf.connector;
      end += unitsAt(text, end);
    } else {
      const beyond = midEnd(text, end, last, next, limit);
      if (beyond === 0) break;
      end = beyond;
    }
  }
  return core ? end : 0;
}

function joins(last: number, next: number): boolean {
  if (next === classOf.letter || next === classOf.digit) return last <= classOf.connector;
  if (next === classOf.connector) return true;
  return next === classOf.katakana && (last === classOf.katakana || last === classOf.connector);
}

/** `.` in `a.b` and `1.5`, `:` in `a:b`, `,` in `1,000`: the end of the letter or digit behind it, or 0. */
function midEnd(text: string, at: number, last: number, mid: number, limit: number): number {
  const joinsLetters = last === classOf.letter && (mid === classOf.midLetter || mid === classOf.midBoth);
  const joinsDigits = last === classOf.digit && (mid === classOf.midNumber || mid === classOf.midBoth);
  if (!joinsLetters && !joinsDigits) return 0;
  const beyond = skipExtends(text, at + unitsAt(text, at), limit);
  if (beyond >= limit || classAt(text, beyond) !== last) return 0;
  return beyond + unitsAt(text, beyond);
}

function skipExtends(text: string, at: number, limit: number): number {
  return runEnd(text, at, limit, classOf.extend);
}

function runEnd(text: string, from: number, limit: number, kind: number): number {
  let at = from;
  while (at < limit) {
    const next = classAt(text, at);
    if (next !== kind && next !== classOf.extend) break;
    at += unitsAt(text, at);
  }
  return at;
}

/** A pictograph with its modifiers, and those that a zero-width joiner ties to it. */
function emojiEnd(text: string, first: number, limit: number): number {
  let at = skipExtends(text, first, limit);
  while (at < limit && text.charCodeAt(at - 1) === 0x200d && classAt(text, at) === classOf.emoji) {
    at = skipExtends(text, at + unitsAt(text, at), limit);
  }
  return at;
}

function skipConnectors(text: string, from: number): number {
  let at = from + unitsAt(text, from);
  while (at < text.length && classAt(text, at) === classOf.connector) at += unitsAt(text, at);
  return at;
}

function unitsAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit > 0xdbff || at + 1 >= text.length) return 1;
  const low = text.charCodeAt(at + 1);
  return low >= 0xdc00 && low <= 0xdfff ? 2 : 1;
}

function classAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit < 128) return asciiClasses[unit] ?? classOf.other;
  return at < text.length ? wideClass(String.fromCodePoint(text.codePointAt(at) ?? 0)) : classOf.other;
}

/** In this order: a class earlier in the list wins. */
const wideClasses: readonly [RegExp, number][] = [
  [/[··՟״‧︓﹕：]/u, classOf.midLetter],
  [/[‘’․﹒＇．]/u, classOf.midBoth],
  [/[;،٬߸⁄︐︔﹐﹔，；]/u, classOf.midNumber],
  [/[\u{202f}‿⁀⁔︳︴﹍﹎﹏＿]/u, classOf.connector],
  [/\u{200b}/u, classOf.other],
  [/[\p{M}\p{Cf}\p{Emoji_Modifier}\u{ff9e}\u{ff9f}]/u, classOf.extend],
  [/\p{Regional_Indicator}/u, classOf.regional],
  [/[\p{Script=Han}\p{Script=Hiragana}]/u, classOf.single],
  [/[\p{Script=Katakana}ー〱-〵゛゜]/u, classOf.katakana],
  [/[\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u, classOf.complex],
  [/[\p{Nd}٫]/u, classOf.digit],
  [/[\p{Alphabetic}\u{2d7}\u{55b}\u{55c}\u{55e}]/u, classOf.letter],
  // With those that Unicode has since taken out of Extended_Pictographic and Lucene still counts.
  [
    /[\p{Extended_Pictographic}\u{2600}-\u{2605}\u{2607}-\u{2612}\u{2614}-\u{2685}\u{2690}-\u{2705}\u{2708}-\u{2712}]/u,
    classOf.emoji,
  ],
];

const wideClassCache = new Map<string, number>();
const wideClassCacheMax = 4096;

function wideClass(character: string): number {
  const known = wideClassCache.get(character);
  if (known !== undefined) return known;
  const found = wideClasses.find(([pattern]) => pattern.test(character))?.[1] ?? classOf.other;
  if (wideClassCache.size >= wideClassCacheMax) wideClassCache.clear();
  wideClassCache.set(character, found);
  return found;
}

function buildAsciiClasses(): Uint8Array {
  const classes = new Uint8Array(128);
  for (let unit = 0; unit < 128; unit += 1) {
    const character = String.fromCharCode(unit);
    if (/[A-Za-z]/.test(character)) classes[unit] = classOf.letter;
    else if (/[0-9]/.test(character)) classes[unit] = classOf.digit;
    else if (character === '_') classes[unit] = classOf.connector;
    else if (character === ':') classes[unit] = classOf.midLetter;
    else if (character === '.' || character === "'") classes[unit] = classOf.midBoth;
    else if (character === ',' || character === ';') classes[unit] = classOf.midNumber;
  }
  return classes;
}

/** By code point, as Lucene does: no final sigma, and a dotted capital I becomes a plain i. */
export function lowerCase(text: string): string {
  if (!/[Σİ]/.test(text)) return text.toLowerCase();
  let lower = '';
  for (const character of text) lower += character === 'İ' ? 'i' : character.toLowerCase();
  return lower;
}
