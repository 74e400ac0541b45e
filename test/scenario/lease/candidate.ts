/**
 * A candidate as a process: `node candidate.ts SERVERS PATH SESSION_TIMEOUT_MS`. While it leads it acts every 10 ms, each time
 * after asking whether it may. Writes one JSON object a line (harness.ts, CandidateLine). SIGTERM: leaves politely.
 */
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { zookeeperLease } from '../../../src/lease/zookeeper/lease.ts';

const [servers = '', path = '', sessionTimeoutMs = ''] = process.argv.slice(2);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

function tell(what: string, token: number): void {
  writeSync(1, `${JSON.stringify({ what, token, at: Date.now() })}\n`);
}

const lease = zookeeperLease({
  servers: servers.split(','),
  path,
  sessionTimeoutMs: Number(sessionTimeoutMs),
  clock: systemClock,
  logger: silentLogger,
  identity: `pid ${process.pid}`,
});

for await (const tenure of lease.tenures(stop.signal)) {
  tell('leads', tenure.token);
  while (tenure.isTrusted()) {
    tell('acts', tenure.token);
    await delay(10);
  }
  tell('ended', tenure.token);
}
tell('left', 0);
