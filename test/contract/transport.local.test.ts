import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Transport } from '../../src/core/transport.ts';
import { createLocalTransport } from '../../src/transport/local/transport.ts';
import { transportSuite } from './transport.suite.ts';

transportSuite('local transport', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'caboose-transport-'));
  const opened: Transport[] = [];
  return {
    open: () => {
      const transport = createLocalTransport({
        dir,
        pollIntervalMs: 20,
        clock: systemClock,
        logger: silentLogger,
      });
      opened.push(transport);
      return transport;
    },
    // What a disk might do: bytes that are no record. The writer is made to notice by opening the log anew.
    publishGarbage: async (lane) => {
      const log = join(dir, `segments.${lane}`);
      const last = (await readdir(log)).toSorted().at(-1)!;
      await appendFile(join(log, last), 'rubbish, but not a torn record'.repeat(10));
      await opened[0]?.close();
      opened[0] = Object.assign(
        opened[0]!,
        createLocalTransport({ dir, pollIntervalMs: 20, clock: systemClock, logger: silentLogger }),
      );
    },
    dispose: async () => {
      for (const transport of opened) await transport.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
});
