/**
 * Patterns that read run, attempt and rank out of a path: `attempt_{attempt}/{rank}/`. A placeholder takes one run of
 * characters within a path component (digits for attempt and rank), `*` any of them, `**` any number of components.
 * The pattern is sought anywhere in the path, from the start of a component on; the last (deepest) match counts.
 */
export const placeholders = ['run', 'attempt', 'rank'] as const;
export type Placeholder = (typeof placeholders)[number];

export type PathPattern = (path: string) => Partial<Record<Placeholder, string>> | null;

const tokens = /\{([^{}]*)\}|\*\*\/|\*|[^{}*]+|[{}]/g;
const literal = /[\\^$.*+?()[\]{}|]/g;

/** The compiled pattern, or what is wrong with it, in words. */
export function compilePathPattern(pattern: string): PathPattern | string {
  const names: Placeholder[] = [];
  let source = '';
  for (const [token, name] of pattern.matchAll(tokens)) {
    if (name !== undefined) {
      if (!isPlaceholder(name)) return `{${name}} is no placeholder; there are {run}, {attempt} and {rank}`;
      if (names.includes(name)) return `{${name}} may occur only once`;
      names.push(name);
      source += name === 'run' ? '([^/]+?)' : '(\\d{1,9})';
    } else if (token === '{' || token === '}') return `has a lone "${token}"`;
    else if (token === '**/') source += '(?:[^/]+/)*?';
    else if (token === '*') source += '[^/]*?';
    else source += token.replaceAll(literal, '\\$&');
  }
  if (names.length === 0) return 'names none of {run}, {attempt} and {rank}';
  // A pattern that ends within a component must not stop in the middle of a number or a name.
  const tail = pattern.endsWith('/') ? '' : '(?=[/.]|$)';
  const head = pattern.startsWith('/') ? '' : '(?<=^|/)';
  const expression = new RegExp(head + source + tail, 'g');
  return (path) => {
    const match = [...path.matchAll(expression)].at(-1);
    if (!match) return null;
    return Object.fromEntries(names.map((name, i) => [name, match[i + 1] ?? '']));
  };
}

function isPlaceholder(name: string): name is Placeholder {
  return placeholders.some((placeholder) => placeholder === name);
}
