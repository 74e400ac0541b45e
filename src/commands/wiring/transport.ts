import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import { CabooseError, errorCode } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Transport } from '../../core/transport.ts';
import type { CompressionLevel } from '../../segment/compression.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { routedPrefixes } from './routes.ts';
import { readTls } from './tls.ts';

const dayMs = 86_400_000;

interface TransportParts {
  clock: Clock;
  logger: Logger;
  metrics?: Pick<Metrics, 'activeCluster' | 'clusterMoves' | 'heldPartitions' | 'dropped'>;
  compressionLevel?: () => CompressionLevel;
}

/** The transport that the config names. Connects on first use; only the chosen implementation is loaded. */
export async function openTransport(config: Config, parts: TransportParts): Promise<Transport> {
  const { kafka, local } = config.transport ?? {};
  if (kafka?.second) return await openClusters(config, kafka, kafka.second, parts);
  if (kafka) return (await clusterOpener(config, kafka, 'transport.kafka', parts))(parts.logger);
  if (local) return await openLocal(local, parts);
  throw new CabooseError('CONFIG_INVALID', 'the config has no transport', {
    hint: 'add transport: { kafka: … } or { local: {} }',
  });
}

type KafkaConfig = NonNullable<NonNullable<Config['transport']>['kafka']>;
type SecondConfig = NonNullable<KafkaConfig['second']>;
type LocalConfig = NonNullable<NonNullable<Config['transport']>['local']>;

/** What says that a cluster cannot be used at all, rather than what was wrong with one send. */
const awayCodes = new Set(['KAFKA_UNAVAILABLE', 'KAFKA_NOT_A_BROKER', 'KAFKA_TLS', 'KAFKA_AUTHENTICATION']);

async function openClusters(
  config: Config,
  first: KafkaConfig,
  { awayAfterMs, holdMsMax, ...second }: SecondConfig,
  parts: TransportParts,
): Promise<Transport> {
  const { clock, logger, metrics } = parts;
  const { createFailoverTransport } = await import('../../transport/failover/transport.ts');
  const { tls = first.tls, sasl = first.sasl, brokers } = second;
  const section = second.tls ? 'transport.kafka.second' : 'transport.kafka';
  const openers = {
    first: await clusterOpener(config, first, 'transport.kafka', parts),
    second: await clusterOpener(config, { ...first, brokers, tls, sasl }, section, parts),
  };
  const tellActive = (cluster: 'first' | 'second') => {
    metrics?.activeCluster.set({ cluster: 'first' }, cluster === 'first' ? 1 : 0);
    metrics?.activeCluster.set({ cluster: 'second' }, cluster === 'second' ? 1 : 0);
  };
  tellActive('first');
  return createFailoverTransport({
    open: (side, logger) => openers[side](logger),
    eventsTopic: first.eventsTopic,
    awayAfterMs,
    holdMsMax,
    isAway: (error) => awayCodes.has(errorCode(error) ?? ''),
    onMove(to) {
      metrics?.clusterMoves.inc({ to });
      tellActive(to);
    },
    onHeld: (partitions) => metrics?.heldPartitions.set(partitions),
    onGivenUp: () => metrics?.dropped.inc({ reason: 'other-cluster' }),
    clock,
    logger,
  });
}

/** Opens one cluster, with the topics of all prefixes, as often as it is asked. */
async function clusterOpener(
  config: Config,
  { tls: tlsConfig, groupId, ...options }: KafkaConfig,
  section: string,
  { clock, compressionLevel = () => 'normal' }: TransportParts,
): Promise<(logger: Logger) => Transport> {
  const { createKafkaTransport } = await import('../../transport/kafka/transport.ts');
  const { createRoutedTransport } = await import('../../transport/routed.ts');
  const tls = await readTls(tlsConfig, section);
  return (logger) =>
    createRoutedTransport({
      topicPrefix: options.topicPrefix,
      others: routedPrefixes(config, 'topicPrefix'),
      open: (topicPrefix, isOwn) =>
        createKafkaTransport({
          ...options,
          topicPrefix,
          groupId: isOwn ? groupId : `${groupId}.${topicPrefix}`,
          segmentsOnly: !isOwn,
          eventsTopic: isOwn && options.eventsTopic,
          tls,
          compressionLevel,
          clock,
          logger,
        }),
    });
}

async function openLocal(
  { dir, segmentFileBytesMax, retention: { bytesMax, days, bytesHardMax } }: LocalConfig,
  { clock, logger, compressionLevel = () => 'normal' }: TransportParts,
): Promise<Transport> {
  const { createLocalTransport } = await import('../../transport/local/transport.ts');
  const retention = {
    bytesMax,
    ageMsMax: days * dayMs,
    ...(bytesHardMax === null ? {} : { bytesHardMax }),
  };
  return createLocalTransport({
    dir,
    segmentFileBytesMax,
    retention,
    compressionLevel,
    clock,
    logger,
    group: 'indexer',
  });
}
