/**
 * A TCP proxy that misbehaves on demand: what a network does to a connection and a server never does by itself.
 *
 *     pass     forwards both ways
 *     silent   forwards nothing and closes nothing: a link that has died without a reset
 *     refuse   nobody listens on the port any more (and what was connected is reset)
 */
import { createServer, connect } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export interface TcpProxy {
  readonly address: string;
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Bytes that came from the server so far, over all connections. */
  readonly received: number;
  pass(): Promise<void>;
  silent(): void;
  refuse(): Promise<void>;
  /** Resets every connection; new ones are taken. */
  cut(): void;
  /** Of the bytes to the client, lets `count` more through, then calls `atLimit` (by default: cuts). Of all connections together. */
  limitToClient(count: number, atLimit?: () => void): void;
  /** Every chunk arrives that much later. */
  delay(ms: number): void;
  /** At most so many bytes a second of each connection, each way; Infinity: no limit. */
  throttle(bytesPerSecond: number): void;
  /** Looks at what goes to the server before it is sent. */
  onToServer(look: ((chunk: Buffer) => Treatment) | null): void;
  close(): Promise<void>;
}

/**
 * What happens to a chunk on its way to the server: `true` forwards it and `false` swallows it. `mute` forwards it, and nothing that
 * the server says on this connection reaches the client any more; `cut-answer` forwards it, and the connection is reset when the server
 * answers; `half` forwards its first half, and resets the connection.
 */
export type Treatment = boolean | 'mute' | 'cut-answer' | 'half';

interface Pair {
  client: Socket;
  server: Socket;
  answers: 'pass' | 'mute' | 'cut';
}

class Proxy implements TcpProxy {
  accepted = 0;
  received = 0;
  port = 0;
  readonly #target: { host: string; port: number };
  readonly #pairs = new Set<Pair>();
  #listener: Server | null = null;
  #isSilent = false;
  #delayMs = 0;
  #limit: { left: number; atLimit: () => void } | null = null;
  #bytesPerSecond = Infinity;
  #look: ((chunk: Buffer) => Treatment) | null = null;

  constructor(target: { host: string; port: number }, port: number) {
    this.#target = target;
    this.port = port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async pass(): Promise<void> {
    this.#isSilent = false;
    this.#limit = null;
    if (this.#listener) return;
    const listener = createServer((client) => this.#accept(client));
    this.#listener = listener;
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen(this.port, '127.0.0.1', resolve);
    });
    this.port = (listener.address() as AddressInfo).port;
  }

  silent(): void {
    this.#isSilent = true;
  }

  async refuse(): Promise<void> {
    const listener = this.#listener;
    this.#listener = null;
    const closed = listener && new Promise<void>((resolve) => void listener.close(() => resolve()));
    this.cut();
    await closed;
  }

  cut(): void {
    for (const pair of this.#pairs) this.#reset(pair);
  }

  limitToClient(count: number, atLimit = (): void => this.cut()): void {
    this.#limit = { left: count, atLimit };
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  onToServer(look: ((chunk: Buffer) => Treatment) | null): void {
    this.#look = look;
  }

  async close(): Promise<void> {
    await this.refuse();
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    const server = connect(this.#target);
    const pair: Pair = { client, server, answers: 'pass' };
    this.#pairs.add(pair);
    const end = (): void => {
      this.#pairs.delete(pair);
      // A dead link tells neither side that the other has gone.
      if (this.#isSilent) return;
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    client.on('data', (chunk: Buffer) => {
      this.#hold(client, chunk);
      this.#toServer(pair, chunk, this.#look?.(chunk) ?? true);
    });
    server.on('data', (chunk: Buffer) => {
      this.received += chunk.length;
      this.#hold(server, chunk);
      if (pair.answers === 'pass') this.#toClient(client, chunk);
      if (pair.answers === 'cut') this.#reset(pair);
    });
  }

  #toServer(pair: Pair, chunk: Buffer, treatment: Treatment): void {
    if (treatment === false) return;
    if (treatment === 'mute') pair.answers = 'mute';
    if (treatment === 'cut-answer' && pair.answers === 'pass') pair.answers = 'cut';
    if (treatment !== 'half') return this.#forward(pair.server, chunk);
    this.#forward(pair.server, chunk.subarray(0, Math.floor(chunk.length / 2)));
    // After the write is out, so that the server has the half frame.
    setImmediate(() => this.#reset(pair));
  }

  #reset(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.client.resetAndDestroy();
    pair.server.destroy();
  }

  /** Reads no more from where this chunk came for as long as it takes at the allowed rate. */
  #hold(from: Socket, chunk: Buffer): void {
    if (this.#bytesPerSecond === Infinity) return;
    from.pause();
    setTimeout(() => from.resume(), (chunk.length / this.#bytesPerSecond) * 1000);
  }

  #toClient(client: Socket, chunk: Buffer): void {
    const limit = this.#limit;
    if (!limit) return this.#forward(client, chunk);
    const part = chunk.subarray(0, limit.left);
    limit.left -= part.length;
    if (part.length > 0) this.#forward(client, part);
    if (part.length === chunk.length) return;
    this.#limit = null;
    // After the write is out, so that the client has the half frame.
    setImmediate(limit.atLimit);
  }

  #forward(to: Socket, chunk: Buffer): void {
    if (this.#isSilent) return;
    if (this.#delayMs === 0) to.write(chunk);
    else setTimeout(() => to.write(chunk), this.#delayMs);
  }
}

/** Listens on that port of the loopback (0: any free one). `target`: host:port. */
export async function tcpProxy(target: string, port = 0): Promise<TcpProxy> {
  const colon = target.lastIndexOf(':');
  const proxy = new Proxy({ host: target.slice(0, colon), port: Number(target.slice(colon + 1)) }, port);
  await proxy.pass();
  return proxy;
}
