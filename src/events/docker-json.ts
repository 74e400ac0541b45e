/**
 * Docker's json-file driver: `{"log":"…\n","stream":"stdout","attrs":{…},"time":"…Z"}`, one record a line
 * (moby daemon/logger/jsonfilelog). Lines over 16 KiB are in several records, of which only the last has the `\n`, split inside a
 * character if need be. What is no UTF-8 has become U+FFFD in the driver. A record without `\n` that is shorter is the end of its writer.
 */
import { readIsoTime } from './iso-time.ts';
import { RunList } from './places.ts';
import type { Unwrapped, Wrapping } from './unwrapping.ts';

const opening = Buffer.from('{"log":"');
const quote = 0x22;
const backslash = 0x5c;
const newline = 0x0a;
/** The driver's buffer: a record of less that does not end its line was cut off by the end of the writer. */
const partialBytes = 16_384;

export const dockerJson: Wrapping = {
  recordEnd: (bytes, from) => bytes.indexOf(newline, from) + 1,
  // 16 KiB in which every byte is escaped as `\u00xx`, and attributes.
  recordBytesMax: 256 * 1024,
  unwrap: unwrapDocker,
};

/** Whether a stream that begins so is of this format; null while that is open. */
export function isDockerHead(head: Buffer): boolean | null {
  const length = Math.min(head.length, opening.length);
  if (!head.subarray(0, length).equals(opening.subarray(0, length))) return false;
  const lineEnd = head.indexOf(newline);
  if (lineEnd >= 0) return unwrapDocker(head.subarray(0, lineEnd + 1)) !== null;
  return head.length > dockerJson.recordBytesMax ? false : null;
}

function unwrapDocker(record: Buffer): Unwrapped | null {
  if (!record.subarray(0, opening.length).equals(opening)) return null;
  const found = readString(record, opening.length);
  if (found === null) return null;
  const rest = readRest(record.toString('utf8', found.end));
  if (rest === null) return null;
  const { text, runs } = found;
  const endsLine = text.at(-1) === newline;
  return {
    ...rest,
    text,
    runs,
    rawEnd: record.length - (record.at(-1) === newline ? 1 : 0),
    endsWriter: !endsLine && text.length < partialBytes,
  };
}

const usualRest = /^,"stream":"(stdout|stderr)","time":"([^"\\]{19,40})"\}\s*$/;

function readRest(rest: string): Pick<Unwrapped, 'iostream' | 'time'> | null {
  const usual = usualRest.exec(rest);
  const fields = usual === null ? parseRest(rest) : { stream: usual[1], time: usual[2] };
  if (fields === null || typeof fields.time !== 'string') return null;
  const time = readIsoTime(fields.time, 0, () => 0);
  const { stream } = fields;
  if (time === null) return null;
  return { time: time.ms, iostream: stream === 'stdout' || stream === 'stderr' ? stream : null };
}

function parseRest(rest: string): { stream?: unknown; time?: unknown } | null {
  if (!rest.startsWith(',')) return null;
  try {
    const fields = JSON.parse(`{${rest.slice(1)}`) as Record<string, unknown>;
    const isOurs = Object.keys(fields).every((key) => ['stream', 'attrs', 'time'].includes(key));
    return isOurs ? fields : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

const shortEscapes: Readonly<Record<string, number>> = {
  n: 10,
  r: 13,
  t: 9,
  b: 8,
  f: 12,
  '"': quote,
  '\\': backslash,
  '/': 0x2f,
};

/** The JSON string that goes on at `from`, as bytes; null if it is broken. `end` is behind its closing quote. */
function readString(bytes: Buffer, from: number) {
  const parts: Buffer[] = [];
  const list = new RunList(from);
  const take = (start: number, end: number) => {
    parts.push(bytes.subarray(start, end));
    list.add(end - start, 1, 1);
  };
  let escape = bytes.indexOf(backslash, from);
  let closing = bytes.indexOf(quote, from);
  for (let at = from; ;) {
    if (closing < 0) return null;
    if (escape < 0 || closing < escape) {
      take(at, closing);
      return { text: Buffer.concat(parts), runs: list.runs, end: closing + 1 };
    }
    take(at, escape);
    const read = readEscape(bytes, escape);
    if (read === null) return null;
    parts.push(read.text);
    list.add(1, read.text.length, read.length);
    at = escape + read.length;
    escape = bytes.indexOf(backslash, at);
    if (closing < at) closing = bytes.indexOf(quote, at);
  }
}

function readEscape(bytes: Buffer, at: number): { text: Buffer; length: number } | null {
  const letter = String.fromCharCode(bytes[at + 1] ?? 0);
  const short = shortEscapes[letter];
  if (short !== undefined) return { text: Buffer.from([short]), length: 2 };
  const unit = codeUnit(bytes, at);
  if (unit === null) return null;
  const second = unit >= 0xd800 && unit < 0xdc00 ? codeUnit(bytes, at + 6) : null;
  if (second !== null && second >= 0xdc00 && second < 0xe000)
    return { text: Buffer.from(String.fromCharCode(unit, second)), length: 12 };
  return { text: Buffer.from(String.fromCharCode(unit)), length: 6 };
}

function codeUnit(bytes: Buffer, at: number): number | null {
  const digits = /^\\u([0-9a-fA-F]{4})/.exec(bytes.toString('latin1', at, at + 6))?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 16);
}
