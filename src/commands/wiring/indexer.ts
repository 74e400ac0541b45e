import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { EventIndex } from '../../core/event-index.ts';
import type { Lease } from '../../core/lease.ts';
import type { Logger } from '../../core/logger.ts';
import type { Transport } from '../../core/transport.ts';
import { createTrainGauges } from '../../sinks/prometheus.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { Indexing } from './indexing.ts';
import type { IndexingOptions } from './indexing.ts';
import { lead } from './leading.ts';

/** The consuming half, as `indexer` and `up` run it: indexing, and the duties of the leader when this one is it. */
export interface IndexerParts {
  transport: Transport;
  index: EventIndex;
  lease: Lease;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

const lagIntervalMs = 10_000;
const onceIntervalMs = 200;
/** A run's gauges go when nothing was heard of it for so long. */
const runIdleMs = 3_600_000;

/** Runs until the signal aborts, then finishes what is under way. */
export async function runIndexer(config: Config, parts: IndexerParts, signal: AbortSignal): Promise<void> {
  const { transport, index, lease, clock, logger, metrics } = parts;
  const gauges = createTrainGauges({
    registry: metrics.registry,
    seriesMax: config.telemetry.trainSeriesMax,
    clock,
    logger,
    runIdleMs,
  });
  await index.prepare(signal);
  if (signal.aborted) return;
  const subscriber = transport.subscriber();
  const indexing = new Indexing({
    ...indexingOptions(config, parts),
    subscriber,
    onFacts: (facts) => gauges.take(facts),
    onRevoked: (streams) => gauges.removeStreams(streams),
  });
  const leading = {
    lease,
    index,
    incidents: transport.incidents,
    retention: config.retention,
    silentAfterMs: config.incidents.silentAfterMs,
    timeZone: config.source?.timeZone ?? 'UTC',
    clock,
    logger,
    metrics,
  };
  await Promise.all([
    config.indexer.mode === 'shared'
      ? Promise.all([indexing.run(signal), lead(leading, signal)])
      : lead({ ...leading, whileLeading: async (tenure) => await indexing.run(tenure) }, signal),
    measureLag(subscriber.lag.bind(subscriber), parts, signal),
  ]);
}

/** Takes in what the transport holds now, and commits it, as a member of the group. */
export async function indexOnce(
  config: Config,
  parts: Omit<IndexerParts, 'lease'>,
  signal: AbortSignal,
): Promise<void> {
  const { transport, index, clock } = parts;
  await index.prepare(signal);
  const subscriber = transport.subscriber();
  const indexing = new Indexing({
    ...indexingOptions(config, parts),
    subscriber,
    onFacts: () => undefined,
    onRevoked: () => undefined,
  });
  const caughtUp = new AbortController();
  const stop = AbortSignal.any([signal, caughtUp.signal]);
  const work = indexing.run(stop).finally(() => caughtUp.abort());
  for (;;) {
    await clock.sleep(onceIntervalMs, stop);
    if (stop.aborted) break;
    const reports = await subscriber.lag();
    if (reports.length > 0 && reports.every(({ records }) => records === 0)) break;
  }
  const now = clock.monotonic();
  await indexing.indexOpen({ fast: now, bulk: now }, signal);
  caughtUp.abort();
  await work;
}

function indexingOptions(
  config: Config,
  parts: Omit<IndexerParts, 'lease'>,
): Omit<IndexingOptions, 'subscriber' | 'onFacts' | 'onRevoked'> {
  const { transport, index, clock, logger, metrics } = parts;
  return {
    index,
    facts: transport.facts,
    deadLetters: transport.deadLetters,
    timeZone: config.source?.timeZone ?? 'UTC',
    provisionalAfterMs: config.indexer.provisionalAfterMs,
    clock,
    logger,
    metrics,
  };
}

async function measureLag(
  lag: () => Promise<{ lane: 'fast' | 'bulk'; records: number }[]>,
  { clock, metrics, logger }: IndexerParts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(lagIntervalMs, signal);
    if (signal.aborted) return;
    try {
      const sums = { fast: 0, bulk: 0 };
      for (const { lane, records } of await lag()) sums[lane] += records;
      metrics.consumerLag.set({ lane: 'fast' }, sums.fast);
      metrics.consumerLag.set({ lane: 'bulk' }, sums.bulk);
    } catch (error) {
      logger.debug({ error }, 'the lag cannot be measured now');
    }
  }
}
