/** Reads Elasticsearch directly, not through Caboose, so that a scenario's oracle does not lean on what it tests. */
interface Hits {
  _shards: { failed: number };
  hits: { hits: { _id: string; _source: Record<string, unknown>; sort: unknown[] }[] };
}

const pageSize = 10_000;

/** How many events the indices hold, but those of the `leftOut` paths. `refresh`: also what no search would find yet. */
export async function elasticCount(
  node: string,
  indices: string,
  { leftOut = [], refresh = true }: { leftOut?: readonly string[]; refresh?: boolean } = {},
): Promise<number> {
  if (refresh) await post(node, `/${indices}/_refresh`);
  const { count } = (await post(node, `/${indices}/_count`, { query: butThose(leftOut) })) as {
    count?: number;
  };
  return count ?? 0;
}

/** The messages of all events in the indices, but those of the `leftOut` paths. */
export async function elasticMessages(
  node: string,
  indices: string,
  leftOut: readonly string[] = [],
): Promise<string[]> {
  await post(node, `/${indices}/_refresh`);
  const messages: string[] = [];
  // A snapshot in the order of the shards' documents, which is unique: a page that ended between two events of the same
  // path and offset (a rotated file has one at 0 in every generation) would leave out the second.
  const { id } = (await post(node, `/${indices}/_pit?keep_alive=1m`)) as { id: string };
  let after: unknown[] | undefined;
  for (;;) {
    const { _shards: shards, hits } = (await post(node, '/_search', {
      size: pageSize,
      pit: { id, keep_alive: '1m' },
      query: butThose(leftOut),
      sort: [{ _shard_doc: 'asc' }],
      _source: ['message'],
      ...(after ? { search_after: after } : {}),
    })) as Hits;
    if (shards.failed > 0) throw new Error(`${indices}: ${shards.failed} shards did not answer`);
    for (const { _source } of hits.hits) messages.push(String(_source['message']));
    after = hits.hits.at(-1)?.sort;
    if (hits.hits.length < pageSize || !after) return messages;
  }
}

function butThose(paths: readonly string[]): object {
  return { bool: { must_not: { terms: { 'log.file.path': paths } } } };
}

async function post(node: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(new URL(path, node), {
    method: 'POST',
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  // 503: an index that was made just now has no shard yet.
  if (response.status === 404 || (response.status === 503 && path.endsWith('/_count'))) return {};
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return await response.json();
}
