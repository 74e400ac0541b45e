import { basename } from 'node:path';
import picomatch from 'picomatch';

/** Whether a path is one of the files that are meant. A pattern without a slash is matched against the file's name. */
export function fileMatcher(patterns: readonly string[]): (path: string) => boolean {
  const byName = patterns.filter((pattern) => !pattern.includes('/'));
  const byPath = patterns.filter((pattern) => pattern.includes('/'));
  // The name is taken once: picomatch's own `basename` takes it anew for each pattern, which costs ten times the match.
  const matchesName = byName.length === 0 ? () => false : picomatch(byName, { dot: true });
  const matchesPath = byPath.length === 0 ? () => false : picomatch(byPath, { dot: true });
  return (path) => matchesName(basename(path)) || matchesPath(path);
}
