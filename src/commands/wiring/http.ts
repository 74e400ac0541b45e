import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/logger.ts';
import type { ConnectionState } from '../../core/transport.ts';
import { createHealth, type Health } from '../../telemetry/health.ts';
import { startHttpServer, type HttpHandler, type HttpServer } from '../../telemetry/http.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { StallWatch } from '../../telemetry/stalls.ts';

export interface OpenHttpOptions {
  /** Where to listen if the config says nothing: `127.0.0.1:7070`, in the indexer `127.0.0.1:7071`. */
  defaultListen: string;
  version: string;
  metrics: Metrics;
  logger: Logger;
  clock: Clock;
  stalls: StallWatch;
  /** The connections whose state is told by /readyz and `caboose_connected`; asked at each scrape and probe. */
  connections: readonly (() => ConnectionState)[];
  /** Further work at each scrape: gauges that are looked up rather than kept. */
  beforeScrape?: () => void | Promise<void>;
  handler?: HttpHandler;
}

export interface OpenHttp extends HttpServer {
  /** More checks may be added at any time. */
  health: Health;
}

/** /metrics, /livez and /readyz of a long-running command, and what `handler` answers. */
export async function openHttp(config: Config, options: OpenHttpOptions): Promise<OpenHttp> {
  const { metrics, logger, clock, stalls, connections, version, handler } = options;
  const { listen = options.defaultListen, token, metricsToken } = config.http;
  const health = createHealth(clock);
  stalls.register(health);
  for (const state of connections) {
    health.addReadiness(state().name, () => {
      const { connected, reason = 'not connected' } = state();
      return connected ? null : reason;
    });
  }
  metrics.buildInfo.set({ version }, 1);
  const server = await startHttpServer({
    listen,
    token,
    metricsToken,
    registry: metrics.registry,
    health,
    logger,
    handler,
    async beforeScrape() {
      for (const state of connections) {
        const { name, connected } = state();
        metrics.connected.set({ to: name }, connected ? 1 : 0);
      }
      await options.beforeScrape?.();
    },
  });
  return { ...server, health };
}
