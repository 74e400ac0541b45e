import { afterEach, beforeEach, expect, test } from 'vitest';
import { startFakeServer } from '../../sinks/elasticsearch/fake-server.ts';
import type { FakeServer } from '../../sinks/elasticsearch/fake-server.ts';
import { indexProxy } from './index-proxy.ts';
import type { IndexProxy } from './index-proxy.ts';

let server: FakeServer;
let proxy: IndexProxy;

beforeEach(async () => {
  server = await startFakeServer();
  proxy = await indexProxy(server.node);
});
afterEach(async () => {
  await proxy.close();
  await server.close();
});

async function bulk(ids: readonly string[]): Promise<{ status: number; items: number[] }> {
  const lines = ids.map((id) => `{"index":{"_id":"${id}","version":1}}\n{"message":"${id}"}\n`);
  const response = await fetch(`http://${proxy.address}/_bulk`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: lines.join(''),
  });
  const { items = [] } = (await response.json()) as { items?: { index: { status: number } }[] };
  return { status: response.status, items: items.map(({ index }) => index.status) };
}

test('forwards what it is not told to answer', async () => {
  expect(await bulk(['a', 'b'])).toEqual({ status: 200, items: [201, 201] });
  expect(proxy.answered).toBe(0);
});

test('answers a whole request, which the server does not see', async () => {
  proxy.answerInstead(() => ({ status: 503, type: 'unavailable' }));
  expect(await bulk(['a'])).toEqual({ status: 503, items: [] });
  expect(server.bulks).toEqual([]);
});

test('answers some items, and the server the others, each in its place', async () => {
  proxy.answerInstead(() => ({ items: (i) => (i === 1 ? { status: 429, type: 'rejected' } : null) }));
  expect(await bulk(['a', 'b', 'c'])).toEqual({ status: 200, items: [201, 429, 201] });
  expect(server.bulks).toEqual([['a', 'c']]);
  expect(proxy.answered).toBe(1);
});
