import { dirname } from 'node:path';
import { statSync } from 'node:fs';
import picomatch from 'picomatch';
import { originOf, type OriginOfFile } from '../../config/origin.ts';
import type { Config } from '../../config/schema.ts';
import type { Lane } from '../../core/segment.ts';

type Source = NonNullable<Config['source']>;

/**
 * What the tail asks of a path: its run, attempt and rank. `roots` are the fixed beginnings of the include patterns
 * (tail/patterns.ts); the deepest one that holds the path gives the run its name if nothing else does.
 */
export function originResolver(
  source: Source,
  roots: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): (path: string) => OriginOfFile {
  const folders = roots.map(folderOf).sort((a, b) => b.length - a.length);
  return (path) => {
    const root = folders.find((folder) => path.startsWith(folder === '/' ? '/' : `${folder}/`));
    return originOf(path, root ?? dirname(path), source, env);
  };
}

/** Fast: metrics files and stderr; chosen by the path alone. A pattern without a slash is matched against the name. */
export function laneResolver({ lanes }: Source): (path: string) => Lane {
  const byName = lanes.fast.filter((pattern) => !pattern.includes('/'));
  const byPath = lanes.fast.filter((pattern) => pattern.includes('/'));
  const matchesName = picomatch(byName, { dot: true, basename: true });
  const matchesPath = byPath.length === 0 ? () => false : picomatch(byPath, { dot: true });
  return (path) => (matchesName(path) || matchesPath(path) ? 'fast' : 'bulk');
}

/** A single followed file is in its directory. */
function folderOf(root: string): string {
  return statSync(root, { throwIfNoEntry: false })?.isFile() === true ? dirname(root) : root;
}
