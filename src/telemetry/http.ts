/**
 * The HTTP server of the long-running commands: /metrics, /livez, /readyz, and whatever handler is plugged in (the page
 * and its API). Binds loopback unless told otherwise. Tokens: /livez and /readyz never need one; /metrics needs
 * `metricsToken` if that is set; the plugged-in handler needs `token` beyond loopback, and when it is set.
 *
 * Failure rule: a request can fail, the server does not. Sizes, times and the number of connections are bounded.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { CabooseError, errorCode, errorText } from '../core/errors.ts';
import type { Logger } from '../core/logger.ts';
import { healthText } from './health.ts';
import type { Health, HealthReport } from './health.ts';

/** Not imported: that would load all that Node has for HTTP clients, too, which is 40 ms of a start. */
const { createServer } = process.getBuiltinModule('node:http');

/** Answers the request and returns true, or returns false for a path that is not its own. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean>;

export interface HttpServerOptions {
  /** `HOST:PORT`, `[::1]:7070`; port 0 = any free one. */
  listen: string;
  token?: string | undefined;
  metricsToken?: string | undefined;
  registry: Registry;
  /** Brings gauges up to date; called at each scrape. */
  beforeScrape?: () => void | Promise<void>;
  health: Health;
  logger: Logger;
  handler?: HttpHandler | undefined;
}

export interface HttpServer {
  /** `http://127.0.0.1:7070` */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const connectionsMax = 256;
const requestTimeoutMs = 10_000;
const headersTimeoutMs = 5_000;

/** Throws CONFIG_INVALID (a handler beyond loopback without a token) or LISTEN_FAILED. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { listen, handler, token, logger } = options;
  const { host, port } = splitAddress(listen);
  if (handler && token === undefined && !isLoopback(host)) {
    throw new CabooseError(
      'CONFIG_INVALID',
      `http.listen is ${listen}: beyond loopback the page needs a token`,
      {
        hint: 'set http.token to a secret of at least 16 characters, or listen on 127.0.0.1',
      },
    );
  }
  const server = createServer(
    { headersTimeout: headersTimeoutMs, requestTimeout: requestTimeoutMs, maxHeaderSize: 16_384 },
    (request, response) => {
      response.on('error', (error) => logger.debug({ error }, 'a client of the HTTP server has gone'));
      answer(options, request, response).catch((error: unknown) => {
        logger.warn({ error, path: request.url?.split('?')[0] }, 'a request could not be answered');
        if (response.headersSent) response.destroy();
        else sendText(response, 500, 'internal error; see the log\n');
      });
    },
  );
  server.maxConnections = connectionsMax;
  const bound = await bind(server, host, port, listen);
  server.on('error', (error) => logger.error({ error }, 'the HTTP server failed'));
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${bound}`;
  logger.info({ url }, 'HTTP server listens');
  return { url, port: bound, close: async () => await closeServer(server) };
}

async function answer(
  options: HttpServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { registry, health, metricsToken, token, handler } = options;
  const url = URL.parse(request.url ?? '/', 'http://localhost');
  if (!url) return sendText(response, 400, 'the request path is malformed\n');
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  switch (isRead ? url.pathname : '') {
    case '/livez':
      return sendReport(response, await health.liveness(), wantsText(request, url));
    case '/readyz':
      return sendReport(response, await health.readiness(), wantsText(request, url));
    case '/metrics': {
      if (!isAllowed(request, metricsToken)) return refuse(response);
      await options.beforeScrape?.();
      const body = await registry.metrics();
      response.writeHead(200, { 'content-type': registry.contentType }).end(body);
      return;
    }
    default:
  }
  if (handler) {
    if (!isAllowed(request, token)) return refuse(response);
    if (token === undefined && !isLocalHost(request)) {
      return sendText(response, 403, 'without http.token the page answers only to localhost\n');
    }
    if (await handler(request, response, url)) return;
  }
  if (isRead) sendText(response, 404, 'not found; there are /metrics, /livez and /readyz\n');
  else sendText(response, 405, 'method not allowed\n');
}

/** `Authorization: Bearer TOKEN`, or Basic with the token as the password, so that a browser can ask for it. */
function isAllowed(request: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true;
  const [scheme = '', credentials = ''] = (request.headers.authorization ?? '').split(' ');
  if (/^bearer$/i.test(scheme)) return isSame(credentials, token);
  if (!/^basic$/i.test(scheme)) return false;
  const pair = Buffer.from(credentials, 'base64').toString('utf8');
  return isSame(pair.slice(pair.indexOf(':') + 1), token);
}

/** A web page elsewhere could point its own name at 127.0.0.1 and read ours; its requests carry that name. */
function isLocalHost(request: IncomingMessage): boolean {
  const host = URL.parse(`http://${request.headers.host ?? ''}`)?.hostname ?? '';
  return isLoopback(host.replaceAll(/^\[|\]$/g, ''));
}

/** In constant time, whatever the lengths. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function refuse(response: ServerResponse): void {
  response.setHeader('www-authenticate', 'Basic realm="caboose", charset="UTF-8"');
  sendText(
    response,
    401,
    'a token is needed: Authorization: Bearer TOKEN (or as the password of user "caboose")\n',
  );
}

/** `?format=text` or `?format=json`; else by Accept, which browsers and people set; a probe that sets nothing gets JSON. */
function wantsText({ headers }: IncomingMessage, { searchParams }: URL): boolean {
  const format = searchParams.get('format');
  if (format !== null) return format === 'text';
  const accept = headers.accept ?? '';
  const json = accept.indexOf('application/json');
  const text = accept.search(/text\/(?:plain|html|\*)/);
  return text >= 0 && (json < 0 || text < json);
}

function sendReport(response: ServerResponse, report: HealthReport, asText: boolean): void {
  response.writeHead(report.ok ? 200 : 503, {
    'content-type': asText ? 'text/plain; charset=utf-8' : 'application/json',
    'cache-control': 'no-store',
    vary: 'accept',
  });
  response.end(asText ? healthText(report) : `${JSON.stringify(report)}\n`);
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}

async function bind(server: Server, host: string, port: number, listen: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, host, resolve);
  try {
    await promise;
  } catch (error) {
    const hints: Record<string, string> = {
      EADDRINUSE:
        'another process has this port: choose another with --listen HOST:PORT; port 0 takes any free one',
      EACCES: 'ports below 1024 need a privilege; choose a higher one with --listen',
      EADDRNOTAVAIL: 'this machine does not have that address; check http.listen',
    };
    throw new CabooseError('LISTEN_FAILED', `cannot listen on ${listen}: ${errorText(error)}`, {
      cause: error,
      hint: hints[errorCode(error) ?? ''] ?? 'check http.listen',
    });
  }
  server.off('error', reject);
  return (server.address() as AddressInfo).port;
}

/** Open answers get a second; then their connections are cut (a live page holds one open for ever). */
async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), 1_000);
  await promise;
  clearTimeout(timer);
}

export function splitAddress(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replaceAll(/^\[|\]$/g, ''), port: Number(listen.slice(colon + 1)) };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}
