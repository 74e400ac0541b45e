import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { EventIndex } from '../../core/event-index.ts';
import type { Lease } from '../../core/lease.ts';
import type { Logger } from '../../core/logger.ts';
import { lanes } from '../../core/segment.ts';
import type { Subscriber, Transport } from '../../core/transport.ts';
import { createTrainGauges } from '../../sinks/prometheus.ts';
import type { Health } from '../../telemetry/health.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { StallWatch } from '../../telemetry/stalls.ts';
import { balance } from './balancing.ts';
import { Indexing } from './indexing.ts';
import type { IndexingOptions } from './indexing.ts';
import { eventRules } from './redaction.ts';
import { router } from './routes.ts';
import { lead } from './leading.ts';
import type { LeadingOptions } from './leading.ts';

/** The consuming half, as `indexer` and `up` run it: indexing, and the duties of the leader when this one is it. */
export interface IndexerParts {
  transport: Transport;
  index: EventIndex;
  lease: Lease;
  /** Who this indexer is, in its group and for people: host and pid. */
  identity: string;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  health: Health;
  stalls: StallWatch;
}

const measureIntervalMs = 10_000;
const onceIntervalMs = 200;
/** A run's gauges go when nothing was heard of it for so long. */
const runIdleMs = 3_600_000;

/** Runs until the signal aborts, then finishes what is under way. */
export async function runIndexer(config: Config, parts: IndexerParts, signal: AbortSignal): Promise<void> {
  const { transport, index, lease, clock, logger, metrics, health, stalls } = parts;
  const gauges = createTrainGauges({
    registry: metrics.registry,
    seriesMax: config.telemetry.trainSeriesMax,
    resourceSeriesMax: config.telemetry.resourceSeriesMax,
    clock,
    logger,
    runIdleMs,
  });
  health.addReadiness('lease', () => {
    // Another may lead: one that stands by is ready.
    const { connected, reason } = lease.status();
    return connected ? null : (reason ?? 'not connected');
  });
  await index.prepare(signal);
  if (signal.aborted) return;
  const member = { id: parts.identity, weight: config.indexer.weight };
  const subscriber = transport.subscriber({ member, plans: lease.plans });
  const excuse = () => [transport.state(), index.state()].find(({ connected }) => !connected)?.reason ?? null;
  const indexing = new Indexing({
    ...indexingOptions(config, parts),
    watched: stalls.part('batch', { excuse }),
    subscriber,
    onFacts: (facts) => gauges.take(facts),
    onRevoked: (streams) => gauges.removeStreams(streams),
  });
  health.addReadiness('indexing', () => indexing.notReady);
  const leading = {
    lease,
    index,
    facts: transport.facts,
    incidents: transport.incidents,
    retention: config.retention,
    silentAfterMs: config.incidents.silentAfterMs,
    incidentRules: config.incidents,
    webhook: config.incidents.webhook ?? null,
    excuse,
    ...eventRules(config),
    watched: stalls.part('leader', { excuse }),
    clock,
    logger,
    metrics,
  };
  const isShared = config.indexer.mode === 'shared';
  const planning = planningWork(config, parts, subscriber);
  const whileLeading = isShared
    ? planning
    : async (tenureSignal: AbortSignal): Promise<void> => await indexing.run(tenureSignal);
  await Promise.all([
    isShared ? indexing.run(signal) : null,
    lead({ ...leading, ...(whileLeading && { whileLeading }) }, signal),
    measure(subscriber, parts, signal),
  ]);
}

/** Undefined where one member takes all. */
function planningWork(
  config: Config,
  { lease: { plans }, clock, logger, metrics }: IndexerParts,
  subscriber: Subscriber,
): LeadingOptions['whileLeading'] {
  if (!subscriber.group) return undefined;
  const group = subscriber.group.bind(subscriber);
  const { planIntervalMs } = config.indexer;
  const isEachLeader = config.lease?.zookeeper === undefined;
  return async (signal, tenure) =>
    await balance({ group, plans, isEachLeader, planIntervalMs, clock, logger, metrics }, tenure, signal);
}

/** Takes in what the transport holds now, and commits it, as a member of the group. */
export async function indexOnce(
  config: Config,
  parts: Omit<IndexerParts, 'lease' | 'health' | 'stalls'>,
  signal: AbortSignal,
): Promise<void> {
  const { transport, index, clock } = parts;
  await index.prepare(signal);
  const subscriber = transport.subscriber({ member: { id: parts.identity, weight: config.indexer.weight } });
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
  parts: Omit<IndexerParts, 'lease' | 'health' | 'stalls'>,
): Omit<IndexingOptions, 'subscriber' | 'onFacts' | 'onRevoked'> {
  const { transport, index, clock, logger, metrics } = parts;
  const destinationOf = router(config.routes);
  return {
    index,
    indexPrefixOf: (segment) => destinationOf(segment).indexPrefix,
    facts: transport.facts,
    ...(transport.events && { events: transport.events }),
    deadLetters: transport.deadLetters,
    ...eventRules(config),
    provisionalAfterMs: config.indexer.provisionalAfterMs,
    refusedInARowMax: config.indexer.refusedInARowMax,
    clock,
    logger,
    metrics,
  };
}

async function measure(
  subscriber: Subscriber,
  { lease, clock, metrics, logger }: IndexerParts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(measureIntervalMs, signal);
    if (signal.aborted) return;
    const plan = lease.plans.current();
    metrics.planVersion.set(plan?.version ?? 0);
    metrics.planAge.set(plan ? Math.max(0, clock.now() - plan.madeAt) / 1000 : 0);
    try {
      const reports = await subscriber.lag();
      for (const lane of lanes) {
        const ofLane = reports.filter((report) => report.lane === lane);
        metrics.assignedPartitions.set({ lane }, ofLane.length);
        metrics.consumerLag.set(
          { lane },
          ofLane.reduce((sum, { records }) => sum + records, 0),
        );
      }
    } catch (error) {
      logger.debug({ error }, 'the lag cannot be measured now');
    }
  }
}
