import { createServer } from 'node:net';
import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/core/logger.ts';
import { createHealth } from '../../src/telemetry/health.ts';
import type { HealthReport } from '../../src/telemetry/health.ts';
import { startHttpServer, type HttpServer, type HttpServerOptions } from '../../src/telemetry/http.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock } from '../fakes/clock.ts';

const started: HttpServer[] = [];
afterEach(async () => {
  for (const server of started.splice(0)) await server.close();
});

const token = 'a-token-of-some-length';

const clock = new FakeClock();

async function start(options: Partial<HttpServerOptions> = {}) {
  const metrics = createMetrics();
  const health = createHealth(clock);
  const server = await startHttpServer({
    listen: '127.0.0.1:0',
    registry: metrics.registry,
    health,
    logger: silentLogger,
    ...options,
  });
  started.push(server);
  return { server, health, metrics };
}

/** Status and body; with any Host header, which fetch does not allow. */
async function get(server: HttpServer, path: string, headers: Record<string, string> = {}, method = 'GET') {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  request({ host: '127.0.0.1', port: server.port, path, headers, method }, (response) => {
    let body = '';
    response.on('data', (chunk: Buffer) => (body += chunk.toString()));
    response.on('error', reject);
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
  })
    .on('error', reject)
    .end();
  return await promise;
}

const page: HttpServerOptions['handler'] = (_, response, url) => {
  if (url.pathname === '/fails') throw new Error('boom');
  if (url.pathname !== '/') return Promise.resolve(false);
  response.end('the page');
  return Promise.resolve(true);
};

describe('probes', () => {
  it('does not bring what Node has for HTTP clients into every process that serves', () => {
    const program = `await import('./src/telemetry/http.ts'); console.log(process.moduleLoadList.join());`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
    expect(stderr.toString()).toBe('');
    expect(stdout.toString()).toContain('http');
    expect(stdout.toString()).not.toContain('undici');
  });

  it('say ready when every check does, else why not, in words', async () => {
    const { server, health } = await start();
    expect(await get(server, '/readyz')).toEqual({ status: 200, body: '{"ok":true,"checks":{}}\n' });
    health.addReadiness('kafka', () => 'connect ECONNREFUSED 127.0.0.1:9092');
    health.addReadiness('tail', () => Promise.resolve(null));
    health.addReadiness('bad', () => {
      throw new Error('broken check');
    });
    const { status, body } = await get(server, '/readyz');
    expect(status).toBe(503);
    expect(JSON.parse(body)).toEqual({
      ok: false,
      checks: {
        kafka: { ok: false, reason: 'connect ECONNREFUSED 127.0.0.1:9092', forSeconds: 0 },
        tail: { ok: true },
        bad: { ok: false, reason: 'broken check', forSeconds: 0 },
      },
    });
    expect((await get(server, '/livez')).status).toBe(200);
    health.addLiveness('loop', () => 'stuck');
    expect((await get(server, '/livez')).status).toBe(503);
  });

  it('say for how long, and forget it when the part is well again', async () => {
    const { server, health } = await start();
    let reason: string | null = 'away';
    health.addReadiness('kafka', () => reason);
    const forSeconds = async () =>
      (JSON.parse((await get(server, '/readyz')).body) as HealthReport).checks['kafka']?.forSeconds;
    expect(await forSeconds()).toBe(0);
    await clock.advance(65_000);
    expect(await forSeconds()).toBe(65);
    reason = null;
    expect(await forSeconds()).toBeUndefined();
    reason = 'away again';
    expect(await forSeconds()).toBe(0);
  });

  it('speak to people in text, and to programs in JSON', async () => {
    const { server, health } = await start();
    health.addReadiness('tail', () => null);
    health.addReadiness('kafka', () => 'away');
    const text = 'not ok\nnot ok  kafka: away (for 0 s)\nok      tail\n';
    const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
    expect(await get(server, '/readyz', browser)).toEqual({ status: 503, body: text });
    expect(await get(server, '/readyz?format=text')).toEqual({ status: 503, body: text });
    expect((await get(server, '/livez?format=text')).body).toBe('ok\n');
    for (const [path, headers] of [
      ['/readyz', {}],
      ['/readyz', { accept: '*/*' }],
      ['/readyz', { accept: 'application/json, text/plain, */*' }],
      ['/readyz?format=json', browser],
    ] as const)
      expect(JSON.parse((await get(server, path, headers)).body)).toMatchObject({ ok: false });
  });

  it('answer although a check hangs', async () => {
    const { server, health } = await start();
    health.addReadiness('slow', () => new Promise(() => undefined));
    expect((await get(server, '/readyz')).body).toContain('no answer within');
  });
});

