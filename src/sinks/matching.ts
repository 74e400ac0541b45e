/** What a clause of a query means, for an index that has to decide it itself: pure functions on texts and values. */
import type { SearchClause } from '../core/search-query.ts';
import { lowerCase, tokenize } from './tokens.ts';

/** Whether the message satisfies all these clauses (all of the field `message`). */
export function messageMatches(message: string, clauses: readonly SearchClause[]): boolean {
  if (clauses.length === 0) return true;
  const lower = lowerCase(message);
  let tokens: string[] | undefined;
  for (const { words, negated } of clauses) {
    // Most messages lack the word altogether: found out without cutting them into words.
    const possible = words.every((word) => lower.includes(word));
    if (!possible && !negated) return false;
    if (!possible) continue;
    tokens ??= tokenize(message);
    if (hasPhrase(tokens, words) === negated) return false;
  }
  return true;
}

function hasPhrase(tokens: readonly string[], words: readonly string[]): boolean {
  const [first = ''] = words;
  for (let at = tokens.indexOf(first); at >= 0; at = tokens.indexOf(first, at + 1)) {
    if (words.every((word, offset) => tokens[at + offset] === word)) return true;
  }
  return false;
}

/** Whether a field's value (null: it has none) satisfies the clause. */
export function fieldMatches(
  value: string | number | null,
  { field, words, negated }: SearchClause,
): boolean {
  const [wanted = ''] = words;
  const found = value !== null && matchesPattern(String(value), wanted, field === 'path');
  return found !== negated;
}

function matchesPattern(value: string, wanted: string, isPath: boolean): boolean {
  const given = asciiLower(value);
  const pattern = asciiLower(wanted);
  if (!pattern.includes('*')) return given === pattern || (isPath && given.endsWith(`/${pattern}`));
  return wildcardMatches(given, pattern) || (isPath && wildcardMatches(given, `*/${pattern}`));
}

/** Greedy from the left, without backtracking over more than the last star: linear in practice, never exponential. */
function wildcardMatches(value: string, pattern: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop() ?? '';
  if (!value.startsWith(head)) return false;
  let at = head.length;
  for (const piece of rest) {
    const found = value.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return value.length - tail.length >= at && value.endsWith(tail);
}

/** Elasticsearch's `case_insensitive` folds ASCII only. */
function asciiLower(text: string): string {
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
