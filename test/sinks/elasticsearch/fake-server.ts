/** As much of Elasticsearch over HTTP as writing needs, with faults to order: each is used up by one bulk request. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type Fault =
  /** The whole request is answered so; `product: false` leaves out the header by which the client knows the server. */
  | { status: number; body?: unknown; product?: boolean }
  /** The connection is cut after part of the answer. */
  | { reset: true }
  /** Single items are answered so, by `_id`. */
  | { items: Record<string, { status: number; type: string; reason?: string }> };

export interface FakeServer {
  node: string;
  faults: Fault[];
  /** Ids of each bulk request, in order. */
  bulks: string[][];
  /** Stored documents: version by id. */
  stored: Map<string, number>;
  /** Refuse bulk bodies over this. */
  bodyBytesMax: number;
  largestBody: number;
  close(): Promise<void>;
}

export async function startFakeServer(): Promise<FakeServer> {
  const server = createServer((request, response) => {
    void handle(fake, request, response);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const fake: FakeServer = {
    node: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    faults: [],
    bulks: [],
    stored: new Map(),
    bodyBytesMax: Infinity,
    largestBody: 0,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
  return fake;
}

async function handle(fake: FakeServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = Buffer.concat(await Array.fromAsync(request)).toString();
  const path = (request.url ?? '').split('?')[0] ?? '';
  if (path === '/_bulk') answerBulk(fake, body, response);
  else if (path.startsWith('/_index_template')) {
    answer(response, 200, { acknowledged: true, index_templates: [{ index_template: { version: 1_000 } }] });
  } else answer(response, 200, { acknowledged: true });
}

function answerBulk(fake: FakeServer, body: string, response: ServerResponse): void {
  const headers = body
    .trimEnd()
    .split('\n')
    .filter((_, line) => line % 2 === 0)
    .map((line) => (JSON.parse(line) as { index: { _id: string; version: number } }).index);
  fake.bulks.push(headers.map(({ _id: id }) => id));
  fake.largestBody = Math.max(fake.largestBody, body.length);
  if (body.length > fake.bodyBytesMax) {
    answer(response, 413, {});
    return;
  }
  const fault = fake.faults.shift();
  if (fault && 'status' in fault) {
    answer(response, fault.status, fault.body ?? {}, fault.product);
    return;
  }
  if (fault && 'reset' in fault) {
    response.writeHead(200, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' });
    response.write('{"items":[{"index":{"sta');
    setImmediate(() => response.destroy());
    return;
  }
  const items = headers.map(({ _id: id, version }) => {
    const wrong = fault?.items[id];
    if (wrong)
      return { index: { status: wrong.status, error: { type: wrong.type, reason: wrong.reason ?? '' } } };
    const isOlder = version < (fake.stored.get(id) ?? -1);
    if (!isOlder) fake.stored.set(id, version);
    return {
      index: isOlder
        ? { status: 409, error: { type: 'version_conflict_engine_exception' } }
        : { status: 201 },
    };
  });
  answer(response, 200, { items });
}

function answer(response: ServerResponse, status: number, body: unknown, product = true): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    ...(product && { 'x-elastic-product': 'Elasticsearch' }),
  });
  response.end(JSON.stringify(body));
}
