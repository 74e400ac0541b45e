import { CabooseError } from '../core/errors.ts';
import { redactionPattern } from '../core/redaction/rule-book.ts';
import { gapReasons, segmentBytesMax } from '../core/segment.ts';
import type { GapReason, SegmentHeader } from '../core/segment.ts';
import { codecs } from './compression.ts';
import type { Codec } from './compression.ts';

/** The version that this Caboose writes; it reads no other. */
const version = 1;

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The header `sum` of a value whose codec checks its content itself. */
export const ownChecksum = 'codec';

/** `codec` and `sum` are the caller's. Text that no UTF-8 can hold (lone surrogates) is replaced. */
export function writeHeader(header: SegmentHeader): Record<string, string> {
  const headers: Record<string, string> = {
    v: String(version),
    source: header.source.toWellFormed(),
    run: header.run.toWellFormed(),
    attempt: String(header.attempt),
    host: header.host.toWellFormed(),
    path: header.path.toWellFormed(),
    stream: header.stream,
    start: String(header.start),
    end: String(header.end),
    created: String(header.created),
    observed: String(header.observed),
  };
  if (header.rank !== null) headers['rank'] = String(header.rank);
  if (Object.keys(header.labels).length > 0) headers['labels'] = JSON.stringify(header.labels).toWellFormed();
  if (header.previous !== null) headers['previous'] = header.previous;
  if (header.final) headers['final'] = '1';
  if (header.gap !== null) headers['gap'] = header.gap;
  if (header.snapshot) headers['snapshot'] = '1';
  if (header.redact !== undefined) headers['redact'] = header.redact;
  return headers;
}

/** Throws SEGMENT_VERSION, SEGMENT_HEADER or SEGMENT_RANGE. */
export function readHeader(headers: Headers): SegmentHeader {
  checkVersion(text(headers, 'v'));
  const header: SegmentHeader = {
    source: text(headers, 'source'),
    run: text(headers, 'run'),
    attempt: integer(headers, 'attempt'),
    rank: headers['rank'] === undefined ? null : integer(headers, 'rank'),
    host: text(headers, 'host'),
    path: text(headers, 'path'),
    labels: labels(headers),
    stream: id(headers, 'stream'),
    start: integer(headers, 'start'),
    end: integer(headers, 'end'),
    created: time(headers, 'created'),
    observed: time(headers, 'observed'),
    previous: headers['previous'] === undefined ? null : id(headers, 'previous'),
    final: flag(headers, 'final'),
    gap: gap(headers),
    snapshot: flag(headers, 'snapshot'),
    ...redact(headers),
  };
  checkRange(header, 'SEGMENT_RANGE');
  return header;
}

export function readCodec(headers: Headers): Codec {
  const name = text(headers, 'codec');
  const codec = codecs.find((known) => known === name);
  if (codec !== undefined) return codec;
  throw new CabooseError('SEGMENT_CODEC', `unknown codec ${quote(name)}`, {
    hint: `this version reads ${codecs.join(' and ')}; update this Caboose if the agent's is newer`,
  });
}

export function readSum(headers: Headers): string {
  const sum = text(headers, 'sum');
  return sum === ownChecksum || /^[0-9a-f]{8}$/.test(sum)
    ? sum
    : garbled('sum', sum, `8 hex digits or "${ownChecksum}"`);
}

/** The same rules for what is written: a segment that a reader would refuse must never leave the agent. */
export function checkHeader(header: SegmentHeader): void {
  const invalid = (what: string): never => {
    throw new CabooseError('SEGMENT_INVALID', `segment of stream ${quote(header.stream)}: ${what}`);
  };
  if (!idPattern.test(header.stream)) invalid('the stream id is not 32 hex digits');
  if (header.previous !== null && !idPattern.test(header.previous)) invalid('previous is not 32 hex digits');
  for (const name of ['attempt', 'rank', 'start', 'end'] as const) {
    const value = header[name];
    if (value !== null && !(Number.isSafeInteger(value) && value >= 0)) invalid(`${name} is ${value}`);
  }
  for (const name of ['created', 'observed'] as const) {
    if (!timePattern.test(String(header[name]))) invalid(`${name} is ${header[name]}`);
  }
  if (header.redact !== undefined && !redactionPattern.test(header.redact))
    invalid(`redact is ${quote(header.redact)}`);
  checkRange(header, 'SEGMENT_INVALID');
}

