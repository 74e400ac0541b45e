import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import { CabooseError } from '../../core/errors.ts';
import type { EventIndex } from '../../core/event-index.ts';
import type { Logger } from '../../core/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { routedPrefixes } from './routes.ts';
import { readTls } from './tls.ts';

/** The index that the config names. Connects on first use; only the chosen implementation is loaded. */
export async function openIndex(
  config: Config,
  { clock, logger, metrics }: { clock: Clock; logger: Logger; metrics?: Metrics },
): Promise<EventIndex> {
  const { elasticsearch, local } = config.index ?? {};
  if (elasticsearch) {
    const { createElasticsearchIndex } = await import('../../sinks/elasticsearch/index.ts');
    const { auth, node, indexPrefix, refreshIntervalMs } = elasticsearch;
    const tls = await readTls(elasticsearch.tls, 'index.elasticsearch');
    return createElasticsearchIndex({
      node,
      indexPrefix,
      routedPrefixes: routedPrefixes(config, 'indexPrefix'),
      refreshIntervalMs,
      clock,
      logger,
      ...(auth && { auth: withoutUndefined(auth) }),
      ...(tls && { tls }),
      ...(metrics && { metrics }),
    });
  }
  if (local) {
    const { createLocalIndex } = await import('../../sinks/local/index.ts');
    const { dir, bytesMax } = local;
    return createLocalIndex({ dir, clock, logger, ...(bytesMax === null ? {} : { bytesMax }) });
  }
  throw new CabooseError('CONFIG_INVALID', 'the config has no index', {
    hint: 'add index: { elasticsearch: … } or { local: {} }',
  });
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(object: T): Defined<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Defined<T>;
}
