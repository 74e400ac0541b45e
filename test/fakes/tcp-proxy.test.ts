import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { until } from './clock.ts';
import { tcpProxy } from './tcp-proxy.ts';
import type { TcpProxy } from './tcp-proxy.ts';

let server: Server;
let proxy: TcpProxy;
/** What came to the server, which echoes it. */
let arrived: string;

beforeEach(async () => {
  arrived = '';
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      arrived += chunk.toString();
      socket.write(chunk);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  proxy = await tcpProxy(`127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterEach(async () => {
  await proxy.close();
  server.close();
});

async function client(): Promise<{ socket: Socket; got: () => string; errors: string[] }> {
  const socket = connect(proxy.port, '127.0.0.1');
  const errors: string[] = [];
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', ({ message }) => errors.push(message));
  await once(socket, 'connect');
  return { socket, got: () => text, errors };
}

test('a request is let through and its answer is lost with the connection', async () => {
  const { socket, got, errors } = await client();
  proxy.onToServer(() => 'cut-answer');
  socket.write('request');
  await until(() => socket.destroyed, 'the connection is reset');
  expect({ arrived, got: got(), errors: errors.length }).toEqual({ arrived: 'request', got: '', errors: 1 });
});

test('a request is let through and nothing comes back on that connection', async () => {
  const [muted, other] = [await client(), await client()];
  proxy.onToServer((chunk) => (chunk.toString() === 'mute' ? 'mute' : true));
  muted.socket.write('mute');
  await until(() => arrived === 'mute', 'the request arrives');
  other.socket.write(' and more');
  await until(() => other.got() === ' and more', 'another connection is answered');
  expect({ got: muted.got(), open: !muted.socket.destroyed }).toEqual({ got: '', open: true });
  muted.socket.destroy();
  other.socket.destroy();
});

test('a request is cut in its middle', async () => {
  const { socket } = await client();
  proxy.onToServer(() => 'half');
  socket.write('12345678');
  await until(() => socket.destroyed, 'the connection is reset');
  await until(() => arrived !== '', 'a part arrives');
  expect(arrived).toBe('1234');
});

test('a throttled link takes its time', async () => {
  const { socket, got } = await client();
  proxy.throttle(100_000);
  const began = performance.now();
  const sent = 'x'.repeat(100_000);
  socket.write(sent);
  await until(() => got().length === sent.length, 'all of it comes back', 30_000);
  expect(performance.now() - began).toBeGreaterThan(300);
  socket.destroy();
});
