import type { LogEvent } from '../core/event.ts';
import { maskText } from '../core/redaction/mask-text.ts';
import type { Rules } from '../core/redaction/mask.ts';
import type { SecretKind } from '../core/redaction/secret.ts';

/**
 * Masks secrets in what is read from an event: for streams whose bytes are carried as they are (`redact: index`, and binary records). In a
 * parsed record a value is looked at together with its name.
 */
export function redactEvent(event: LogEvent, rules: Rules, onSecret: (kind: SecretKind) => void): LogEvent {
  const once = new Set<SecretKind>();
  const note = (kind: SecretKind) => void once.add(kind);
  const message = maskText(event.message, rules, note);
  const masked: LogEvent = message === event.message ? event : { ...event, message };
  const fields = event.fields && redactFields(event.fields, rules, note);
  // What stands in the message and in the fields is one secret.
  for (const kind of once) onSecret(kind);
  return fields === event.fields ? masked : { ...masked, ...(fields && { fields }) };
}

function redactFields(
  fields: Record<string, unknown>,
  rules: Rules,
  onSecret: (kind: SecretKind) => void,
): Record<string, unknown> {
  let isClean = true;
  maskText(jsonOf(fields), rules, () => (isClean = false));
  if (isClean) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, redactValue(name, value, rules, onSecret)]),
  );
}

function redactValue(
  name: string,
  value: unknown,
  rules: Rules,
  onSecret: (kind: SecretKind) => void,
): unknown {
  if (isObject(value))
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, redactValue(key, inner, rules, onSecret)]),
    );
  // Arguments stand in a list with their names before them.
  if (Array.isArray(value) && !value.every((item) => typeof item === 'string'))
    return value.map((item: unknown) => redactValue(name, item, rules, onSecret));
  let isSecret = false;
  const before = `${JSON.stringify(name)}: `;
  const masked = maskText(before + jsonOf(value), rules, (kind) => {
    isSecret = true;
    onSecret(kind);
  });
  return isSecret ? parsed(masked.slice(before.length)) : value;
}

/** A masked number is a text. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return json;
    throw error;
  }
}

function jsonOf(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? ''
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
