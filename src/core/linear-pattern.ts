/**
 * Patterns that users write, in the syntax of RE2 (https://github.com/google/re2/wiki/Syntax): a search takes time linear in the text whatever the
 * pattern, so that no config can stop the reading. There are no back references and no look-around; a named group is `(?P<name>…)`.
 *
 * The engine is loaded when a pattern is first compiled: most configs have none.
 */
import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';

export interface LinearPattern {
  readonly source: string;
  /** Names of its groups. */
  readonly groups: readonly string[];
  /** The first match that begins at `from` or behind; null if there is none. */
  find(text: string, from?: number): LinearMatch | null;
}

export interface LinearMatch {
  start: number;
  /** Exclusive. */
  end: number;
  /** What a named group has matched; null if it took no part. */
  group(name: string): string | null;
}

export class PatternError extends Error {
  /** The character, from 1 on, at which the pattern is wrong; null if that is not known. */
  readonly position: number | null;

  constructor(message: string, position: number | null) {
    super(position === null ? message : `${message}, at character ${position}`);
    this.name = 'PatternError';
    this.position = position;
  }
}

/** @throws PatternError */
export function compilePattern(source: string): LinearPattern {
  const compiled = compile(source);
  return {
    source,
    groups: Object.keys(compiled.namedGroups()),
    find(text, from = 0) {
      const matcher = compiled.matcher(text);
      if (!matcher.find(from)) return null;
      return { start: matcher.start(), end: matcher.end(), group: (name) => matcher.group(name) };
    },
  };
}

/** For what needs more of the engine. @throws PatternError */
export function compile(source: string): RE2JS {
  const engine = createRequire(import.meta.url)('re2js') as typeof import('re2js');
  try {
    return engine.RE2JS.compile(source);
  } catch (error) {
    if (!(error instanceof engine.RE2JSException)) throw error;
    const { error: reason, input } = error as { error?: string; input?: string | null };
    const at = typeof input === 'string' ? source.indexOf(input) : source.length - 1;
    throw new PatternError(reason ?? error.message, at < 0 ? null : at + 1);
  }
}
