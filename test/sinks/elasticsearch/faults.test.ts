import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createServer as createWebServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { EventIndex, IndexItem } from '../../../src/core/event-index.ts';
import { createElasticsearchIndex } from '../../../src/sinks/elasticsearch/index.ts';
import { until } from '../../fakes/clock.ts';
import { makeEvent, makeStream, newStream } from '../../contract/event-index.suite.ts';
import { startFakeServer, type FakeServer } from './fake-server.ts';

let server: FakeServer;
let index: EventIndex;
let lines: { level: string; message: string; fields: object }[];
/** Waits are asked for, and over at once. */
let sleeps: number[];

function open(node: string): EventIndex {
  const record = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields });
  return createElasticsearchIndex({
    node,
    clock: {
      ...systemClock,
      sleep: async (ms) => {
        sleeps.push(ms);
        await new Promise((resolve) => void setImmediate(resolve));
      },
    },
    logger: { debug: () => undefined, info: record('info'), warn: record('warn'), error: record('error') },
  });
}

beforeEach(async () => {
  lines = [];
  sleeps = [];
  server = await startFakeServer();
  index = open(server.node);
});
afterEach(async () => {
  await index.close();
  await server.close();
});

const signal = new AbortController().signal;
const items = (count: number, message = 'm'): IndexItem[] => {
  const stream = newStream();
  return Array.from({ length: count }, (_, n) => ({
    kind: 'event',
    event: { ...makeEvent({ stream, start: n * 10, message }), id: `e${n}` },
  }));
};
const allStored = (count: number) => Array.from({ length: count }, () => ({ status: 'stored' }));

describe('faults of single items', () => {
  test('429, 503 and blocks: those items are sent again, the others are not', async () => {
    server.faults.push(
      {
        items: {
          e1: { status: 429, type: 'es_rejected_execution_exception' },
          e2: { status: 503, type: 'unavailable_shards_exception' },
          e3: {
            status: 403,
            type: 'cluster_block_exception',
            reason: 'index [x] blocked by: [FORBIDDEN/8/index write]',
          },
        },
      },
      { items: { e2: { status: 503, type: 'unavailable_shards_exception' } } },
    );
    expect(await index.write(items(5), signal)).toEqual(allStored(5));
    expect(server.bulks).toEqual([['e0', 'e1', 'e2', 'e3', 'e4'], ['e1', 'e2', 'e3'], ['e2']]);
    expect(sleeps.length).toBe(2);
  });

  test('409 is stored, 400 is rejected with its reason', async () => {
    server.stored.set('e0', Number.MAX_SAFE_INTEGER);
    server.faults.push({
      items: { e1: { status: 400, type: 'document_parsing_exception', reason: 'field [x]' } },
    });
    expect(await index.write(items(3), signal)).toEqual([
      { status: 'stored' },
      { status: 'rejected', reason: 'document_parsing_exception: field [x]' },
      { status: 'stored' },
    ]);
  });

  test("the cluster's limit of shards is no fault of the document", async () => {
    const reason =
      'this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal shards open;';
    server.faults.push({ items: { e0: { status: 400, type: 'validation_exception', reason } } });
    expect(await index.write(items(1), signal)).toEqual(allStored(1));
    expect(lines.map(({ level }) => level)).toEqual(['error', 'info']);
  });

  test('an item without rights waits for the operator', async () => {
    server.faults.push({
      items: { e0: { status: 403, type: 'security_exception', reason: 'unauthorized' } },
    });
    expect(await index.write(items(2), signal)).toEqual(allStored(2));
    expect(lines[0]).toMatchObject({
      level: 'error',
      fields: { code: 'INDEX_REFUSED', hint: expect.any(String) },
    });
  });
});

