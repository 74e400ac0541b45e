/**
 * The first exchange on a new socket: our ConnectRequest, the server's ConnectResponse. Here is found out what answers at
 * the address: bytes that are no frame are some other protocol; a server that hangs up is asked by a four-letter word
 * (`srvr`, which every ZooKeeper answers, with a quorum or without) whether it is one.
 */
import type { Socket } from 'node:net';
import { CabooseError, errorText } from '../../core/errors.ts';
import { connectionLost, hungUp, notZookeeper } from './errors.ts';
import { FrameParser, encodeFrame } from './frames.ts';
import { connectRequest, readConnectResponse } from './protocol.ts';
import type { SessionCredentials } from './protocol.ts';
import { openSocket } from './socket.ts';
import type { SocketOptions } from './socket.ts';

const probeBytesMax = 4096;

type Granted = Omit<SessionCredentials, 'lastZxid'>;

/** What the server grants; the socket is left paused. Throws ZOOKEEPER_NOT_SPOKEN or ZOOKEEPER_CONNECTION_LOST. */
export async function shakeHands(
  socket: Socket,
  session: SessionCredentials,
  options: SocketOptions,
): Promise<Granted> {
  const answer = await exchange(socket, session, options);
  if (answer) return answer;
  if (await isZookeeper(options)) throw hungUp(options.server.text);
  throw notZookeeper(
    options.server.text,
    'it hangs up at the handshake and at "srvr"',
    'is it another service’s port (Kafka’s)? Does it speak TLS (then set lease.zookeeper.tls)? Has this host too many connections (maxClientCnxns)?',
  );
}

/** Null when the server hangs up without a word. */
async function exchange(
  socket: Socket,
  session: SessionCredentials,
  { server, clock, connectTimeoutMs, signal }: SocketOptions,
): Promise<Granted | null> {
  const settled = new AbortController();
  const outcome = Promise.withResolvers<Granted | null>();
  const parser = new FrameParser();
  let received = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]).subarray(0, 16);
    try {
      parser.push(chunk, (body) => {
        outcome.resolve(readConnectResponse(body));
        socket.pause();
      });
    } catch (error) {
      outcome.reject(notZookeeper(server.text, errorText(error), hintFor(received), error));
    }
  });
  socket.on('error', () => outcome.resolve(null));
  socket.on('close', () => outcome.resolve(null));
  signal.addEventListener('abort', () => outcome.reject(signal.reason), { signal: settled.signal });
  void clock.sleep(connectTimeoutMs, settled.signal).then(() => {
    outcome.reject(connectionLost(server.text, `no handshake within ${Math.round(connectTimeoutMs)} ms`));
  });
  try {
    socket.write(encodeFrame(connectRequest(session)));
    return await outcome.promise;
  } finally {
    settled.abort();
    socket.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close');
    socket.on('error', () => undefined);
  }
}

function hintFor(received: Buffer): string {
  if (received.toString('latin1').startsWith('HTTP')) {
    return 'this is a web server: give ZooKeeper’s client port (2181 by default), not its admin server';
  }
  if (received[0] === 0x15 && received[1] === 3) return 'this port speaks TLS: set lease.zookeeper.tls';
  return 'give the client port of a ZooKeeper server (2181 by default)';
}

async function isZookeeper(options: SocketOptions): Promise<boolean> {
  let socket: Socket | null = null;
  try {
    socket = await openSocket(options);
    return /zookeeper|whitelist/i.test(await readUntilClose(socket, options));
  } catch (error) {
    // It went away between the two: as good as hanging up, and told by the caller as that.
    if (error instanceof CabooseError && error.retriable) return true;
    throw error;
  } finally {
    socket?.destroy();
  }
}

async function readUntilClose(
  socket: Socket,
  { clock, connectTimeoutMs, signal }: SocketOptions,
): Promise<string> {
  const done = new AbortController();
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    if (text.length >= probeBytesMax) done.abort();
  });
  socket.on('error', () => done.abort());
  socket.on('close', () => done.abort());
  socket.write('srvr');
  await clock.sleep(connectTimeoutMs, AbortSignal.any([done.signal, signal]));
  return text;
}
