import { hostname } from 'node:os';
import { createMetrics } from '../telemetry/metrics.ts';
import { StallWatch } from '../telemetry/stalls.ts';
import { exitCodes, flag } from './command.ts';
import type { Command } from './command.ts';
import { openHttp } from './wiring/http.ts';
import { openIndex } from './wiring/index.ts';
import { indexOnce, runIndexer } from './wiring/indexer.ts';
import { openLease } from './wiring/lease.ts';
import { openLogger } from './wiring/logger.ts';
import { openTransport } from './wiring/transport.ts';

export const command: Command = {
  name: 'indexer',
  usage: 'caboose indexer --config FILE [--once]',
  help:
    'Takes segments from `transport`, cuts them into events, reads training facts, and writes both to `index`. Several ' +
    'indexers share the partitions; one of them leads, by `lease`. On SIGTERM it finishes what is under way.',
  options: {
    once: { type: 'boolean', help: 'work through what is in the topics now, and exit' },
  },
  async run(context, args) {
    const once = flag(args, 'once');
    const config = await context.loadConfig({
      needs: once ? ['transport', 'index'] : ['transport', 'index', 'lease'],
    });
    const logger = openLogger(context, config);
    const { clock, signal } = context;
    const identity = `${hostname()} ${process.pid}`;
    const metrics = createMetrics();
    const transport = await openTransport(config, { clock, logger, metrics });
    const index = await openIndex(config, { clock, logger, metrics });
    try {
      if (once) {
        await indexOnce(config, { transport, index, identity, clock, logger, metrics }, signal);
        return exitCodes.ok;
      }
      const stalls = new StallWatch({ clock, logger, metrics });
      const lease = await openLease(config, { clock, logger, identity });
      const http = await openHttp(config, {
        defaultListen: '127.0.0.1:7071',
        version: context.version,
        metrics,
        logger,
        clock,
        stalls,
        connections: [() => transport.state(), () => index.state()],
      });
      const { health } = http;
      const parts = { transport, index, lease, identity, clock, logger, metrics, health, stalls };
      await Promise.all([runIndexer(config, parts, signal), stalls.run(signal)]);
      await http.close();
      return exitCodes.ok;
    } finally {
      await transport.close();
      await index.close();
    }
  },
};