describe('faults of requests', () => {
  test.each([429, 500, 502, 503, 504])('%i is an outage: all again, told once', async (status) => {
    server.faults.push({ status }, { status }, { status });
    expect(await index.write(items(2), signal)).toEqual(allStored(2));
    expect(server.bulks).toHaveLength(4);
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info']);
    expect(sleeps[0]).toBeLessThan(sleeps[2] ?? 0);
    expect(index.state()).toEqual({ name: 'elasticsearch', connected: true });
  });

  test('a connection that is cut inside the answer', async () => {
    server.faults.push({ reset: true }, { reset: true });
    expect(await index.write(items(2), signal)).toEqual(allStored(2));
    expect(server.bulks).toHaveLength(3);
  });

  test('an answer without all items', async () => {
    server.faults.push({ status: 200, body: { items: [] } });
    expect(await index.write(items(2), signal)).toEqual(allStored(2));
  });

  test.each([401, 403])('%i alarms once and goes on slowly', async (status) => {
    server.faults.push({ status }, { status }, { status });
    expect(await index.write(items(2), signal)).toEqual(allStored(2));
    expect(lines.map(({ level }) => level)).toEqual(['error', 'info']);
    expect(Math.min(...sleeps)).toBeGreaterThanOrEqual(2_500);
  });

  test('413 halves down to the item at fault', async () => {
    server.bodyBytesMax = 3_000;
    const some = [...items(6), ...items(1, 'x'.repeat(5_000)).map((item) => item)];
    const results = await index.write(some, signal);
    expect(results.slice(0, 6)).toEqual(allStored(6));
    expect(results[6]).toMatchObject({ status: 'rejected', reason: expect.stringContaining('size') });
  });

  test('a 400 of the whole request is found down to the item', async () => {
    server.faults.push({ status: 400, body: { error: { type: 'parse_exception', reason: 'bad' } } });
    server.faults.push({ status: 400, body: { error: { type: 'parse_exception', reason: 'bad' } } });
    expect(await index.write(items(2), signal)).toEqual([
      { status: 'rejected', reason: expect.stringContaining('bad') },
      { status: 'stored' },
    ]);
  });

  test('a server that is no Elasticsearch any more loses nothing', async () => {
    server.faults.push({ status: 200, body: { items: [] }, product: false }, { status: 404, product: false });
    expect(await index.write(items(2), signal)).toEqual(allStored(2));
    expect(lines[0]).toMatchObject({ level: 'error', fields: { code: 'INDEX_NOT_ELASTICSEARCH' } });
  });

  test('an abort ends the waiting with its reason', async () => {
    for (let n = 0; n < 1_000; n += 1) server.faults.push({ status: 503 });
    const abort = new AbortController();
    const writing = index.write(items(2), abort.signal);
    await until(() => server.bulks.length > 3, 'some tries');
    expect(index.state()).toMatchObject({ connected: false, reason: expect.stringContaining('503') });
    const reason = new Error('revoked');
    abort.abort(reason);
    await expect(writing).rejects.toBe(reason);
  });
});

describe('bodies', () => {
  test('are bounded in items and bytes, and a huge document goes alone', async () => {
    const many = [
      ...items(2_500),
      ...items(3, 'y'.repeat(5 * 1024 * 1024)),
      ...items(1, 'z'.repeat(9 * 1024 * 1024)),
    ];
    expect(await index.write(many, signal)).toEqual(allStored(many.length));
    expect(server.bulks.map((ids) => ids.length)).toEqual([2_000, 501, 1, 1, 1]);
  });

  test('stream documents are written after the events that they speak of', async () => {
    const stream = newStream();
    server.faults.push({ items: { e0: { status: 429, type: 'x' } } });
    const document = makeStream({ stream });
    expect(await index.write([{ kind: 'stream', document }, ...items(2)], signal)).toEqual(allStored(3));
    expect(server.bulks).toEqual([['e0', 'e1'], ['e0'], [stream]]);
  });
});

describe('an address that is no Elasticsearch', () => {
  test('a web server', async () => {
    const web = createWebServer((_, response) => void response.writeHead(404).end('<h1>nothing here</h1>'));
    await new Promise<void>((resolve) => void web.listen(0, '127.0.0.1', resolve));
    const wrong = open(`http://127.0.0.1:${(web.address() as AddressInfo).port}`);
    await expect(wrong.prepare(signal)).rejects.toMatchObject({
      code: 'INDEX_NOT_ELASTICSEARCH',
      hint: expect.stringContaining('9200'),
    });
    await wrong.close();
    web.closeAllConnections();
    web.close();
  });

  test('a server that speaks no HTTP', async () => {
    const other = createServer((socket) => {
      socket.on('error', () => undefined).once('data', () => socket.end('\0\0\0\u0004nope'));
    });
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    const wrong = open(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
    await expect(wrong.prepare(signal)).rejects.toMatchObject({ code: 'INDEX_NOT_ELASTICSEARCH' });
    await wrong.close();
    other.close();
  });

  test('https where http is spoken', async () => {
    const wrong = open(server.node.replace('http:', 'https:'));
    await expect(wrong.prepare(signal)).rejects.toMatchObject({
      code: 'INDEX_TLS',
      hint: expect.stringContaining('https'),
    });
    await wrong.close();
  });

  test('nobody: prepare waits until it is aborted, questions fail at once', async () => {
    const nobody = open('http://127.0.0.1:1');
    const abort = new AbortController();
    const preparing = nobody.prepare(abort.signal);
    await until(() => sleeps.length > 3, 'some tries');
    abort.abort(new Error('enough'));
    await expect(preparing).rejects.toThrow('enough');
    expect(lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    await expect(nobody.search({ clauses: [] })).rejects.toMatchObject({
      code: 'INDEX_UNREACHABLE',
      retriable: true,
    });
    await nobody.close();
  });
});
