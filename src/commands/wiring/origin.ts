import { dirname } from 'node:path';
import { statSync } from 'node:fs';
import { originOf, type OriginOfFile } from '../../config/origin.ts';
import type { Config } from '../../config/schema.ts';
import type { Lane } from '../../core/segment.ts';
import { encodingLabel } from '../../events/encodings.ts';
import { fileMatcher } from './file-matcher.ts';
import { router } from './routes.ts';

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
  const labelled = encodingLabeller(source.encodings);
  return (path) => {
    const root = folders.find((folder) => path.startsWith(folder === '/' ? '/' : `${folder}/`));
    return labelled(path, originOf(path, root ?? dirname(path), source, env));
  };
}

/** With the topic that the stream is to go to, where the transport has several. Named also where no route speaks of it: it is kept. */
export function routedOrigin(
  { routes, transport }: Config,
  originOfFile: (path: string) => OriginOfFile,
): (path: string) => OriginOfFile & { topicPrefix?: string } {
  const own = transport?.kafka?.topicPrefix;
  if (own === undefined) return originOfFile;
  const destinationOf = router(routes);
  return (path) => {
    const origin = originOfFile(path);
    return { ...origin, topicPrefix: destinationOf({ path, labels: origin.labels }).topicPrefix ?? own };
  };
}

/** The agent does not parse: it tells the consumers in a label what a file's encoding is. The first pattern that matches counts. */
export function encodingLabeller(
  encodings: Source['encodings'],
): (path: string, origin: OriginOfFile) => OriginOfFile {
  const known = encodings.map(({ pattern, encoding }) => ({ matches: fileMatcher([pattern]), encoding }));
  return (path, origin) => {
    const found = known.find(({ matches }) => matches(path));
    if (found === undefined) return origin;
    return { ...origin, labels: { ...origin.labels, [encodingLabel]: found.encoding } };
  };
}

/** Fast: metrics files and stderr; chosen by the path alone. */
export function laneResolver({ lanes }: Source): (path: string) => Lane {
  const isFast = fileMatcher(lanes.fast);
  return (path) => (isFast(path) ? 'fast' : 'bulk');
}

/** A single followed file is in its directory. */
function folderOf(root: string): string {
  return statSync(root, { throwIfNoEntry: false })?.isFile() === true ? dirname(root) : root;
}
