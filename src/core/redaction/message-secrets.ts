import { readMessage } from '../records/protobuf.ts';
import type { WireField } from '../records/protobuf.ts';
import { outermost } from './find-secrets.ts';
import { findIn } from './mask.ts';
import type { Rules } from './mask.ts';
import type { Secret } from './secret.ts';

/**
 * The secrets in a message of Protocol Buffers, without its schema: each text in it is looked at as a text of its own, and if it may be the
 * value of a name, together with that. By position in the message.
 *
 * Names and values stand in neighbouring fields: an entry of a map is { 1: name, 2: value }, and W&B's items have their key in field 1, or the last of
 * the names in field 2, and the value in field 16. A value may be wrapped once more (google.protobuf.Value).
 */
export function secretsInMessage(message: Buffer, rules: Rules): Secret[] {
  const found: Secret[] = [];
  search(message, { message, rules, found, depth: 0 });
  return outermost(found);
}

interface Search {
  message: Buffer;
  rules: Rules;
  found: Secret[];
  depth: number;
}

const depthMax = 24;

function search(bytes: Buffer, state: Search): void {
  const fields = state.depth < depthMax ? readMessage(bytes) : null;
  if (fields === null || state.depth > 0) searchText(bytes, state, fields !== null);
  if (fields === null) return;
  let name: string | null = null;
  for (const field of fields) {
    if (field.wire !== 'bytes') continue;
    search(field.bytes, { ...state, depth: state.depth + 1 });
    if (name !== null) searchValue(name, valueOf(field), state);
    if (field.number <= 2) name = nameIn(field.bytes) ?? name;
  }
}

/** What may be text may be a message as well. */
function searchText(bytes: Buffer, state: Search, isMessage: boolean): void {
  if (bytes.length < textBytesMin || (isMessage && hasControls(bytes))) return;
  const at = positionIn(state.message, bytes);
  // A token at the end of a text does not go on behind it.
  const secrets = findIn(Buffer.concat([bytes, lineEnd]), 0, state.rules);
  for (const { start, end, kind } of secrets)
    if (end > start)
      state.found.push({ start: at + start, end: at + Math.min(end, bytes.length), kind, open: false });
}

/** A value that its name tells to be secret. */
function searchValue(name: string, value: Buffer, state: Search): void {
  if (!mayNameSecret.test(name) || value.length === 0 || hasControls(value)) return;
  const isJson = value[0] === doubleQuote;
  const before = Buffer.from(isJson ? `"${name}": ` : `"${name}": "`);
  const secrets = findIn(
    Buffer.concat([before, value, isJson ? lineEnd : quoteEnd]),
    before.length,
    state.rules,
  );
  const at = positionIn(state.message, value) - before.length;
  for (const { start, end, kind } of secrets) {
    if (start < before.length || end <= start) continue;
    // All of the field is the value, whatever is in it.
    const isAll = !isJson && start === before.length;
    const last = before.length + value.length;
    state.found.push({
      start: at + start,
      end: at + (isAll ? last : Math.min(end, last)),
      kind,
      open: false,
    });
  }
}

const textBytesMin = 6;
const doubleQuote = 0x22;
const lineEnd = Buffer.from('\n');
const quoteEnd = Buffer.from('"\n');
const mayNameSecret = /(?:password|passwd|passphrase|authorization|secret|key|token)$/i;
const nameBytesMax = 256;

/** The text of a field that may be a name. */
function nameIn(bytes: Buffer): string | null {
  if (bytes.length === 0 || bytes.length > nameBytesMax) return null;
  const text = bytes.toString('latin1');
  return /^[\w ./-]+$/.test(text) ? text : null;
}

/** Of a wrapped value what is in it. */
function valueOf({ bytes }: Extract<WireField, { wire: 'bytes' }>): Buffer {
  const inner = hasControls(bytes) ? readMessage(bytes) : null;
  const [only, ...others] = inner ?? [];
  return only?.wire === 'bytes' && others.length === 0 ? only.bytes : bytes;
}

/** But for those that texts have. */
function hasControls(bytes: Buffer): boolean {
  for (const byte of bytes)
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d && byte !== 0x1b) return true;
  return false;
}

/** `part` is a part of it, without a copy. */
function positionIn(message: Buffer, part: Buffer): number {
  return part.byteOffset - message.byteOffset;
}
