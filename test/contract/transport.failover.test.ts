import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Transport } from '../../src/core/transport.ts';
import { createFailoverTransport } from '../../src/transport/failover/transport.ts';
import { createLocalTransport } from '../../src/transport/local/transport.ts';
import { transportSuite } from './transport.suite.ts';

transportSuite('failover transport', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'caboose-failover-'));
  const opened: Transport[] = [];
  const openBoth = (): Transport =>
    createFailoverTransport({
      open: (side) =>
        createLocalTransport({
          dir: join(dir, side),
          pollIntervalMs: 20,
          clock: systemClock,
          logger: silentLogger,
        }),
      awayAfterMs: 60_000,
      holdMsMax: null,
      clock: systemClock,
      logger: silentLogger,
    });
  return {
    open: () => {
      const transport = openBoth();
      opened.push(transport);
      return transport;
    },
    publishGarbage: async (lane) => {
      const log = join(dir, 'first', `segments.${lane}`);
      const last = (await readdir(log)).toSorted().at(-1)!;
      await appendFile(join(log, last), 'rubbish, but not a torn record'.repeat(10));
      await opened[0]?.close();
      opened[0] = Object.assign(opened[0]!, openBoth());
    },
    dispose: async () => {
      for (const transport of opened) await transport.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
});
