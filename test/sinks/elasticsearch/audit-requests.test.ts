/** What an audit asks of Elasticsearch is bounded in requests, for a hundred thousand streams. */
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import { createElasticsearchIndex } from '../../../src/sinks/elasticsearch/index.ts';
import { FakeClock } from '../../fakes/clock.ts';

const streams = 100_000;
const asked: string[] = [];
const server = createServer((request, response) => {
  void answer(request).then((body) => {
    response.writeHead(200, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' });
    response.end(JSON.stringify(body));
  });
});

beforeEach(async () => {
  asked.length = 0;
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => void server.close(resolve));
});

interface Search {
  size: number;
  search_after?: [number];
  aggs?: { streams: { composite: { size: number; after?: { stream: string } } } };
}

/** As much of a server as has so many stream documents, and events of each. */
async function answer(request: IncomingMessage): Promise<unknown> {
  const body = Buffer.concat(await Array.fromAsync(request)).toString();
  const path = (request.url ?? '').split('?')[0] ?? '';
  asked.push(path);
  if (path.endsWith('/_pit')) return { id: 'pit' };
  if (!path.endsWith('/_search')) return {};
  const search = JSON.parse(body) as Search;
  if (search.aggs) {
    const { size, after } = search.aggs.streams.composite;
    const from = after ? Number(after.stream) + 1 : 0;
    const buckets = numbers(from, size).map((n) => ({ key: { stream: String(n) }, doc_count: 3 }));
    const last = buckets.at(-1);
    return { aggregations: { streams: { buckets, ...(last && { after_key: last.key }) } } };
  }
  const hits = numbers((search.search_after?.[0] ?? -1) + 1, search.size).map((n) => ({
    _id: String(n),
    _source: { caboose: { open: false }, document: { stream: String(n), end: 50, events: 3, gaps: [] } },
    sort: [n],
  }));
  return { pit_id: 'pit', hits: { hits } };
}

function numbers(from: number, size: number): number[] {
  return Array.from({ length: Math.max(0, Math.min(size, streams - from)) }, (_, i) => from + i);
}

it('reads all stream documents and counts all events in some dozen requests', async () => {
  const { port } = server.address() as AddressInfo;
  const node = `http://127.0.0.1:${port}`;
  const index = createElasticsearchIndex({ node, clock: new FakeClock(), logger: silentLogger });
  try {
    let found = 0;
    for await (const { stream } of index.streamSummaries({ source: 's' }))
      if (stream === String(found)) found += 1;
    expect(found).toBe(streams);
    // 5,000 documents a request, the last of which is empty; and a point in time.
    expect(asked.length).toBeLessThanOrEqual(streams / 5_000 + 3);
    asked.length = 0;
    let counted = 0;
    for await (const { events } of index.eventTotals({ source: 's' })) counted += events;
    expect(counted).toBe(3 * streams);
    expect(asked.length).toBeLessThanOrEqual(streams / 10_000 + 1);
  } finally {
    await index.close();
  }
});