function checkVersion(v: string): void {
  if (v === String(version)) return;
  const number = integerPattern.test(v) ? Number(v) : NaN;
  if (number > version) {
    throw new CabooseError('SEGMENT_VERSION', `written by a newer Caboose (wire format ${number})`, {
      hint: `this version reads wire format ${version}: update it, indexers before agents`,
    });
  }
  garbled('v', v, 'a version');
}

function checkRange(header: SegmentHeader, code: string): void {
  const { start, end } = header;
  if (start > end) {
    throw new CabooseError(code, `the range starts at ${start}, behind its end ${end}`, { hint: notOurs });
  }
  // A gap may be larger than any segment: it carries no bytes.
  if (header.gap === null && end - start > segmentBytesMax) {
    throw new CabooseError(code, `the range has ${end - start} bytes, a segment at most ${segmentBytesMax}`, {
      hint: notOurs,
    });
  }
}

const notOurs = 'the record was not written by Caboose; find out who else writes to its topics';
const idPattern = /^[0-9a-f]{32}$/;
const integerPattern = /^(0|[1-9]\d{0,15})$/;
/** ms since epoch; some file systems' birth times have a fraction. */
const timePattern = /^\d{1,16}(\.\d{1,9})?$/;

function text(headers: Headers, name: string): string {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (typeof value === 'string') return value;
  const what = value === undefined ? 'is missing' : `came ${value.length} times`;
  throw new CabooseError('SEGMENT_HEADER', `header ${name} ${what}`, { hint: notOurs });
}

function integer(headers: Headers, name: string): number {
  const value = text(headers, name);
  const number = Number(value);
  return integerPattern.test(value) && Number.isSafeInteger(number)
    ? number
    : garbled(name, value, 'an integer');
}

function time(headers: Headers, name: string): number {
  const value = text(headers, name);
  return timePattern.test(value) ? Number(value) : garbled(name, value, 'milliseconds since the epoch');
}

function id(headers: Headers, name: string): string {
  const value = text(headers, name);
  return idPattern.test(value) ? value : garbled(name, value, '32 hex digits');
}

function flag(headers: Headers, name: string): boolean {
  if (headers[name] === undefined) return false;
  const value = text(headers, name);
  return value === '1' ? true : garbled(name, value, '1, or absent');
}

function gap(headers: Headers): GapReason | null {
  if (headers['gap'] === undefined) return null;
  const value = text(headers, 'gap');
  return gapReasons.find((reason) => reason === value) ?? garbled('gap', value, gapReasons.join(', '));
}

function redact(headers: Headers): Pick<SegmentHeader, 'redact'> {
  if (headers['redact'] === undefined) return {};
  const value = text(headers, 'redact');
  return redactionPattern.test(value)
    ? { redact: value }
    : garbled('redact', value, 'source or index, a colon and a version');
}

function labels(headers: Headers): Readonly<Record<string, string>> {
  if (headers['labels'] === undefined) return {};
  const value = text(headers, 'labels');
  const parsed = parseJson(value);
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return notLabels(value);
  const entries = Object.entries(parsed);
  if (!entries.every((entry): entry is [string, string] => typeof entry[1] === 'string')) {
    return notLabels(value);
  }
  // Not an assignment per key: a label named __proto__ must stay a label.
  return Object.fromEntries(entries);
}

function notLabels(value: string): never {
  return garbled('labels', value, 'a JSON object of texts');
}

function parseJson(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function garbled(name: string, value: string, expected: string): never {
  throw new CabooseError('SEGMENT_HEADER', `header ${name} is ${quote(value)} instead of ${expected}`, {
    hint: notOurs,
  });
}

function quote(value: string): string {
  return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
}
