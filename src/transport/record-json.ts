import type { LogEvent } from '../core/event.ts';
import type { DeadLetter, LetterMark } from '../core/transport.ts';
import type { Fact } from '../core/fact.ts';
import { jsonText, numberFromJson, numberToJson } from '../core/fact.ts';
import type { IncidentDocument } from '../core/incident.ts';

/** Facts, incidents and dead letters as JSON, one object a record, the same in every transport. NaN and the infinities are texts. */
export function factToJson(fact: Fact): string {
  return JSON.stringify(fact.kind === 'point' ? { ...fact, value: numberToJson(fact.value) } : fact);
}

/** Null when it is no fact: what others wrote into the topic must not stop the reading of facts. */
export function factFromJson(text: string): Fact | null {
  const parsed = parseObject(text);
  if (parsed === null || !isText(parsed['id']) || !isText(parsed['run']) || !isText(parsed['kind']))
    return null;
  if (parsed['kind'] !== 'point') return parsed as unknown as Fact;
  const value = numberFromJson(parsed['value']);
  return value === null ? null : ({ ...parsed, value } as unknown as Fact);
}

/** What a record may have, so that its send is taken by a broker with Kafka's own limits. */
const eventJsonBytesMax = 880 * 1024;
/** A UTF-16 unit takes at most six bytes as JSON: `\u0001`. */
const bytesPerUnitMax = 6;

/** Of one that is too large for a record, `fields` are left out, and the message's end if need be; then `truncated` is true. */
export function eventToJson(event: LogEvent): string {
  const { id, stream, start, end, part, time, timeSource, observed, level, kind, logger, iostream } = event;
  const { origin, rank, fields, version, message } = event;
  const { run, attempt, source, host, path, labels } = origin;
  const place = { id, stream, run, attempt, rank, source, host, path, labels, start, end, part, version };
  const said = { time, timeSource, observed, level, kind, logger, iostream };
  const whole = jsonText({ ...place, ...said, message, fields });
  if (Buffer.byteLength(whole) <= eventJsonBytesMax) return whole;
  const withoutFields = jsonText({ ...place, ...said, message, truncated: true });
  if (Buffer.byteLength(withoutFields) <= eventJsonBytesMax) return withoutFields;
  const room =
    eventJsonBytesMax - Buffer.byteLength(jsonText({ ...place, ...said, message: '', truncated: true }));
  const most = message.slice(0, Math.max(0, Math.floor(room / bytesPerUnitMax)));
  return jsonText({ ...place, ...said, message: most, truncated: true });
}

export function incidentToJson(incident: IncidentDocument): string {
  return JSON.stringify(incident);
}

export function deadLetterToJson(entry: DeadLetter | LetterMark): string {
  return JSON.stringify(entry, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? { [numberKey]: numberToJson(value) } : value,
  );
}

/** Null when it is neither a dead letter nor a mark. */
export function deadLetterFromJson(text: string): DeadLetter | LetterMark | null {
  const parsed = parseObject(text);
  if (parsed === null) return null;
  if (parsed['kind'] === 'mark') return isText(parsed['letter']) ? (parsed as unknown as LetterMark) : null;
  if (!isText(parsed['kind']) || !isText(parsed['reason'])) return null;
  if (!('document' in parsed)) return parsed as unknown as DeadLetter;
  return { ...parsed, document: withNumbers(parsed['document']) } as unknown as DeadLetter;
}

/** Stands for a number that JSON has not; a document that was refused is to be written as it was. */
const numberKey = '$number';

function withNumbers(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withNumbers);
  const entries = Object.entries(value);
  const [only] = entries;
  if (entries.length === 1 && only?.[0] === numberKey) return numberFromJson(only[1]) ?? value;
  return Object.fromEntries(entries.map(([key, held]) => [key, withNumbers(held)]));
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
