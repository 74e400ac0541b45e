/**
 * The query language of `search`, the same on both indices. All clauses must hold.
 *
 * - `word`: the message has this word (tokens.ts says what a word is), in any case. What falls into several words,
 *   as `loss=2.3` does, is taken as a phrase.
 * - `"two words"`: these words next to each other, in this order. `\"` and `\\` stand for themselves.
 * - `-clause`: the clause must not hold.
 * - `field:value`, `field:"a value"`: run, host, logger, iostream, stream, level, kind, rank, path. The whole value, ASCII letters
 *   in any case; `*` stands for any characters. A path also matches by its last parts: `path:rank0.log` finds
 *   `/logs/a/rank0.log`. `level:` is exactly that level; the option `--level` is at least that level.
 *
 * A word with a colon that is no field is an error, for a mistyped field would silently find nothing: quote it.
 */
import { CabooseError } from '../core/errors.ts';
import { eventKinds, levels } from '../core/event.ts';
import type { SearchClause } from '../core/search-query.ts';
import { tokenize } from './tokens.ts';

export const searchFields = [
  'message',
  'run',
  'rank',
  'level',
  'host',
  'path',
  'kind',
  'logger',
  'iostream',
  'stream',
] as const;
export type SearchField = (typeof searchFields)[number];

/** More are refused: a query is typed by a person. */
const clausesMax = 64;
const queryLengthMax = 10_000;

const levelNames: Readonly<Record<string, string>> = { warning: 'warn', critical: 'fatal', err: 'error' };

/** The clauses of a query; none for an empty one. Throws CabooseError QUERY_INVALID. */
export function parseSearch(text: string): SearchClause[] {
  if (text.length > queryLengthMax) throw invalid(`the query is longer than ${queryLengthMax} characters`);
  const clauses: SearchClause[] = [];
  for (const part of splitQuery(text)) {
    if (clauses.length === clausesMax) throw invalid(`the query has more than ${clausesMax} clauses`);
    clauses.push(toClause(part));
  }
  return clauses;
}

interface QueryPart {
  negated: boolean;
  field: string | null;
  value: string;
  quoted: boolean;
}

function splitQuery(text: string): QueryPart[] {
  const parts: QueryPart[] = [];
  const pattern = /\s*(-?)(?:([A-Za-z][\w.]*):(?!\/\/)(?=\S))?("(?:[^"\\]|\\.)*"|[^\s"]+)/suy;
  for (;;) {
    const from = pattern.lastIndex;
    const match = pattern.exec(text);
    if (!match) {
      const rest = text.slice(from).trim();
      if (rest === '') return parts;
      throw invalid(`unbalanced quote at ${JSON.stringify(rest.slice(0, 40))}`, 'Close it with a second ".');
    }
    const [, minus = '', field, value = ''] = match;
    const quoted = value.startsWith('"');
    parts.push({
      negated: minus === '-',
      field: field ?? null,
      value: quoted ? value.slice(1, -1).replaceAll(/\\(.)/gsu, '$1') : value,
      quoted,
    });
  }
}

function toClause({ negated, field: named, value, quoted }: QueryPart): SearchClause {
  const field = named === null ? 'message' : named.toLowerCase();
  if (field === 'message') return messageClause(negated, value, quoted);
  if (!isSearchField(field)) throw unknownField(named ?? field, value);
  return { negated, field, words: [fieldValue(field, value)], phrase: quoted };
}

function messageClause(negated: boolean, value: string, quoted: boolean): SearchClause {
  const words = tokenize(value);
  if (words.length === 0) {
    throw invalid(
      `${JSON.stringify(value)} holds no word that could be searched for`,
      'Only letters, digits and _ make words; signs and lines do not.',
    );
  }
  return { negated, field: 'message', words, phrase: quoted || words.length > 1 };
}

function fieldValue(field: SearchField, value: string): string {
  const lower = value.toLowerCase();
  if (field === 'level') return oneOf('level', levelNames[lower] ?? lower, levels);
  if (field === 'kind') return oneOf('kind', lower, eventKinds);
  if (field === 'rank' && !/^\d{1,9}$/.test(value)) {
    throw invalid(`rank ${JSON.stringify(value)} is not a number`, 'Write for example rank:0.');
  }
  if (value === '') throw invalid(`the field ${field} has no value`, `Write for example ${field}:*.`);
  return field === 'rank' ? String(Number(value)) : value;
}

function oneOf(field: string, value: string, allowed: readonly string[]): string {
  if (allowed.includes(value)) return value;
  throw invalid(
    `there is no ${field} ${JSON.stringify(value)}`,
    `Nearest: ${nearest(value, allowed)}. All: ${allowed.join(', ')}.`,
  );
}

function unknownField(field: string, value: string): CabooseError {
  const near = nearest(field.toLowerCase(), searchFields);
  return invalid(
    `there is no field ${JSON.stringify(field)} to search in`,
    `Nearest: ${near}. All: ${searchFields.join(', ')}. To search for this text, quote it: "${field}:${value}".`,
  );
}

function invalid(message: string, hint?: string): CabooseError {
  return new CabooseError('QUERY_INVALID', message, hint === undefined ? {} : { hint });
}

function isSearchField(name: string): name is SearchField {
  return (searchFields as readonly string[]).includes(name);
}

function nearest(name: string, among: readonly string[]): string {
  const byDistance = among.map((candidate) => ({ candidate, distance: editDistance(name, candidate) }));
  byDistance.sort((a, b) => a.distance - b.distance);
  return byDistance[0]?.candidate ?? '';
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 0; i < a.length; i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) {
      const replace = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(replace, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
