/**
 * The fields of a record as one flat object of texts, for a `flattened` field. Elasticsearch would flatten by itself, but
 * refuses the whole document for a term over 32,766 bytes, a NUL in a key or too deep an object. Here nothing is refused:
 * keys and values are clipped, what is too deep becomes JSON text. Nothing is lost by that: `message` has it all.
 */
import { numberToJson } from '../../core/fact.ts';

const keyLengthMax = 256;
const valueLengthMax = 1_024;
const depthMax = 16;
const valuesMax = 5_000;

export function flattenFields(fields: Readonly<Record<string, unknown>>): Record<string, string | string[]> {
  const flat = new Map<string, string | string[]>();
  let left = valuesMax;
  visit(fields, '', 0);
  return Object.fromEntries(flat);

  function visit(value: unknown, path: string, depth: number): void {
    if (value === null || value === undefined || left <= 0) return;
    if (Array.isArray(value) && depth < depthMax) {
      for (const element of value) visit(element, path, depth + 1);
    } else if (typeof value === 'object' && depth < depthMax && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value))
        visit(inner, depth === 0 ? key : `${path}.${key}`, depth + 1);
    } else add(path, textOf(value));
  }

  function add(path: string, text: string): void {
    left -= 1;
    const key = clip(path.replaceAll('\0', '\u{fffd}'), keyLengthMax);
    const value = clip(text, valueLengthMax);
    const known = flat.get(key);
    if (known === undefined) flat.set(key, value);
    else if (Array.isArray(known)) known.push(value);
    else flat.set(key, [known, value]);
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(numberToJson(value));
  return JSON.stringify(value) ?? '';
}

/** Well-formed, for Elasticsearch refuses half a surrogate pair. */
function clip(text: string, lengthMax: number): string {
  return text.slice(0, lengthMax).toWellFormed();
}
