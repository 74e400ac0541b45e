import { hash } from 'node:crypto';

function digest(parts: readonly (string | number)[]): string {
  return shortHash(parts.map(prefixed).join(','));
}

/** With its length, so that no two lists of parts read the same. */
function prefixed(part: string | number): string {
  const text = String(part);
  return `${text.length}:${text}`;
}

function shortHash(text: string): string {
  return hash('sha256', text, 'hex').slice(0, 32);
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

/** The `_id` of an event: hash(stream, start of the whole event, part). */
export function eventId(stream: string, eventStart: number, part: number): string {
  // What digest() does, in one text at once: it is made of every line.
  const start = String(eventStart);
  const end = part === 0 ? '1:0' : prefixed(part);
  return shortHash(`${stream.length}:${stream},${start.length}:${start},${end}`);
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
