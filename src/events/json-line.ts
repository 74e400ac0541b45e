/**
 * A line that is one JSON object, with what Python writes beyond JSON (NaN, Infinity, -Infinity) read as numbers; and
 * its time, level, logger and rank under the names that loggers use: python-json-logger, structlog, loguru
 * (`record.level.name`, `record.time.timestamp`), pino and bunyan, zap, zerolog, Docker.
 */
import { readLauncherPrefix } from '../core/launcher-prefix.ts';
import { wordsIn } from '../core/record-words.ts';
import type { Level } from '../core/event.ts';
import { epochTime } from './event-time.ts';
import type { ZoneOffset } from './event-time.ts';
import { readIsoTime } from './iso-time.ts';
import { levelOf } from './line-head.ts';

export type JsonFields = Record<string, unknown>;

const depthMax = 64;

/** A cheap look at both ends of a line, before anything is decoded. */
export function looksLikeObject(text: string): boolean {
  let start = 0;
  while (text.charCodeAt(start) <= 32) start += 1;
  if (text.charCodeAt(start) !== 123) return false;
  let end = text.length - 1;
  while (end > start && text.charCodeAt(end) <= 32) end -= 1;
  return text.charCodeAt(end) === 125;
}

/** The object, or null if the text is not one whole JSON object (then it is text). Linear in the text. */
export function parseJsonLine(text: string): JsonFields | null {
  const line = text.trim();
  // What JSON.parse refuses costs it an exception: printed dicts, and numbers that JSON does not know, come again and again.
  if (!objectStart.test(line) || !line.endsWith('}')) return null;
  const value = parseJsonValue(line);
  return typeof value === 'object' && value !== null ? (value as JsonFields) : null;
}

const objectStart = /^\{\s*["}]/;

/** Any JSON value; undefined for what is none. Linear in the text. */
export function parseJsonValue(text: string): unknown {
  if (isDeep(text)) return undefined;
  const marked = markBareNumbers(text);
  try {
    const value: unknown = JSON.parse(marked);
    return marked === text ? value : withBareNumbers(value);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Deeper values would overflow the stack of whoever writes them again. Brackets in strings count, which is harmless. */
function isDeep(line: string): boolean {
  if (count(line, '{', depthMax) + count(line, '[', depthMax) <= depthMax) return false;
  let depth = 0;
  for (let i = 0; i < line.length; i += 1) {
    const code = line.charCodeAt(i);
    if (code === 123 || code === 91) {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (code === 125 || code === 93) depth -= 1;
  }
  return false;
}

/** How often the line has the character; more than `most` need not be told apart. */
function count(line: string, character: string, most: number): number {
  let found = 0;
  for (let at = line.indexOf(character); at >= 0 && found <= most; at = line.indexOf(character, at + 1))
    found += 1;
  return found;
}

const bareNumber = /-?\b(?:NaN|Infinity)\b/g;
const mark = '\u0001bare:';

/** NaN and the infinities outside of strings become strings that start with the mark. */
function markBareNumbers(line: string): string {
  if (!line.includes('NaN') && !line.includes('Infinity')) return line;
  const parts: string[] = [];
  for (let at = 0; at < line.length;) {
    const quote = line.indexOf('"', at);
    const outside = quote < 0 ? line.slice(at) : line.slice(at, quote);
    parts.push(outside.replace(bareNumber, (word) => `"\\u0001bare:${word}"`));
    if (quote < 0) break;
    const end = stringEnd(line, quote);
    parts.push(line.slice(quote, end));
    at = end;
  }
  return parts.join('');
}

function stringEnd(line: string, quote: number): number {
  for (let i = quote + 1; i < line.length; i += 1) {
    const code = line.charCodeAt(i);
    if (code === 92) i += 1;
    else if (code === 34) return i + 1;
  }
  return line.length;
}

function withBareNumbers(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith(mark) ? Number(value.slice(mark.length)) : value;
  if (Array.isArray(value)) return value.map(withBareNumbers);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withBareNumbers(inner)]));
}

export interface RecordHead {
  /** ms since epoch */
  time: number | null;
  level: Level | null;
  logger: string | null;
  rank: number | null;
}

const timeNames = [
  'timestamp',
  '@timestamp',
  'time',
  'ts',
  'asctime',
  'datetime',
  'date',
  'created',
  '_timestamp',
  '__REALTIME_TIMESTAMP',
];
const levelNames = [
  'level',
  'levelname',
  'severity',
  'log.level',
  'lvl',
  'loglevel',
  'level_name',
  'levelno',
];
const loggerNames = ['logger', 'name', 'logger_name', 'log.logger'];

export function readRecordHead(fields: JsonFields, offset: ZoneOffset): RecordHead {
  const nested = objectAt(fields, 'record');
  const loguru = nested !== null && objectAt(nested, 'level') !== null ? nested : null;
  const source = loguru ?? fields;
  return {
    time: firstOf(source, timeNames, (value) => timeOf(value, offset)),
    level: firstOf(source, levelNames, levelIn),
    logger: firstOf(source, loggerNames, (value) => (typeof value === 'string' ? value : null)),
    rank: rankIn(fields) ?? (loguru === null ? rankInWords(fields) : rankIn(objectAt(loguru, 'extra') ?? {})),
  };
}

/** That of a launcher, if a line was passed on as a record. */
function rankInWords(fields: JsonFields): number | null {
  return readLauncherPrefix(wordsIn(fields) ?? '').rank;
}

function firstOf<T>(
  fields: JsonFields,
  names: readonly string[],
  read: (value: unknown) => T | null,
): T | null {
  for (const name of names) {
    const value = fields[name];
    const found = value === undefined || value === null ? null : read(value);
    if (found !== null) return found;
  }
  return null;
}

function objectAt(fields: JsonFields, name: string): JsonFields | null {
  const value = fields[name];
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonFields) : null;
}

function timeOf(value: unknown, offset: ZoneOffset): number | null {
  if (typeof value === 'number') return epochTime(value);
  if (typeof value === 'string')
    return readIsoTime(value, 0, offset)?.ms ?? (/^\d{10,19}$/.test(value) ? epochTime(Number(value)) : null);
  if (typeof value !== 'object' || value === null) return null;
  const stamp = (value as JsonFields)['timestamp'] ?? (value as JsonFields)['repr'];
  return typeof stamp === 'object' ? null : timeOf(stamp, offset);
}

function levelIn(value: unknown): Level | null {
  if (typeof value === 'object' && value !== null) return levelOf((value as JsonFields)['name']);
  return levelOf(value);
}

const rankNames = ['rank', 'global_rank', 'world_rank'];

function rankIn(fields: JsonFields): number | null {
  return firstOf(fields, rankNames, rankOf);
}

function rankOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null;
}
