/**
 * Watches the first answer on each of kafkajs's connections, so that an address that is no broker's is told by what answers there.
 * kafkajs itself takes any four bytes for a length and waits for the rest.
 */
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';
import { freeBuffer } from './free-buffer.ts';

/** Addresses that answered, but not as Kafka, and what they answered. Shared by all clients of a transport. */
export type ForeignServers = Map<string, string>;

const keepAliveMs = 60_000;
/** A broker's first answer takes milliseconds, seconds where it is busy. */
const firstAnswerMaxMs = 5000;
/** What a server says when it has seen the end of our request comes at once. */
const lastAnswerMaxMs = 1000;
/** An answer begins with its length; any text, read as a length, is above 512 MiB. A fetch may be the first on its connection. */
const answerBytesMax = 256 * 1024 * 1024;

export function watchingSocketFactory(
  foreign: ForeignServers,
  waitMs = { first: firstAnswerMaxMs, again: 1000 },
): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const socket: Socket = ssl
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
      : connectTcp({ host, port }, onConnect);
    socket.setKeepAlive(true, keepAliveMs);
    socket.setNoDelay(true);
    freeWritten(socket);
    const address = `${host}:${port}`;
    const stopWaiting = endIfSilent(socket, address, foreign.has(address) ? waitMs.again : waitMs.first);
    socket.once('data', (answer: Buffer) => {
      stopWaiting();
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

/**
 * Some servers answer a request that they do not understand only at its end, or at the end of a line, which Kafka's requests do not have:
 * to them our side of the connection is closed, and whoever still says nothing is told as that.
 */
function endIfSilent(socket: Socket, address: string, waitMs: number): () => void {
  let timer: NodeJS.Timeout | undefined;
  const stop = (): void => clearTimeout(timer);
  socket.once('connect', () => {
    timer = setTimeout(() => {
      socket.end();
      timer = setTimeout(
        () => socket.destroy(new Error(`${address} takes connections but does not answer`)),
        lastAnswerMaxMs,
      );
    }, waitMs);
  });
  socket.once('close', stop);
  return stop;
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
  if (/^<(!doc|html)/i.test(start)) return 'answers HTML';
  if (start.startsWith('SSH-')) return 'answers SSH';
  if (answer[0] === 0x15 && answer[1] === 0x03) return 'speaks TLS (transport.kafka.tls is not set)';
  if (answer.length < 4) return null;
  const length = answer.readInt32BE(0);
  return length >= 4 && length <= answerBytesMax ? null : 'speaks another protocol';
}
