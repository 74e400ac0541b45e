import { isAbsolute, resolve } from 'node:path';
import picomatch from 'picomatch';

/** Which paths are followed, and where to look for them. */
export interface Patterns {
  /** Directories that hold everything that can match: the fixed beginnings of the include patterns. Absolute. */
  roots: readonly string[];
  matches(path: string): boolean;
  /** Whether a directory can be left out, with all below it. */
  prunes(directory: string): boolean;
}

/** Patterns are globs (`*`, `**`, `?`, `{a,b}`, `[…]`), relative ones from `cwd`. */
export function compilePatterns(
  include: readonly string[],
  exclude: readonly string[],
  cwd: string,
): Patterns {
  const includes = include.map((glob) => absolute(glob, cwd));
  const isIncluded = picomatch(includes, { dot: true });
  const excludes = exclude.map((glob) => (glob.startsWith('**') ? glob : absolute(glob, cwd)));
  const isExcluded = excludes.length === 0 ? () => false : picomatch(excludes, { dot: true });
  const bases = includes.map(baseOf);
  return {
    roots: bases.filter(
      (base, i) => !bases.some((other, j) => (other !== base ? isBelow(base, other) : j < i)),
    ),
    matches: (path) => isIncluded(path) && !isExcluded(path),
    prunes: isExcluded,
  };
}

/** The path before the first part with a wildcard, escapes taken off (picomatch's own scan stumbles over escaped braces). */
function baseOf(glob: string): string {
  const parts = glob.split('/');
  const wild = parts.findIndex((part) => /[*?[{(]/.test(part.replaceAll(/\\./g, '')));
  const fixed = wild === -1 ? parts : parts.slice(0, wild);
  return fixed.join('/').replaceAll(/\\(.)/g, '$1') || '/';
}

function absolute(glob: string, cwd: string): string {
  return isAbsolute(glob) ? glob : resolve(cwd, glob);
}

/** The path of an entry of a directory. */
export function pathIn(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

export function isBelow(path: string, root: string): boolean {
  return root === '/' || path === root || path.startsWith(`${root}/`);
}
