import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CabooseError } from '../../src/core/errors.ts';
import type { SearchClause } from '../../src/core/search-query.ts';
import { createWeb } from '../../src/web/web.ts';
import type { WebOptions } from '../../src/web/web.ts';
import { FakeClock } from '../fakes/clock.ts';
import { FakeEventIndex } from '../fakes/event-index.ts';
import { addRun } from './sample-index.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

function parseQuery(text: string): SearchClause[] {
  if (text.includes(':')) throw new CabooseError('QUERY_INVALID', 'no such field', { hint: 'Quote it.' });
  return text === '' ? [] : [{ negated: false, field: 'message', words: text.split(' '), phrase: false }];
}

const advise: WebOptions['advise'] = (name) => ({ title: `about ${name}`, tries: ['look'] });

async function start(options: Partial<WebOptions> = {}) {
  const index = new FakeEventIndex();
  const clock = new FakeClock();
  const web = createWeb({ index, clock, parseQuery, advise, ...options });
  const server = createServer((request, response) => {
    void web(request, response, new URL(request.url ?? '/', 'http://localhost')).then((answered) => {
      if (!answered) response.writeHead(418).end();
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const get = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(base + path, { redirect: 'manual', ...init });
    const body = await response.text();
    return { response, status: response.status, body, json: () => JSON.parse(body) as never };
  };
  return { index, clock, get };
}

const curve = [1, 2, 3].flatMap((step) =>
  [0, 1].map((rank) => ({ rank, step, loss: 3 - step / 10, message: `step=${step} loss=${3 - step / 10}` })),
);

describe('the page', () => {
  it('serves its files under a strict content security policy, and leaves other paths alone', async () => {
    const { get } = await start();
    const { response, body } = await get('/');
    expect(response.headers.get('content-type')).toContain('text/html');
    expect(response.headers.get('content-security-policy')).toMatch(/default-src 'none'.*script-src 'self'/);
    expect(response.headers.get('content-security-policy')).not.toContain('unsafe');
    const linked = [...body.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
    expect(linked.length).toBeGreaterThan(2);
    for (const path of linked) expect([path, (await get(`/${path}`)).status]).toEqual([path, 200]);
    expect((await get('/metrics')).status).toBe(418);
    expect((await get('/assets/../web.ts')).status).toBe(418);
    expect((await get('/assets/%2e%2e/web.ts')).status).not.toBe(200);
  });

  it('serves every module that its modules import', async () => {
    const { get } = await start();
    const seen = new Set<string>(['main.js']);
    for (const name of seen) {
      const { status, body, response } = await get(`/assets/${name}`);
      expect([name, status]).toEqual([name, 200]);
      expect(response.headers.get('content-type')).toContain('text/javascript');
      for (const match of body.matchAll(/from '\.\/([^']+)'/g)) seen.add(match[1]!);
    }
    expect(seen.size).toBeGreaterThan(4);
  });

  it('refuses what wants to write', async () => {
    const { get } = await start();
    const answer = await get('/api/runs', { method: 'POST' });
    expect(answer.status).toBe(405);
    expect(answer.response.headers.get('allow')).toBe('GET, HEAD');
    expect(answer.json()).toMatchObject({ error: { code: 'METHOD_NOT_ALLOWED' } });
  });
});

describe('the API', () => {
  it('tells the runs with their state and open incidents, the last seen first', async () => {
    const { index, clock, get } = await start({ following: ['/logs'] });
    await addRun(index, 'old', curve, clock.now() - 90_000);
    await addRun(index, 'new', curve, clock.now());
    const incident = {
      id: 'i',
      run: 'old',
      attempt: 0,
      rank: 1,
      class: 'silent',
      role: 'root' as const,
      token: 1,
    };
    await index.writeIncident({ ...incident, message: 'no line', evidence: [], opened: 1, resolved: null });
    await index.writeIncident({
      ...incident,
      id: 'j',
      message: 'over',
      evidence: [],
      opened: 1,
      resolved: 2,
    });
    expect((await get('/api/runs')).json()).toMatchObject({
      now: clock.now(),
      following: ['/logs'],
      runs: [
        { run: 'new', state: 'active', ranks: [0, 1], events: 6, incidentCount: 0 },
        {
          run: 'old',
          state: 'quiet',
          incidentCount: 1,
          incidents: [{ class: 'silent', message: 'no line' }],
        },
      ],
    });
  });

  it('tells what went wrong in a run, open failures first, with what it means; no token', async () => {
    const { index, clock, get } = await start();
    const incident = { run: 'r', attempt: 0, rank: 3, message: 'no memory', evidence: [], token: 7 };
    const write = async (id: string, role: 'root' | 'warning', opened: number, resolved: number | null) =>
      await index.writeIncident({ ...incident, id, class: id, role, opened, resolved, told: ['opened'] });
    await write('old', 'root', 9, 10);
    await write('silent', 'warning', 5, null);
    await write('oom', 'root', 2, null);
    await write('later', 'root', 3, null);
    await index.writeIncident({
      ...incident,
      id: 'x',
      class: 'x',
      role: 'root',
      opened: 1,
      resolved: null,
      run: 'other',
    });
    const answer = (await get('/api/runs/r/incidents')).json() as { incidents: { id: string }[] };
    expect(answer).toMatchObject({ run: 'r', now: clock.now(), incidentCount: 4 });
    expect(answer.incidents.map(({ id }) => id)).toEqual(['later', 'oom', 'silent', 'old']);
    expect(answer.incidents[1]).toEqual({
      id: 'oom',
      class: 'oom',
      run: 'r',
      attempt: 0,
      rank: 3,
      role: 'root',
      message: 'no memory',
      evidence: [],
      opened: 2,
      resolved: null,
      title: 'about oom',
      tries: ['look'],
    });
  });

  it('tells points by rank, with NaN and the infinities as text', async () => {
    const { index, clock, get } = await start();
    await addRun(index, 'a/b %', [...curve, { rank: 0, step: 4, loss: NaN, message: 'step=4' }], clock.now());
    const path = `/api/runs/${encodeURIComponent('a/b %')}`;
    const answer = (await get(`${path}/points?name=loss`)).json() as {
      series: { rank: number; points: unknown[][] }[];
    };
    expect(answer).toMatchObject({ run: 'a/b %', name: 'loss', x: 'step', truncated: false, withoutStep: 0 });
    expect(
      answer.series.map(({ rank, points }) => [rank, points.map(([step, value]) => [step, value])]),
    ).toEqual([
      [
        0,
        [
          [1, 2.9],
          [2, 2.8],
          [3, 2.7],
          [4, 'NaN'],
        ],
      ],
      [
        1,
        [
          [1, 2.9],
          [2, 2.8],
          [3, 2.7],
        ],
      ],
    ]);
    expect((await get(`${path}/names`)).json()).toEqual({
      run: 'a/b %',
      names: [{ name: 'loss', points: 7 }],
    });
    expect((await get('/api/runs/none/points')).json()).toMatchObject({ series: [] });
  });

  it('searches with the query language, the run, the rank and the level', async () => {
    const { index, clock, get } = await start();
    const lines = [...curve, { rank: 1, level: 'error' as const, message: 'boom <script>' }];
    await addRun(index, 'r', lines, clock.now());
    const messages = async (query: string) =>
      ((await get(`/api/search?${query}`)).json() as { hits: { message: string }[] }).hits.map(
        ({ message }) => message,
      );
    expect(await messages('q=boom')).toEqual(['boom <script>']);
    expect(await messages('run=r&rank=0&limit=2')).toEqual(['step=3 loss=2.7', 'step=2 loss=2.8']);
    expect(await messages('run=r&level=warn')).toEqual(['boom <script>']);
    expect(await messages('run=other')).toEqual([]);
    expect((await messages('order=oldest'))[0]).toBe('step=1 loss=2.9');
  });

  it.each([
    ['/api/search?q=foo:bar', 400, 'QUERY_INVALID'],
    ['/api/search?rank=x', 400, 'REQUEST_INVALID'],
    ['/api/search?limit=1000000', 400, 'REQUEST_INVALID'],
    ['/api/search?level=loud', 400, 'REQUEST_INVALID'],
    ['/api/search?order=random', 400, 'REQUEST_INVALID'],
    ['/api/runs/%zz/points', 400, 'REQUEST_INVALID'],
    ['/api/nothing', 404, 'NOT_FOUND'],
    ['/api', 404, 'NOT_FOUND'],
  ])('answers %s with %i and a sentence', async (path, status, code) => {
    const { get } = await start();
    const answer = await get(path);
    expect(answer.status).toBe(status);
    expect(answer.response.headers.get('content-type')).toContain('application/json');
    const { error } = answer.json() as { error: { code: string; message: string } };
    expect(error.code).toBe(code);
    expect(error.message.length).toBeGreaterThan(10);
  });

  it('says that the index does not answer, and answers again when it does', async () => {
    const { index, get } = await start();
    index.failure = new CabooseError('INDEX_UNREACHABLE', 'no index at 127.0.0.1:9200', { retriable: true });
    const answer = await get('/api/runs');
    expect(answer.status).toBe(503);
    expect(answer.json()).toMatchObject({ error: { message: 'no index at 127.0.0.1:9200' } });
    index.failure = new TypeError('broken');
    expect((await get('/api/runs')).status).toBe(500);
    index.failure = null;
    expect((await get('/api/runs')).status).toBe(200);
  });

  it('asks the index once for equal questions that come together', async () => {
    const { index, clock, get } = await start();
    await Promise.all(Array.from({ length: 10 }, () => get('/api/search?q=a')));
    expect(index.asked).toBe(1);
    await clock.advance(600);
    await get('/api/search?q=a');
    expect(index.asked).toBe(2);
  });
});
