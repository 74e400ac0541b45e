import type { DeadLetter } from '../core/transport.ts';
import type { Fact } from '../core/fact.ts';
import { numberFromJson, numberToJson } from '../core/fact.ts';
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

export function incidentToJson(incident: IncidentDocument): string {
  return JSON.stringify(incident);
}

export function deadLetterToJson(letter: DeadLetter): string {
  return JSON.stringify(letter);
}

/** Null when it is no dead letter. */
export function deadLetterFromJson(text: string): DeadLetter | null {
  const parsed = parseObject(text);
  return parsed !== null && isText(parsed['kind']) && isText(parsed['reason'])
    ? (parsed as unknown as DeadLetter)
    : null;
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
