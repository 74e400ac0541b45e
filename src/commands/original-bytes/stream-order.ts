import { rotationFamily } from '../../core/rotation-family.ts';

/** What the order of streams hangs on. */
export interface OrderedStream {
  stream: string;
  source: string;
  path: string;
  created: number;
  previous: string | null;
}

/**
 * The streams file after file: files by the creation of their first stream, the streams of one file by creation, and
 * none before the one that it continues. Pure.
 */
export function inFileOrder<T extends OrderedStream>(streams: readonly T[]): T[] {
  return groupByFile(streams)
    .map(inCreationOrder)
    .sort((a, b) => byCreation(a[0], b[0]))
    .flat();
}

/**
 * Of one file are those that `previous` links, and those whose paths are of one rotation family; `metrics.0` is of the
 * family `metrics` only if there is a `metrics`.
 */
function groupByFile<T extends OrderedStream>(streams: readonly T[]): T[][] {
  const keyOf = (stream: OrderedStream, path: string) => `${stream.source}\n${path}`;
  const paths = new Set(streams.map((stream) => keyOf(stream, stream.path)));
  const byId = new Map(streams.map((stream) => [stream.stream, stream]));
  const group = new Map<string, string>();
  const rootOf = (key: string): string => {
    let root = key;
    for (let next = group.get(root); next !== undefined; next = group.get(root)) root = next;
    return root;
  };
  const familyOf = (stream: OrderedStream) => {
    const bare = keyOf(stream, rotationFamily(stream.path));
    return paths.has(bare) ? bare : keyOf(stream, stream.path);
  };
  for (const stream of streams) {
    const before = stream.previous === null ? undefined : byId.get(stream.previous);
    if (!before) continue;
    const [mine, theirs] = [rootOf(familyOf(stream)), rootOf(familyOf(before))];
    if (mine !== theirs) group.set(mine, theirs);
  }
  return [...Map.groupBy(streams, (stream) => rootOf(familyOf(stream))).values()];
}

function inCreationOrder<T extends OrderedStream>(streams: readonly T[]): T[] {
  const byId = new Map(streams.map((stream) => [stream.stream, stream]));
  const ordered: T[] = [];
  for (const stream of [...streams].sort(byCreation)) {
    const chain: T[] = [];
    // Taken out as they are visited: a circle of `previous`, which nobody writes, ends too.
    for (let at: T | undefined = byId.get(stream.stream); at; at = byId.get(at.previous ?? '')) {
      byId.delete(at.stream);
      chain.push(at);
    }
    ordered.push(...chain.reverse());
  }
  return ordered;
}

function byCreation(a: OrderedStream | undefined, b: OrderedStream | undefined): number {
  if (!a || !b) return 0;
  return a.created - b.created || compare(a.path, b.path) || compare(a.stream, b.stream);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
