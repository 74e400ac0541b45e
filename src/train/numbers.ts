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

export function readStep(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
