/**
 * The page in a real browser, fed with hostile text. Runs where CABOOSE_CHROMIUM names a Chromium; says so where not.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createWeb } from '../../src/web/web.ts';
import { FakeEventIndex } from '../fakes/event-index.ts';
import { addRun } from './sample-index.ts';

const chromium = process.env['CABOOSE_CHROMIUM'];
if (chromium === undefined) console.warn('CABOOSE_CHROMIUM is not set: the page is not tried in a browser');

const attack = `<script>document.title = 'pwned'</script><img src=x onerror="document.title = 'pwned'">`;

it.skipIf(chromium === undefined)(
  'shows runs, chart and log, and hostile text as text',
  { timeout: 60_000 },
  async () => {
    const index = new FakeEventIndex();
    const lines = [1, 2, 3].map((step) => ({
      rank: 0,
      step,
      loss: 1 / step,
      message: `${attack} step=${step}`,
    }));
    await addRun(index, `run ${attack}`, lines, Date.now());
    const place = { path: `/logs/${attack}`, stream: 's', start: 0, end: 9, message: attack };
    await index.writeIncident({
      id: 'i',
      run: `run ${attack}`,
      attempt: 0,
      rank: 3,
      class: 'cuda-oom',
      role: 'root',
      message: `out of memory ${attack}`,
      evidence: [place],
      echo: [{ class: 'collective-timeout', ranks: [0, 1, 2], message: attack, evidence: place }],
      opened: Date.now(),
      resolved: null,
      token: 1,
    });
    const advise = () => ({ title: 'the GPU had no memory left', tries: ['a smaller batch'] });
    const web = createWeb({ index, clock: systemClock, parseQuery: () => [], advise });
    const server = createServer((request, response) => {
      void web(request, response, new URL(request.url ?? '/', 'http://localhost')).then((answered) => {
        if (!answered) response.writeHead(404).end();
      });
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const profile = await mkdtemp(join(tmpdir(), 'caboose-browser-'));
    try {
      const { stdout } = await promisify(execFile)(
        chromium ?? '',
        [
          '--headless',
          '--no-sandbox',
          '--disable-gpu',
          '--disable-background-networking',
          '--no-first-run',
          `--user-data-dir=${profile}`,
          '--virtual-time-budget=4000',
          '--dump-dom',
          `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
        ],
        { timeout: 50_000, maxBuffer: 10_000_000 },
      );
      expect(stdout).toContain('<title>Caboose</title>');
      expect(stdout).toContain('live · 1 run');
      expect(stdout).toMatch(/<path class="series color-0"[^>]* d="M[\d.]+ [\d.]+L/);
      expect(stdout).toContain('failed: cuda-oom, rank 3');
      expect(stdout).toContain('<h3>Rank 3: the GPU had no memory left</h3>');
      expect(stdout).toContain('<li>a smaller batch</li>');
      expect(stdout).toContain(
        '<summary>Only its echo on other ranks</summary><ul><li>collective-timeout on ranks 0–2',
      );
      expect(stdout.match(/&lt;img src=x onerror=/g)?.length).toBeGreaterThanOrEqual(4);
      expect(stdout).not.toContain('<img src="x"');
    } finally {
      server.closeAllConnections();
      server.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    }
  },
);
