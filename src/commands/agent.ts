import { createMetrics } from '../telemetry/metrics.ts';
import { CompressionChoice } from '../tail/compression-choice.ts';
import { StallWatch } from '../telemetry/stalls.ts';
import { exitCodes, flag } from './command.ts';
import type { Command } from './command.ts';
import { collectGarbage } from './wiring/heap.ts';
import { withFirstAck } from './wiring/first-ack.ts';
import { openHttp } from './wiring/http.ts';
import { openLogger } from './wiring/logger.ts';
import { lowerPriority } from './wiring/priority.ts';
import { sampleResources } from './wiring/resources.ts';
import { openTail } from './wiring/tail.ts';
import { openTransport } from './wiring/transport.ts';

export const command: Command = {
  name: 'agent',
  usage: 'caboose agent --config FILE [--once]',
  help:
    'Follows the files of `source` and ships every byte through `transport`, exactly once, at low priority. On SIGTERM it ' +
    'ships what is there and waits up to agent.drainTimeoutMs for the acknowledgements; the rest goes out at the next start.',
  options: {
    once: {
      type: 'boolean',
      help: 'work through what is there, wait until all of it is acknowledged, and exit',
    },
  },
  async run(context, args) {
    const once = flag(args, 'once');
    const config = await context.loadConfig({ needs: ['source', 'transport'] });
    const logger = openLogger(context, config);
    const { clock, env, signal } = context;
    const metrics = createMetrics();
    const compression = new CompressionChoice(clock);
    const transport = await openTransport(config, {
      clock,
      logger,
      metrics,
      compressionLevel: () => compression.level,
    });
    const { publisher, acked } = withFirstAck(transport.publisher, clock);
    // Kafka is asked for its topics while the files are looked at.
    void publisher.partitionFor('bulk', config.source?.id ?? '', signal).catch(() => undefined);
    const stalls = new StallWatch({ clock, logger, metrics });
    const { tail, measure, release, stateNotReady } = await openTail(config, {
      watched: stalls.part('tail'),
      publisher,
      compression,
      env,
      clock,
      logger,
      metrics,
      once,
    });
    try {
      if (once) {
        lowerPriority(logger);
        await tail.once(signal);
        return exitCodes.ok;
      }
      const http = await openHttp(config, {
        defaultListen: '127.0.0.1:7070',
        version: context.version,
        metrics,
        logger,
        clock,
        stalls,
        connections: [() => transport.state()],
        beforeScrape: measure,
      });
      http.health.addReadiness('tail', () => tail.notReady);
      http.health.addReadiness('state', stateNotReady);
      await tail.start();
      void sampleResources(config, { tail, env, clock, logger, metrics }, signal);
      const watching = stalls.run(signal);
      collectGarbage();
      // Not before: on a busy machine a start would take several times as long, and what is written meanwhile waits for it.
      void acked.then(() => lowerPriority(logger));
      logger.info({ source: config.source?.id, include: config.source?.include }, 'following');
      await untilAborted(signal);
      await watching;
      logger.info({ timeoutMs: config.agent.drainTimeoutMs }, 'draining');
      await tail.drain(AbortSignal.timeout(config.agent.drainTimeoutMs));
      const { bytes } = tail.lag();
      if (bytes > 0)
        logger.warn(
          { bytes },
          'stopped before everything was acknowledged: the rest goes out at the next start',
        );
      await http.close();
      return exitCodes.ok;
    } finally {
      await publisher.stop(AbortSignal.timeout(1000));
      await transport.close();
      release();
    }
  },
};

export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
