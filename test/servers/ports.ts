/**
 * Ports for servers, below the range from which systems take the ports of outgoing connections: else, while a server is
 * down between two starts, a client's connection could take its port, or a client could connect to itself.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

const firstPort = 12_000;
const lastPort = 31_999;
const triesMax = 100;
const given = new Set<number>();

export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries += 1) {
    const port = firstPort + Math.floor(Math.random() * (lastPort - firstPort + 1));
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return port;
    }
  }
  throw new Error(`no free port found between ${firstPort} and ${lastPort} in ${triesMax} tries`);
}

export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false;
    throw error;
  }
}
