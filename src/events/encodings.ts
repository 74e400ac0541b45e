/**
 * Text that is no UTF-8: UTF-16, known by its byte order mark or by configuration, and the encodings of the WHATWG standard that
 * TextDecoder knows, by configuration. A record is what stands up to a `\r` or `\n`, so that frames of a progress bar are seen as they
 * come. In none of these encodings but UTF-16 are the bytes of `\r` and `\n` part of another character.
 */
import { RunList } from './places.ts';
import type { Unwrapped, Wrapping } from './unwrapping.ts';

const newline = 0x0a;
const carriageReturn = 0x0d;
const textBytesMax = 16 * 1024;

/** The label under which the agent says what a file's encoding is: `source.encodings`, docs/CONFIG.md. */
export const encodingLabel = 'encoding';

export type Utf16 = 'utf-16le' | 'utf-16be';

/** By the byte order mark; null if there is none. */
export function utf16ByMark(head: Buffer): Utf16 | null {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  return head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : null;
}

const known = new Map<string, Wrapping | null>();

/** How a file of the configured encoding is unwrapped; null for UTF-8 and for a name that nobody knows. */
export function wrappingOf(label: string): Wrapping | null {
  let wrapping = known.get(label);
  if (wrapping === undefined) {
    const name = encodingName(label);
    if (name === null || name === 'utf-8') wrapping = null;
    else wrapping = name === 'utf-16le' || name === 'utf-16be' ? utf16(name) : decoded(name);
    if (known.size < 64) known.set(label, wrapping);
  }
  return wrapping;
}

/** The standard's name for a label (`latin1` is `windows-1252`); null for none of its labels. */
function encodingName(label: string): string | null {
  try {
    return new TextDecoder(label).encoding;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** Units stand at even offsets of the stream, wherever its segments were cut. */
function utf16(order: Utf16): Wrapping {
  const low = order === 'utf-16le' ? 0 : 1;
  const unitAt = (bytes: Buffer, at: number) => ((bytes[at + 1 - low] ?? 0) << 8) | (bytes[at + low] ?? 0);
  return {
    recordBytesMax: textBytesMax,
    recordEnd(bytes, from, offset) {
      // Behind a gap.
      if (offset % 2 === 1) return from + 1;
      for (let at = from; at + 2 <= bytes.length; at += 2) {
        const unit = unitAt(bytes, at);
        if (unit === newline || unit === carriageReturn) return at + 2;
        if (at + 2 - from >= textBytesMax - 2 && unit < 0xd800) return at + 2;
      }
      return 0;
    },
    unwrap(record, offset) {
      const marked = offset === 0 && record.length >= 2 && unitAt(record, 0) === 0xfeff ? 2 : 0;
      const list = new RunList(marked);
      let text = '';
      for (let at = marked; at + 2 <= record.length; at += 2) {
        const unit = unitAt(record, at);
        const next = unit >= 0xd800 && unit < 0xdc00 ? unitAt(record, at + 2) : 0;
        if (next >= 0xdc00 && next < 0xe000 && at + 4 <= record.length) {
          list.add(1, 4, 4);
          text += String.fromCharCode(unit, next);
          at += 2;
        } else {
          list.add(1, unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3, 2);
          text += String.fromCharCode(unit);
        }
      }
      // Half a unit: before the first whole one behind a gap, or where the stream ends.
      if (record.length % 2 === 1) {
        list.add(1, 3, 1);
        text += '\uFFFD';
      }
      return plain(Buffer.from(text), list, record.length, endsLine(text) ? 2 : 0);
    },
  };
}

function decoded(name: string): Wrapping {
  const decoder = new TextDecoder(name);
  return {
    recordBytesMax: textBytesMax,
    recordEnd(bytes, from) {
      const line = bytes.indexOf(newline, from);
      const frame = bytes.subarray(0, line < 0 ? bytes.length : line).indexOf(carriageReturn, from);
      return (frame < 0 ? line : frame) + 1;
    },
    unwrap(record) {
      const list = new RunList(0);
      const characters = decoder.decode(record);
      const text = Buffer.from(characters);
      if (characters.length === record.length) {
        for (const character of characters) list.add(1, Buffer.byteLength(character), character.length);
      } else {
        // Several bytes a character: bounds inside of such a line are near.
        list.add(text.length, 1, Math.min(1, record.length / Math.max(1, text.length)));
      }
      return plain(text, list, record.length, endsLine(characters) ? 1 : 0);
    },
  };
}

function endsLine(text: string): boolean {
  return text.endsWith('\n') || text.endsWith('\r');
}

function plain(text: Buffer, { runs }: RunList, length: number, ending: number): Unwrapped {
  return { text, runs, rawEnd: length - ending, iostream: null, time: null, endsWriter: false };
}
