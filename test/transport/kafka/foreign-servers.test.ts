import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { watchingSocketFactory } from '../../../src/transport/kafka/foreign-servers.ts';

const waitMs = { first: 20, again: 20 };
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Connects, sends what no line end is in, and resolves with the address and the error that ends the connection. */
async function failureAt(
  onConnection: (socket: Socket) => void,
): Promise<{ address: string; foreign: Map<string, string>; message: string }> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  const foreign = new Map<string, string>();
  const socket = watchingSocketFactory(
    foreign,
    waitMs,
  )({
    host: '127.0.0.1',
    port,
    ssl: undefined as never,
    onConnect: () => void socket.write(Buffer.from([0, 0, 0, 2, 0, 18])),
  });
  const error = await new Promise<Error>((resolve) => void socket.once('error', resolve));
  return { address: `127.0.0.1:${port}`, foreign, message: error.message };
}

test('a web server that waits for the end of the request is told by what it answers then', async () => {
  const { address, foreign, message } = await failureAt((socket) => {
    socket.resume();
    socket.on('end', () => socket.end('<!DOCTYPE HTML>\n<html lang="en">'));
  });
  expect(message).toBe(`${address} answers HTML, not Kafka`);
  expect(foreign.get(address)).toBe('answers HTML');
});

test('what takes connections and never answers is told as that, and may be a broker', async () => {
  const { address, foreign, message } = await failureAt((socket) => void socket.resume());
  expect(message).toBe(`${address} takes connections but does not answer`);
  expect(foreign.size).toBe(0);
});
