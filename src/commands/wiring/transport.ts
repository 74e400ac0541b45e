import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import { CabooseError } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import type { Transport } from '../../core/transport.ts';
import type { CompressionLevel } from '../../segment/compression.ts';
import { routedPrefixes } from './routes.ts';
import { readTls } from './tls.ts';

const dayMs = 86_400_000;

/** The transport that the config names. Connects on first use; only the chosen implementation is loaded. */
export async function openTransport(
  config: Config,
  {
    clock,
    logger,
    compressionLevel = () => 'normal',
  }: { clock: Clock; logger: Logger; compressionLevel?: () => CompressionLevel },
): Promise<Transport> {
  const { kafka, local } = config.transport ?? {};
  if (kafka) {
    const { createKafkaTransport } = await import('../../transport/kafka/transport.ts');
    const { createRoutedTransport } = await import('../../transport/routed.ts');
    const { tls: tlsConfig, groupId, ...options } = kafka;
    const tls = await readTls(tlsConfig, 'transport.kafka');
    return createRoutedTransport({
      topicPrefix: kafka.topicPrefix,
      others: routedPrefixes(config, 'topicPrefix'),
      open: (topicPrefix, isOwn) =>
        createKafkaTransport({
          ...options,
          topicPrefix,
          groupId: isOwn ? groupId : `${groupId}.${topicPrefix}`,
          segmentsOnly: !isOwn,
          tls,
          compressionLevel,
          clock,
          logger,
        }),
    });
  }
  if (local) {
    const { createLocalTransport } = await import('../../transport/local/transport.ts');
    const { bytesMax, days, bytesHardMax } = local.retention;
    const retention = {
      bytesMax,
      ageMsMax: days * dayMs,
      ...(bytesHardMax === null ? {} : { bytesHardMax }),
    };
    const { dir, segmentFileBytesMax } = local;
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
  throw new CabooseError('CONFIG_INVALID', 'the config has no transport', {
    hint: 'add transport: { kafka: … } or { local: {} }',
  });
}
