import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { Webhook } from '../../src/sinks/webhook.ts';
import type { PostRequest, WebhookOptions } from '../../src/sinks/webhook.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { systemClock } from '../../src/core/clock.ts';
import { FakeClock, settle, until } from '../fakes/clock.ts';

const stop = new Set<() => Promise<void> | void>();
afterEach(async () => {
  for (const end of stop) await end();
  stop.clear();
});

/** A webhook before a service that gives the answers in turn, then 200; an Error is no answer. */
function bench(answers: (number | Error)[], more: Partial<WebhookOptions> = {}) {
  const clock = new FakeClock();
  const metrics = createMetrics();
  const requests: PostRequest[] = [];
  const delivered: string[] = [];
  const webhook = new Webhook({
    url: 'http://127.0.0.1/hook',
    headers: { Authorization: 'Bearer of the test' },
    timeoutMs: 10_000,
    attemptsMax: 4,
    mayAct: () => true,
    clock,
    logger: silentLogger,
    metrics,
    post: async (_url, request) => {
      requests.push(request);
      const answer = answers.shift() ?? 200;
      if (typeof answer !== 'number') throw answer;
      return await Promise.resolve(answer);
    },
    random: () => 0.5,
    ...more,
  });
  const over = new AbortController();
  const running = webhook.run(over.signal);
  stop.add(async () => {
    over.abort();
    await running;
  });
  const offer = (key: string): void =>
    webhook.offer({ key, body: { key }, onDelivered: async () => void delivered.push(key) });
  const counted = async (result: string): Promise<number> => {
    const { values } = await metrics.webhookDeliveries.get();
    return values.find(({ labels }) => labels.result === result)?.value ?? 0;
  };
  const keys = (): (string | undefined)[] => requests.map(({ headers }) => headers['Idempotency-Key']);
  return { clock, offer, counted, delivered, requests, keys };
}

describe('a webhook', () => {
  it('is told once, with a key and the headers that were asked for', async () => {
    const { offer, delivered, requests, counted } = bench([]);
    offer('a:opened');
    await settle();
    expect(requests).toEqual([
      {
        headers: {
          Authorization: 'Bearer of the test',
          'Content-Type': 'application/json',
          'Idempotency-Key': 'a:opened',
        },
        body: '{"key":"a:opened"}',
      },
    ]);
    expect(delivered).toEqual(['a:opened']);
    expect(await counted('delivered')).toBe(1);
  });

  it('is asked again later and later, under the same key, and what comes behind keeps its order', async () => {
    const { clock, offer, delivered, keys, counted } = bench([new Error('refused'), 503, 429]);
    offer('a:opened');
    offer('a:resolved');
    await settle();
    expect(keys()).toEqual(['a:opened']);
    await clock.advance(700);
    expect(keys()).toHaveLength(1);
    await clock.advance(100);
    expect(keys()).toHaveLength(2);
    await clock.advance(10_000);
    expect(keys()).toEqual([...Array<string>(4).fill('a:opened'), 'a:resolved']);
    expect(delivered).toEqual(['a:opened', 'a:resolved']);
    expect(await counted('retried')).toBe(3);
  });

  it('is given up after so many attempts, which is counted; the next one is told', async () => {
    const { clock, offer, delivered, keys, counted } = bench([500, 500, 500, 500]);
    offer('a:opened');
    offer('b:opened');
    await settle();
    await clock.advance(60_000);
    expect(keys()).toEqual([...Array<string>(4).fill('a:opened'), 'b:opened']);
    expect(delivered).toEqual(['b:opened']);
    expect(await counted('given-up')).toBe(1);
  });

  it.each([400, 401, 404, 302])('is not asked again when it answers %i', async (status) => {
    const { clock, offer, keys, counted } = bench([status]);
    offer('a:opened');
    await clock.advance(60_000);
    expect(keys()).toHaveLength(1);
    expect(await counted('given-up')).toBe(1);
  });

  it('is not told any more by one who may not act', async () => {
    let trusted = true;
    const { clock, offer, keys, delivered } = bench([503], { mayAct: () => trusted });
    offer('a:opened');
    await settle();
    trusted = false;
    await clock.advance(60_000);
    expect(keys()).toHaveLength(1);
    expect(delivered).toEqual([]);
  });

  it('keeps a bounded queue, and counts what does not find room', async () => {
    const { offer, counted } = bench([503]);
    for (let i = 0; i < 1_010; i += 1) offer(`${i}:opened`);
    await settle();
    expect(await counted('queue-full')).toBe(10);
  });

  it('speaks HTTP: a body of JSON, no redirect followed, and a time limit', async () => {
    const seen: { path?: string | undefined; key?: unknown; body: string }[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => void chunks.push(chunk));
      request.on('end', () => {
        seen.push({
          path: request.url,
          key: request.headers['idempotency-key'],
          body: Buffer.concat(chunks).toString(),
        });
        if (seen.length === 1) return; // No answer.
        if (seen.length === 2) return void response.writeHead(503).end();
        response.writeHead(seen.length === 3 ? 204 : 307, { Location: '/elsewhere' }).end();
      });
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    stop.add(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const { offer, delivered, counted } = bench([], {
      url: `http://127.0.0.1:${port}/hook`,
      timeoutMs: 200,
      clock: systemClock,
      random: () => 0,
      post: undefined as never,
    });
    offer('a:opened');
    offer('b:opened');
    await until(async () => (await counted('given-up')) === 1, 'both are told or given up');
    expect(delivered).toEqual(['a:opened']);
    expect(seen.map(({ path, key }) => [path, key])).toEqual([
      ['/hook', 'a:opened'],
      ['/hook', 'a:opened'],
      ['/hook', 'a:opened'],
      ['/hook', 'b:opened'],
    ]);
    expect(seen[2]?.body).toBe('{"key":"a:opened"}');
  });
});