describe('/metrics', () => {
  it('are brought up to date at the scrape', async () => {
    const metrics = createMetrics();
    let lag = 1;
    const { server } = await start({
      registry: metrics.registry,
      beforeScrape: () => metrics.lagBytes.set((lag *= 2)),
    });
    expect((await get(server, '/metrics')).body).toContain('\ncaboose_lag_bytes 2\n');
    expect((await get(server, '/metrics')).body).toContain('\ncaboose_lag_bytes 4\n');
  });

  it('ask for their own token', async () => {
    const { server } = await start({ metricsToken: token });
    expect((await get(server, '/metrics')).status).toBe(401);
    expect((await get(server, '/metrics', { authorization: 'Bearer no' })).status).toBe(401);
    expect((await get(server, '/metrics', { authorization: `Bearer ${token}` })).status).toBe(200);
    expect((await get(server, '/readyz')).status).toBe(200);
  });

  it('are accepted by promtool', async (context) => {
    const found = spawnSync('promtool', ['--version']).status === 0;
    if (!found && process.env['CABOOSE_REQUIRE_SERVERS'] === '1')
      throw new Error('promtool is not installed');
    if (!found) {
      console.warn('SKIPPED: promtool is not installed (Debian package prometheus)');
      context.skip();
    }
    const { server, metrics } = await start();
    metrics.ackedBytes.inc({ lane: 'fast' }, 5);
    metrics.connected.set({ to: 'kafka' }, 1);
    metrics.endToEnd.observe(0.3);
    const { body } = await get(server, '/metrics');
    const ours = body
      .split('\n')
      .filter((line) => /(^|\s)caboose_/.test(line))
      .join('\n');
    const check = spawnSync('promtool', ['check', 'metrics'], { input: `${ours}\n`, encoding: 'utf8' });
    expect(check.stdout + check.stderr).toBe('');
    expect(check.status).toBe(0);
    // Of Node's own metrics it dislikes some names, but reads them all.
    const all = spawnSync('promtool', ['check', 'metrics'], { input: body, encoding: 'utf8' });
    expect(all.stderr).not.toContain('error while linting');
  });
});

describe('the plugged-in handler', () => {
  it('answers on loopback without a token, but only to localhost', async () => {
    const { server } = await start({ handler: page });
    expect(await get(server, '/')).toEqual({ status: 200, body: 'the page' });
    expect((await get(server, '/', { host: 'evil.example:7070' })).status).toBe(403);
    expect((await get(server, '/other')).status).toBe(404);
  });

  it('needs the token when there is one', async () => {
    const { server } = await start({ handler: page, token });
    expect((await get(server, '/')).status).toBe(401);
    const basic = Buffer.from(`caboose:${token}`).toString('base64');
    expect((await get(server, '/', { authorization: `Basic ${basic}` })).status).toBe(200);
    expect((await get(server, '/', { authorization: `bearer ${token}` })).status).toBe(200);
  });

  it('is refused beyond loopback without one', async () => {
    const starting = start({ handler: page, listen: '0.0.0.0:0' });
    await expect(starting).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      hint: expect.stringContaining('http.token'),
    });
    const { server } = await start({ listen: '0.0.0.0:0' });
    expect((await get(server, '/readyz')).status).toBe(200);
  });

  it('may fail without harm', async () => {
    const { server } = await start({ handler: page });
    expect((await get(server, '/fails')).status).toBe(500);
    expect((await get(server, '/')).status).toBe(200);
    expect((await get(server, '/', {}, 'POST')).status).toBe(200);
    expect((await get(server, '/metrics', {}, 'POST')).status).toBe(405);
    expect((await get(server, '//')).status).not.toBe(500);
  });
});

it('a port in use is told, with what to do', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  await expect(start({ listen: `127.0.0.1:${port}` })).rejects.toMatchObject({
    code: 'LISTEN_FAILED',
    hint: expect.stringContaining('--listen'),
  });
  await new Promise((resolve) => void other.close(resolve));
});

it('closes although a client holds an answer open', async () => {
  const { server } = await start({
    handler: (_, response) => {
      response.write('never ends');
      return Promise.resolve(true);
    },
  });
  const hanging = get(server, '/').catch((error: unknown) => String(error));
  await expect.poll(async () => (await get(server, '/livez')).status).toBe(200);
  await server.close();
  expect(await hanging).toMatch(/aborted|hang up|ECONNRESET/);
});
