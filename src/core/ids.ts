import { hash } from 'node:crypto';

const idDigits = 32;
const startDigits = 12;

function digest(parts: readonly (string | number)[]): string {
  return shortHash(parts.map(prefixed).join(','));
}

/** With its length, so that no two lists of parts read the same. */
function prefixed(part: string | number): string {
  const text = String(part);
  return `${text.length}:${text}`;
}

function shortHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, idDigits);
}

/** 32 hex digits: hash(source id, run, dev, ino, head, generation). `head` is the head's bytes. */
export function streamId(identity: {
  source: string;
  run: string;
  /** In decimal. */
  dev: string;
  ino: string;
  head: Buffer;
  generation: number;
}): string {
  const { source, run, dev, ino, head, generation } = identity;
  return digest([source, run, dev, ino, hash('sha256', head, 'hex'), generation]);
}

/**
 * The `_id` of an event, a function of its stream, the start of the whole event and the part; 32 hex digits. The first part's is the last 80
 * bits of the stream's id and 48 of the start: an id is made of every line, and a hash costs as much as to read one. Ids of a stream are in the
 * order of its bytes, so that an index writes neighbours side by side (docs/adr/0012).
 */
export function eventId(stream: string, eventStart: number, part: number): string {
  if (part > 0 || stream.length !== idDigits) return digest([stream, eventStart, part]);
  return stream.slice(startDigits) + eventStart.toString(16).padStart(startDigits, '0');
}

/** The `_id` of a row of a rewritten file: hash(source id, run, path, what is in it, its number among equals, part). */
export function rowId(row: {
  source: string;
  run: string;
  path: string;
  key: string;
  number: number;
  part: number;
}): string {
  return digest(['row', row.source, row.run, row.path, row.key, row.number, row.part]);
}

/** The `_id` of an incident: hash(run, attempt, class, first evidence). */
export function incidentId(run: string, attempt: number, className: string, firstEvidence: string): string {
  return digest([run, attempt, className, firstEvidence]);
}
