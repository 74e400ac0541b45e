/** Numbers as trainers print them, Python's spelling of NaN and the infinities included. */
const numberText = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?$/;
const groupedText = /^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/;

/** The number that the whole text states, or null. `31,556` is one, too. */
export function readNumber(text: string): number | null {
  if (text.length === 0 || text.length > 64) return null;
  if (numberText.test(text)) return Number(text);
  if (groupedText.test(text)) return Number(text.replaceAll(',', ''));
  switch (text.toLowerCase()) {
    case 'nan':
    case '+nan':
    case '-nan':
      return Number.NaN;
    case 'inf':
    case '+inf':
    case 'infinity':
      return Infinity;
    case '-inf':
    case '-infinity':
      return -Infinity;
    default:
      return null;
  }
}

const sizedText = /^([+-]?\d{1,15}(?:\.\d{1,15})?)([kKMBT])$/;
const sizes: Readonly<Record<string, number>> = { k: 3, K: 3, M: 6, B: 9, T: 12 };

/** The same where numbers are shortened for people, as nanotron and others do: `53.2K` is one, too. */
export function readShortNumber(text: string): number | null {
  return readNumber(text) ?? readNumber(withExponent(text));
}

/** `53.2K` as `53.2e3`. */
function withExponent(text: string): string {
  const [, digits, size = ''] = text.length > 32 ? [] : (sizedText.exec(text) ?? []);
  return digits === undefined ? text : `${digits}e${sizes[size]}`;
}

const wrapped = /(?:float\d{2}|int\d{2}|tensor|rray)\(/;
const wrapper =
  /\b(?:(?:np|numpy|jnp|torch)\.)?(?:b?float\d{2}|u?int\d{2}|tensor|[aA]rray)\(([\w.+-]{1,32})(?:, {1,4}[\w.:<>='", ]{1,80})?\)/g;

/** The text with bare numbers in place of their representations: `np.float64(0.5)`, `tensor(0.5, device='cuda:0')`, `Array(0.5, dtype=float32)`. */
export function withBareNumbers(text: string): string {
  return text.includes('(') && wrapped.test(text) ? text.replaceAll(wrapper, '$1') : text;
}

/** Digits behind the decimal point that a number's text tells, negative where not even the ones are: of `4.50` 2, of `1.932e+04` -1. */
export function decimalsIn(text: string): number {
  const exponentAt = text.search(/e/i);
  const end = exponentAt < 0 ? text.length : exponentAt;
  const point = text.indexOf('.');
  const places = point < 0 || point > end ? 0 : end - point - 1;
  if (exponentAt < 0) return places;
  const exponent = Number(text.slice(exponentAt + 1));
  return Number.isInteger(exponent) ? places - exponent : 0;
}

export interface PrintedNumber {
  value: number;
  decimals: number;
}

/** Powers of ten that a double holds exactly. */
const powersOfTen = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));
/** So many digits make a whole number that a double holds exactly. */
const exactDigitsMax = 15;

/**
 * The number whose text is [at, end) of the line, NaN if that is none, and its decimals. Most texts are read digit by digit: a quotient of two
 * doubles that are exact is rounded once, and so is what `Number` would give.
 */
export function printedNumber(line: string, at: number, end: number): PrintedNumber {
  const first = line.charCodeAt(at);
  const isNegative = first === minus;
  let i = isNegative || first === plus ? at + 1 : at;
  let digits = 0;
  let places = 0;
  let whole = 0;
  let hasPoint = false;
  for (; i < end; i += 1) {
    const code = line.charCodeAt(i);
    if (code >= digit0 && code <= digit9) {
      whole = whole * 10 + code - digit0;
      digits += 1;
      if (hasPoint) places += 1;
    } else if (code === point && !hasPoint) hasPoint = true;
    else break;
  }
  const exponent = i === end ? 0 : exponentAt(line, i, end);
  const decimals = places - exponent;
  const power = powersOfTen[Math.abs(decimals)];
  if (digits === 0 || digits > exactDigitsMax || power === undefined) return printedText(line.slice(at, end));
  const value = decimals < 0 ? whole * power : whole / power;
  return { value: isNegative ? -value : value, decimals };
}

function printedText(printed: string): PrintedNumber {
  const text = withExponent(printed);
  return { value: readNumber(text) ?? Number.NaN, decimals: decimalsIn(text) };
}

/** Of `e-05`; NaN for anything else. */
function exponentAt(line: string, at: number, end: number): number {
  if ((line.charCodeAt(at) | lowerCase) !== letterE) return Number.NaN;
  const sign = line.charCodeAt(at + 1);
  const from = sign === minus || sign === plus ? at + 2 : at + 1;
  if (from >= end || end - from > 4) return Number.NaN;
  let exponent = 0;
  for (let i = from; i < end; i += 1) {
    const code = line.charCodeAt(i);
    if (code < digit0 || code > digit9) return Number.NaN;
    exponent = exponent * 10 + code - digit0;
  }
  return sign === minus ? -exponent : exponent;
}

const digit0 = 48;
const digit9 = 57;
const plus = 43;
const minus = 45;
const point = 46;
const letterE = 101;
const lowerCase = 32;

export function readStep(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
