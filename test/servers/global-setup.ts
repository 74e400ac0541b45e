/**
 * Holds the shared servers of one test run, in vitest's main process. Workers ask it over HTTP (see servers.ts), so that
 * only those servers are started which the selected tests need. They are stopped when the run ends; if it is killed,
 * their watchers stop them.
 */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { canStart, serverNames, SharedServers, type Availability, type ServerName } from './shared.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = new SharedServers();
  const told = new Set<ServerName>();
  const control = createServer((request, response) => {
    void answer(request.url ?? '', response);
  });
  control.listen(0, '127.0.0.1');
  await once(control, 'listening');
  project.provide('serversControl', `http://127.0.0.1:${(control.address() as AddressInfo).port}/`);

  return async () => {
    control.closeAllConnections();
    control.close();
    await servers.stop();
  };

  async function answer(url: string, response: ServerResponse): Promise<void> {
    const [, question, name] = /^\/(shared|startable)\/(\w+)$/.exec(url) ?? [];
    const server = serverNames.find((known) => known === name);
    if (!server) {
      response.writeHead(404).end(`no server is named so: ${url}`);
      return;
    }
    try {
      const found = await (question === 'shared' ? servers.get(server) : canStart(server));
      if (!found.available) tell(server, found);
      response.end(JSON.stringify(found));
    } catch (error) {
      response.writeHead(500).end(`${server} did not start: ${String(error)}`);
    }
  }

  function tell(name: ServerName, { reason }: Availability & { available: false }): void {
    // Where servers are required, the test file fails with the same reason.
    if (told.has(name) || process.env['CABOOSE_REQUIRE_SERVERS'] === '1') return;
    told.add(name);
    console.error(`\n*** ${name} is not available, and the tests that need it are SKIPPED: ${reason}\n`);
  }
}
