/**
 * The least that indexing can cost: documents that are there already, sent again as ready-made bulk bodies to fresh indices of the same
 * templates, by a loader that does nothing else.
 */
import { usedBy } from './agent-process.ts';

export interface Loaded {
  docsPerSecond: number;
  /** Of Elasticsearch; NaN without its pid. */
  cpuMicrosPerDoc: number;
}

const docsMax = 100_000;
const docsPerBody = 1_000;
const bodiesAtOnce = 2;

interface Hit {
  _index: string;
  _id: string;
  _version: number;
  _source: unknown;
  sort: unknown[];
}

/** How many documents the indices were given so far, replaced ones included. */
export async function indexedBy(node: string, indices: readonly string[]): Promise<number> {
  const { _all: all } = (await ask(node, `/${indices.join(',')}/_stats/indexing`)) as {
    _all: { primaries: { indexing?: { index_total: number } } };
  };
  return all.primaries.indexing?.index_total ?? 0;
}

/** Copies up to 100,000 documents of the indices into `<index>-bare`. Throws when one is refused. */
export async function loadBare(
  node: string,
  indices: readonly string[],
  pid: number | null,
): Promise<Loaded> {
  const bodies = await readBodies(node, indices);
  const cpuSeconds = async () => (pid === null ? NaN : (await usedBy(pid)).cpuSeconds);
  const cpuBefore = await cpuSeconds();
  const began = performance.now();
  let next = 0;
  let docs = 0;
  const send = async () => {
    for (let body = bodies[next++]; body !== undefined; body = bodies[next++]) {
      const { errors, items } = (await ask(node, '/_bulk?filter_path=errors,items.*.status', body)) as {
        errors: boolean;
        items: unknown[];
      };
      if (errors) throw new Error('the bare loader was refused a document');
      docs += items.length;
    }
  };
  await Promise.all(Array.from({ length: bodiesAtOnce }, send));
  const seconds = (performance.now() - began) / 1000;
  const cpu = (await cpuSeconds()) - cpuBefore;
  return { docsPerSecond: docs / seconds, cpuMicrosPerDoc: (cpu * 1e6) / docs };
}

async function readBodies(node: string, indices: readonly string[]): Promise<string[]> {
  const from = `/${indices.join(',')}`;
  await ask(node, `${from}/_refresh`, '');
  const { id } = (await ask(node, `${from}/_pit?keep_alive=2m`, '')) as { id: string };
  const bodies: string[] = [];
  let after: unknown[] | undefined;
  while (bodies.length < docsMax / docsPerBody) {
    const query = {
      size: docsPerBody,
      version: true,
      pit: { id, keep_alive: '2m' },
      sort: ['_shard_doc'],
      ...(after && { search_after: after }),
    };
    const { hits } = (await ask(node, '/_search', JSON.stringify(query))) as { hits: { hits: Hit[] } };
    const last = hits.hits.at(-1);
    if (last === undefined) break;
    after = last.sort;
    bodies.push(hits.hits.map(linesOf).join(''));
  }
  return bodies;
}

function linesOf({ _index, _id, _version: version, _source }: Hit): string {
  const index = { _index: `${_index}-bare`, _id, version, version_type: 'external_gte' };
  return `${JSON.stringify({ index })}\n${JSON.stringify(_source)}\n`;
}

async function ask(node: string, path: string, body?: string): Promise<unknown> {
  const response = await fetch(new URL(path, node), {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'content-type': path.startsWith('/_bulk') ? 'application/x-ndjson' : 'application/json' },
    ...(body !== undefined && { body }),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${(await response.text()).slice(0, 500)}`);
  return await response.json();
}
