import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface News {
  key: string;
  state: string;
  title: string;
  incident: { id: string; run: string; class: string; rank: number | null };
}

export interface WebhookService extends AsyncDisposable {
  readonly url: string;
  /** What it has taken, in order. */
  readonly news: readonly News[];
  /** What it answers; only what is answered by 200 is taken. */
  status: number;
}

/** A service that takes what a webhook tells. */
export async function webhookService(): Promise<WebhookService> {
  const news: News[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const told = JSON.parse(body) as Omit<News, 'key'>;
      if (service.status === 200) news.push({ ...told, key: String(request.headers['idempotency-key']) });
      response.writeHead(service.status).end();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const service: WebhookService = {
    url: `http://127.0.0.1:${port}/hook`,
    news,
    status: 200,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
  return service;
}
