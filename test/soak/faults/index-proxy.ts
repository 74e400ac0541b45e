/**
 * An HTTP proxy before Elasticsearch, which may answer instead of the server: a whole request with a status, or some items of a bulk,
 * while the server takes in the others.
 */
import { createServer, request as forward, Agent } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TcpProxy } from '../../fakes/tcp-proxy.ts';

/** `items`: said of each action of a bulk; null lets the server take it in. */
export type Answer =
  { status: number; type: string } | { items: (action: number) => { status: number; type: string } | null };

export interface IndexProxy {
  /** host:port */
  readonly address: string;
  /** Requests, or items of one, that were answered here. */
  readonly answered: number;
  /** Asked of each bulk request; null forwards it. */
  answerInstead(decide: (() => Answer | null) | null): void;
  close(): Promise<void>;
}

/** `node`: the URL of Elasticsearch. */
export async function indexProxy(node: string): Promise<IndexProxy> {
  const proxy = new Proxy(node);
  await proxy.listen();
  return proxy;
}

class Proxy implements IndexProxy {
  answered = 0;
  readonly #node: URL;
  readonly #agent = new Agent({ keepAlive: true });
  // A connection that is closed because it was idle would look like one that fails.
  readonly #server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    this.#handle(request, response).catch((error: unknown) => {
      // The server, or the client, is gone: the other side sees a broken connection, as it would without us.
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  #decide: (() => Answer | null) | null = null;

  constructor(node: string) {
    this.#node = new URL(node);
  }

  get address(): TcpProxy['address'] {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => void this.#server.listen(0, '127.0.0.1', resolve));
  }

  answerInstead(decide: (() => Answer | null) | null): void {
    this.#decide = decide;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#agent.destroy();
    await new Promise((resolve) => void this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    const isBulk = request.url?.startsWith('/_bulk') === true;
    const answer = isBulk ? (this.#decide?.() ?? null) : null;
    if (answer === null) {
      const { status, headers, body: text } = await this.#ask(request, body);
      response.writeHead(status, headers).end(text);
    } else if ('status' in answer) {
      this.answered += 1;
      const { status, type } = answer;
      reply(response, status, { error: { type, reason: 'injected' }, status });
    } else {
      await this.#answerSome(request, response, body, answer.items);
    }
  }

  /** The server is sent a bulk without the items that are answered here, and its answers are put between ours. */
  async #answerSome(
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
    say: (action: number) => { status: number; type: string } | null,
  ): Promise<void> {
    const actions = actionsOf(body.toString());
    const said = actions.map((_, i) => say(i));
    const passed = actions.filter((_, i) => said[i] === null);
    this.answered += actions.length - passed.length;
    let answers: unknown[] = [];
    if (passed.length > 0) {
      const { status, headers, body: text } = await this.#ask(request, Buffer.from(passed.join('')));
      if (status !== 200) return void response.writeHead(status, headers).end(text);
      answers = (JSON.parse(text.toString()) as { items: unknown[] }).items;
    }
    const next = answers.values();
    const items = said.map((one) =>
      one === null
        ? next.next().value
        : { index: { status: one.status, error: { type: one.type, reason: 'injected' } } },
    );
    reply(response, 200, { items });
  }

  async #ask(
    { method, url, headers }: IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; headers: IncomingMessage['headers']; body: Buffer }> {
    const { 'transfer-encoding': _chunked, connection: _connection, host: _host, ...kept } = headers;
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = forward(
        new URL(url ?? '/', this.#node),
        { method, agent: this.#agent, headers: { ...kept, 'content-length': String(body.length) } },
        resolve,
      );
      asked.on('error', reject);
      asked.end(body);
    });
    const text = Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>));
    const {
      'transfer-encoding': _answerChunked,
      connection: _answerConnection,
      ...answerHeaders
    } = answer.headers;
    return {
      status: answer.statusCode ?? 502,
      headers: { ...answerHeaders, 'content-length': String(text.length) },
      body: text,
    };
  }
}

/** The actions of a bulk body, each with the line that follows it (a delete has none). */
function actionsOf(body: string): string[] {
  const lines = body.split('\n').filter((line) => line !== '');
  const actions: string[] = [];
  for (let i = 0; i < lines.length; i += 1) {
    const isDelete = lines[i]?.startsWith('{"delete"') === true;
    actions.push(isDelete ? `${lines[i]}\n` : `${lines[i]}\n${lines[i + 1]}\n`);
    if (!isDelete) i += 1;
  }
  return actions;
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' })
    .end(JSON.stringify(body));
}
