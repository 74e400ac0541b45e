import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { Kafka, logLevel } from 'kafkajs';
import type { ISocketFactory, KafkaConfig, SASLOptions } from 'kafkajs';
import type { Logger } from '../../core/logger.ts';
import { freeBuffer } from './free-buffer.ts';
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

/** Addresses that answered, but not as Kafka, and what they answered. Shared by all clients of a transport. */
export type ForeignServers = Map<string, string>;

const keepAliveMs = 60_000;
/** An answer begins with its length; any text, read as a length, is above 512 MiB. A fetch may be the first on its connection. */
const answerBytesMax = 256 * 1024 * 1024;

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

/** Looks at the first bytes of an answer, so that a web server in the place of a broker is told by name. */
function watchingSocketFactory(foreign: ForeignServers): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const socket: Socket = ssl
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : connectTcp({ host, port }, onConnect);
    socket.setKeepAlive(true, keepAliveMs);
    socket.setNoDelay(true);
    freeWritten(socket);
    const address = `${host}:${port}`;
    socket.once('data', (answer: Buffer) => {
      const what = foreignAnswer(answer);
      if (what === null) foreign.delete(address);
      else {
        foreign.set(address, what);
        socket.destroy(new Error(`${address} ${what}, not Kafka`));
      }
    });
    return socket;
  };
}

/** kafkajs makes a buffer for each request and drops it when it is written. */
function freeWritten(socket: Socket): void {
  const write = socket.write.bind(socket) as (data: Buffer | string, written: () => void) => boolean;
  socket.write = (data: Buffer | string): boolean =>
    write(data, () => {
      if (Buffer.isBuffer(data)) freeBuffer(data);
    });
}

function foreignAnswer(answer: Buffer): string | null {
  const start = answer.toString('latin1', 0, 8);
  if (start.startsWith('HTTP/')) return 'answers HTTP';
  if (start.startsWith('SSH-')) return 'answers SSH';
  if (answer[0] === 0x15 && answer[1] === 0x03) return 'speaks TLS (transport.kafka.tls is not set)';
  if (answer.length < 4) return null;
  const length = answer.readInt32BE(0);
  return length >= 4 && length <= answerBytesMax ? null : 'speaks another protocol';
}
