import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createLocalIndex } from '../../src/sinks/local/index.ts';
import { eventIndexSuite } from './event-index.suite.ts';

eventIndexSuite('the embedded store', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'caboose-index-'));
  const index = createLocalIndex({ dir, clock: systemClock, logger: silentLogger });
  return {
    index,
    routedPrefix: 'routed',
    remove: async () => {
      await index.close();
      await rm(dir, { recursive: true });
    },
  };
});
