import { PatternError, compile } from '../linear-pattern.ts';
import type { Secret } from './secret.ts';

/**
 * Patterns of the user's own (`source.redactPatterns`), in RE2's syntax: matched in time that grows with the length of the text and
 * nothing else, whatever the pattern. Each is looked for in every line on its own; a match is masked, or its groups if it has any.
 */
export type LinePattern = (line: Buffer) => Iterable<{ start: number; end: number }>;

/** @throws PatternError */
export function compileSecretPattern(text: string): LinePattern {
  const compiled = compile(text);
  if (compiled.test('')) throw new PatternError('it matches even an empty line', null);
  const groups = compiled.groupCount();
  return function* matches(line) {
    if (!compiled.test(line)) return;
    const matcher = compiled.matcher(line);
    while (matcher.find()) {
      for (let group = Math.min(1, groups); group <= groups; group += 1) {
        const [start, end] = [matcher.start(group), matcher.end(group)];
        if (start >= 0 && end > start) yield { start, end };
      }
    }
  };
}

/** In the lines of the bytes, as far as they are there; without those that end before `from`. */
export function findPatterns(bytes: Buffer, from: number, patterns: readonly LinePattern[]): Secret[] {
  const found: Secret[] = [];
  if (patterns.length === 0) return found;
  let start = lineStartBefore(bytes, from);
  while (start < bytes.length) {
    const end = lineEndBehind(bytes, start);
    const line = bytes.subarray(start, end);
    for (const pattern of patterns) {
      for (const match of pattern(line)) {
        if (start + match.end <= from) continue;
        found.push({ start: start + match.start, end: start + match.end, kind: 'pattern', open: false });
      }
    }
    start = end + 1;
  }
  return found;
}

function lineStartBefore(bytes: Buffer, from: number): number {
  const before = bytes.subarray(0, from);
  return Math.max(before.lastIndexOf(0x0a), before.lastIndexOf(0x0d)) + 1;
}

function lineEndBehind(bytes: Buffer, start: number): number {
  const newline = bytes.indexOf(0x0a, start);
  const end = newline === -1 ? bytes.length : newline;
  const carriageReturn = bytes.subarray(start, end).indexOf(0x0d);
  return carriageReturn === -1 ? end : start + carriageReturn;
}
