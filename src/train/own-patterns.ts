/**
 * The user's own line formats (`train.patterns` of the config): what the named groups of a pattern have matched are points, under the groups'
 * names or those that `points` gives; the group `step` is their step. They are asked before every other format.
 */
import type { FactBody } from '../core/fact.ts';
import { compilePattern } from '../core/linear-pattern.ts';
import type { LinearPattern } from '../core/linear-pattern.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

export interface OwnPattern {
  /** RE2 syntax, with named groups. */
  match: string;
  /** Name of a point → the group that holds its value. Absent: every group but `step` is a point of its name. */
  points?: Record<string, string> | undefined;
}

/** A line is looked at so far. */
const lineMax = 8192;

/** A reader a pattern, in their order. Throws PatternError for one that is none. */
export function ownReaders(patterns: readonly OwnPattern[]): FactReader[] {
  return patterns.map(({ match, points }) => {
    const pattern = compilePattern(match);
    const groups = points ?? Object.fromEntries(valueGroups(pattern).map((name) => [name, name]));
    return {
      format: match,
      matches: ({ event, line }) => event.kind !== 'traceback' && read(pattern, groups, line).length > 0,
      read: ({ line }) => read(pattern, groups, line),
    };
  });
}

/** The groups of a pattern that are points where its config names none. */
export function valueGroups({ groups }: LinearPattern): string[] {
  return groups.filter((name) => name !== 'step');
}

function read(pattern: LinearPattern, groups: Record<string, string>, line: string): FactBody[] {
  const found = pattern.find(line.length > lineMax ? line.slice(0, lineMax) : line);
  if (found === null) return [];
  const stepText = pattern.groups.includes('step') ? found.group('step') : null;
  const step = stepText === null ? null : readNumber(stepText);
  return Object.entries(groups).flatMap(([name, group]) => {
    const text = found.group(group) ?? '';
    const value = readNumber(text);
    return value === null ? [] : [printedPoint(step, name, value, text)];
  });
}
