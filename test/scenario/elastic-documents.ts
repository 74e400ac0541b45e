/** Reads Elasticsearch directly, not through Caboose, so that a scenario's oracle does not lean on what it tests. */
interface Hits {
  hits: { hits: { _id: string; _source: Record<string, unknown>; sort: unknown[] }[] };
}

const pageSize = 10_000;

/** The messages of all events in the indices; or as many empty texts as there are events, which is cheaper. */
export async function elasticDocuments(
  node: string,
  indices: string,
  what: 'messages' | 'count',
): Promise<string[]> {
  await post(node, `/${indices}/_refresh`);
  if (what === 'count') {
    const { count } = (await post(node, `/${indices}/_count`, { query: { match_all: {} } })) as {
      count?: number;
    };
    return Array.from({ length: count ?? 0 }, () => '');
  }
  const messages: string[] = [];
  let after: unknown[] | undefined;
  for (;;) {
    const page = (await post(node, `/${indices}/_search`, {
      size: pageSize,
      sort: [{ 'log.file.path': 'asc' }, { 'log.offset': 'asc' }],
      _source: ['message'],
      ...(after ? { search_after: after } : {}),
    })) as Hits;
    for (const { _source } of page.hits.hits) messages.push(String(_source['message']));
    after = page.hits.hits.at(-1)?.sort;
    if (page.hits.hits.length < pageSize || !after) return messages;
  }
}

async function post(node: string, path: string, body?: object): Promise<unknown> {
  const response = await fetch(new URL(path, node), {
    method: 'POST',
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (response.status === 404) return {};
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return await response.json();
}
