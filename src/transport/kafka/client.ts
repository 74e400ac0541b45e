import type { ConnectionOptions } from 'node:tls';
import { Kafka, logLevel } from 'kafkajs';
import type { KafkaConfig, SASLOptions } from 'kafkajs';
import type { Logger } from '../../core/logger.ts';
import { watchingSocketFactory } from './foreign-servers.ts';
import type { ForeignServers } from './foreign-servers.ts';
import { patchRequestEncoding } from './request-encoding-patch.ts';
import { patchRequestQueue } from './request-queue-patch.ts';

export interface KafkaClientOptions {
  brokers: readonly string[];
  clientId: string;
  tls?: ConnectionOptions | undefined;
  sasl?:
    | { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string }
    | undefined;
  logger: Logger;
}

/**
 * A kafkajs client. Each consumer gets one of its own: kafkajs shares the committed offsets of a group between the consumers of a
 * client. Retries within kafkajs are few; the loops around it wait out an outage.
 */
export function createClient(options: KafkaClientOptions, foreign: ForeignServers): Kafka {
  if (!patchRequestQueue())
    options.logger.warn({}, 'kafkajs has changed: an idle connection costs more CPU than it should');
  if (!patchRequestEncoding())
    options.logger.warn({}, 'kafkajs has changed: sending costs more CPU than it should');
  const config: KafkaConfig = {
    brokers: [...options.brokers],
    clientId: options.clientId,
    connectionTimeout: 5000,
    authenticationTimeout: 10_000,
    requestTimeout: 30_000,
    retry: {
      retries: Math.max(2, options.brokers.length),
      initialRetryTime: 200,
      maxRetryTime: 2000,
      restartOnFailure: async () => await Promise.resolve(false),
    },
    logLevel: logLevel.INFO,
    logCreator: () => (entry) => {
      const { message, timestamp: _time, stack: _stack, logger: _logger, ...fields } = entry.log;
      options.logger.debug({ ...fields, namespace: entry.namespace, text: message }, 'kafkajs');
    },
    socketFactory: watchingSocketFactory(foreign),
  };
  if (options.tls) config.ssl = options.tls;
  if (options.sasl) config.sasl = options.sasl as SASLOptions;
  return new Kafka(config);
}
