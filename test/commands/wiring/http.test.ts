import { expect, it } from 'vitest';
import { openHttp } from '../../../src/commands/wiring/http.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { ConnectionState } from '../../../src/core/transport.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { StallWatch } from '../../../src/telemetry/stalls.ts';
import { FakeClock } from '../../fakes/clock.ts';

it('tells the state of each connection on /readyz and /metrics, as it is now', async () => {
  let state: ConnectionState = { name: 'kafka', connected: false, reason: 'connect ECONNREFUSED' };
  const metrics = createMetrics();
  const http = await openHttp(configSchema.parse({}), {
    defaultListen: '127.0.0.1:0',
    version: '1.2.3',
    metrics,
    logger: silentLogger,
    clock: new FakeClock(),
    stalls: new StallWatch({ clock: new FakeClock(), logger: silentLogger, metrics }),
    connections: [() => state],
  });
  const get = async (path: string) => await (await fetch(`${http.url}${path}`)).text();
  expect(await get('/readyz')).toContain('"kafka":{"ok":false,"reason":"connect ECONNREFUSED"');
  expect(await get('/metrics')).toContain('caboose_connected{to="kafka"} 0');
  state = { name: 'kafka', connected: true };
  expect(await get('/readyz')).toContain('"ok":true');
  const told = await get('/metrics');
  expect(told).toContain('caboose_connected{to="kafka"} 1');
  expect(told).toContain('caboose_build_info{version="1.2.3"} 1');
  await http.close();
});
