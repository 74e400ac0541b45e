/**
 * Opens a TCP or TLS socket to a server, within a time limit. A refusal, a missing name, a time-out are waited for by the
 * caller (ZOOKEEPER_CONNECTION_LOST, retriable); a certificate that is not trusted is an operator's matter.
 */
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { Clock } from '../../core/clock.ts';
import { CabooseError, errorCode, errorText } from '../../core/errors.ts';
import type { ServerAddress } from './address.ts';
import { connectionLost } from './errors.ts';

/** PEM texts, as node:tls takes them. `servername` is the name to check the certificate against; default: the host. */
export type ZookeeperTls = Pick<
  ConnectionOptions,
  'ca' | 'cert' | 'key' | 'passphrase' | 'servername' | 'rejectUnauthorized'
>;

export interface SocketOptions {
  server: ServerAddress;
  tls: ZookeeperTls | undefined;
  clock: Clock;
  connectTimeoutMs: number;
  signal: AbortSignal;
}

export async function openSocket({
  server,
  tls,
  clock,
  connectTimeoutMs,
  signal,
}: SocketOptions): Promise<Socket> {
  signal.throwIfAborted();
  const { host, port } = server;
  const socket = tls ? connectTls({ host, port, ...tls }) : connectTcp({ host, port });
  socket.setNoDelay(true);
  const settled = new AbortController();
  const outcome = Promise.withResolvers<void>();
  socket.once(tls ? 'secureConnect' : 'connect', () => outcome.resolve());
  socket.once('error', (error) => outcome.reject(explain(server, error, tls !== undefined)));
  socket.once('close', () => outcome.reject(connectionLost(server.text, 'hung up while connecting')));
  signal.addEventListener('abort', () => outcome.reject(signal.reason), { signal: settled.signal });
  void clock.sleep(connectTimeoutMs, settled.signal).then(() => {
    outcome.reject(connectionLost(server.text, `no connection within ${Math.round(connectTimeoutMs)} ms`));
  });
  try {
    await outcome.promise;
    socket.removeAllListeners('error').removeAllListeners('close');
    return socket;
  } catch (error) {
    // A late error of a socket that is given up already says nothing new.
    socket.on('error', () => undefined);
    socket.destroy();
    throw error;
  } finally {
    settled.abort();
  }
}

const certificateErrors =
  /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|ERR_OSSL|ERR_SSL_.*CERTIFICATE)/;

function explain(server: ServerAddress, error: unknown, isTls: boolean): CabooseError {
  const code = errorCode(error) ?? '';
  if (isTls && certificateErrors.test(code)) {
    return new CabooseError('ZOOKEEPER_TLS', `ZooKeeper ${server.text}: ${errorText(error)}`, {
      hint: 'check lease.zookeeper.tls: the CA must have signed the server’s certificate, and the name must match',
      cause: error,
    });
  }
  if (isTls && (code.startsWith('ERR_SSL') || code === 'EPROTO' || code === 'ECONNRESET')) {
    return new CabooseError('ZOOKEEPER_TLS', `ZooKeeper ${server.text}: no TLS: ${errorText(error)}`, {
      hint: 'the port may be the plain one: check the address, or leave out lease.zookeeper.tls',
      cause: error,
      retriable: true,
    });
  }
  return connectionLost(
    server.text,
    code === 'ECONNREFUSED' ? 'connection refused' : errorText(error),
    error,
  );
}
