/**
 * The page of `caboose up` and its API. The page is plain files under page/: no build step, nothing from elsewhere.
 *
 *     GET /                        the page            GET /assets/NAME     its script and style
 *     GET /api/runs                all runs with their state and open incidents
 *     GET /api/runs/RUN/names      the names of the run's metrics
 *     GET /api/runs/RUN/points?name=loss
 *     GET /api/runs/RUN/incidents  what went wrong in it, with what it means and what to try
 *     GET /api/search?q=&run=&rank=&level=&since=&until=&limit=&order=
 *
 * The page asks again every second: polling needs no state here and heals by itself after a restart. Equal questions
 * that arrive together are asked of the index once. Every answer of the API is JSON; an error is `{error: {code, message,
 * hint}}` with a sentence for the reader. Who may ask is decided by the HTTP server, before a request comes here.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../core/clock.ts';
import { CabooseError, errorText } from '../core/errors.ts';
import type { EventIndex } from '../core/event-index.ts';
import type { ObservationDetails } from '../core/fact.ts';
import { silentLogger } from '../core/logger.ts';
import type { Logger } from '../core/logger.ts';
import type { SearchClause } from '../core/search-query.ts';
import { answerApi } from './api.ts';
import { loadAssets } from './assets.ts';
import { sharedAnswers } from './shared-answers.ts';

export interface WebOptions {
  index: EventIndex;
  /** Of the query language of `search`. Throws CabooseError QUERY_INVALID. */
  parseQuery: (text: string) => readonly SearchClause[];
  /** What an incident means, and what to try. */
  advise: (
    className: string,
    details: ObservationDetails | undefined,
    message: string,
  ) => { title: string; tries: readonly string[] };
  clock: Clock;
  /** What is followed, for the page to say while there is no run. */
  following?: readonly string[];
  logger?: Logger;
}

/** Answers the request and returns true, or returns false and leaves it alone: the path is not the page's. */
export type RequestHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
) => Promise<boolean>;

/** Requests that wait for the index at the same time; more are refused with 503. */
const openRequestsMax = 64;

/** Reads the page's files once. Throws CabooseError INSTALLATION_BROKEN if they are missing. */
export function createWeb(options: WebOptions): RequestHandler {
  const assets = loadAssets();
  const logger = options.logger ?? silentLogger;
  const shared = sharedAnswers(options.clock);
  let openRequests = 0;

  return async (request, response, url) => {
    const asset = assets.get(url.pathname);
    const isApi = url.pathname === '/api' || url.pathname.startsWith('/api/');
    if (asset === undefined && !isApi && !url.pathname.startsWith('/assets/')) return false;
    setSafetyHeaders(response);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      sendError(
        response,
        405,
        'METHOD_NOT_ALLOWED',
        `${request.method} is not understood here: ask with GET.`,
      );
      return true;
    }
    if (asset !== undefined) {
      response.writeHead(200, { 'Content-Type': asset.type, 'Cache-Control': 'no-cache' }).end(asset.body);
    } else if (!isApi) {
      sendError(response, 404, 'NOT_FOUND', `There is no ${url.pathname} here.`);
    } else if (openRequests >= openRequestsMax) {
      sendError(response, 503, 'TOO_MANY_REQUESTS', 'Too many questions are open; ask again in a second.');
    } else {
      openRequests += 1;
      try {
        const body = await shared(url.pathname + url.search, () => answerApi(url, options));
        response.writeHead(200, { 'Content-Type': jsonType }).end(body);
      } catch (error) {
        sendFailure(response, error, logger);
      } finally {
        openRequests -= 1;
      }
    }
    return true;
  };
}

const jsonType = 'application/json; charset=utf-8';

/** Log lines are hostile: nothing but our own files may run or be loaded, and nobody may frame the page. */
function setSafetyHeaders(response: ServerResponse): void {
  response.setHeader(
    'Content-Security-Policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Cache-Control', 'no-store');
}

const statusOfCode: Readonly<Record<string, number>> = {
  QUERY_INVALID: 400,
  REQUEST_INVALID: 400,
  NOT_FOUND: 404,
};

function sendFailure(response: ServerResponse, error: unknown, logger: Logger): void {
  if (error instanceof CabooseError) {
    const status = statusOfCode[error.code] ?? (error.retriable ? 503 : 500);
    if (status >= 500)
      logger.warn({ code: error.code, error: errorText(error) }, 'a question of the page failed');
    sendError(response, status, error.code, error.message, error.hint);
    return;
  }
  logger.error({ error: errorText(error) }, 'a question of the page failed');
  sendError(response, 500, 'INTERNAL', `The index did not answer: ${errorText(error)}.`);
}

function sendError(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  hint?: string,
): void {
  const body = JSON.stringify({ error: { code, message, ...(hint === undefined ? {} : { hint }) } });
  response.writeHead(status, { 'Content-Type': jsonType }).end(body);
}
