/**
 * One ZooKeeper session over any number of connections.
 *
 *     connecting ──▶ linked ◀──▶ suspended (link lost; servers are tried in turn)
 *                      │             │
 *                      └──▶ lost ◀───┘   expired, given up, or closed by us: for good
 *
 * Each state change is an AbortSignal: `lost` for the session, `link` for the present connection.
 *
 * Failure rule: a request is tried once, on the present link; with none, or when the link breaks, it rejects with
 * ZOOKEEPER_CONNECTION_LOST and the caller finds out what became of it. Servers are tried without end, round after round
 * with backoff; one line tells of an outage and one of its end. Only before the first session is granted, and only when
 * every server in five rounds is found to be something else, is it an error. A session that servers take no more (they
 * hang up at the handshake, as one does that is behind what we have seen, for instance after its data were wiped) is given
 * up after two session timeouts.
 */
import type { Clock } from '../../core/clock.ts';
import { CabooseError, errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { backoffMs } from '../../core/retry.ts';
import type { ServerAddress } from './address.ts';
import { Connection } from './connection.ts';
import { connectionLost, sessionLost } from './errors.ts';
import { greet } from './greeting.ts';
import type { DigestAuth } from './greeting.ts';
import { Outage } from './outage.ts';
import { opcodes } from './protocol.ts';
import type { SessionCredentials } from './protocol.ts';
import type { ZookeeperTls } from './socket.ts';
import { Watches } from './watches.ts';

const roundsUntilError = 5;
const giveUpAfterSessions = 2;

export interface SessionOptions {
  /** In the order in which they are tried. */
  servers: readonly ServerAddress[];
  /** Asked for; the server grants what its tick allows. */
  sessionTimeoutMs: number;
  tls?: ZookeeperTls | undefined;
  auth?: DigestAuth | undefined;
  clock: Clock;
  logger: Logger;
  /** Shared by the sessions of one client, one after the other. */
  outage?: Outage;
}

export class Session {
  readonly watches = new Watches();
  readonly #options: SessionOptions;
  readonly #lost = new AbortController();
  #credentials: SessionCredentials;
  #connection: Connection | null = null;
  #linked = Promise.withResolvers<void>();
  #nextServer = 0;
  readonly #outage: Outage;
  #isGranted = false;

  /** Waits for a server until the signal aborts (then it rejects with its reason). */
  static async open(options: SessionOptions, signal: AbortSignal): Promise<Session> {
    const session = new Session(options);
    const stop = (): void => session.#end(sessionLost('not wanted any more'));
    signal.addEventListener('abort', stop, { once: true });
    try {
      await session.#connect();
    } catch (error) {
      session.#end(sessionLost('never granted'));
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', stop);
    }
    void session.#keepLinked();
    return session;
  }

  private constructor(options: SessionOptions) {
    this.#options = options;
    this.#outage = options.outage ?? new Outage(options.clock, options.logger);
    this.#credentials = {
      id: 0n,
      password: Buffer.alloc(16),
      timeoutMs: options.sessionTimeoutMs,
      lastZxid: 0n,
    };
    // Whoever waits is told by `lost`; without a waiter it is no unhandled rejection.
    this.#linked.promise.catch(() => undefined);
  }

  get id(): bigint {
    return this.#credentials.id;
  }

  /** As granted. */
  get timeoutMs(): number {
    return this.#credentials.timeoutMs;
  }

  /** Aborts when the session is over, with a CabooseError as its reason. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Aborts when the present connection is lost; null while there is none. */
  get link(): AbortSignal | null {
    return this.#connection?.failed ?? null;
  }

  get server(): string | null {
    return this.#connection?.server.text ?? null;
  }

  /** Monotonic ms. Minus infinity without a link. */
  get trustedUntilMs(): number {
    return this.#connection?.trustedUntilMs ?? -Infinity;
  }

  /** Resolves with the link's signal when there is one; rejects when the session is lost. */
  async linked(): Promise<AbortSignal> {
    for (;;) {
      this.#lost.signal.throwIfAborted();
      if (this.#connection) return this.#connection.failed;
      await this.#linked.promise;
    }
  }

  /** The present connection; throws ZOOKEEPER_CONNECTION_LOST when there is none. */
  connection(): Connection {
    this.#lost.signal.throwIfAborted();
    if (!this.#connection) throw connectionLost('(no server)', 'the link is down');
    return this.#connection;
  }

  /** Ends the session, politely if there is a link: its ephemeral nodes are gone when this resolves. Tolerates a second call. */
  async close(): Promise<void> {
    const connection = this.#connection;
    if (connection && !this.#lost.signal.aborted) {
      const { clock } = this.#options;
      const answered = new AbortController();
      const goodbye = connection
        .request({ opcode: opcodes.closeSession, operation: 'closeSession', decode: () => undefined })
        // The session ends by itself then, one session timeout from now.
        .catch(() => undefined)
        .finally(() => answered.abort());
      await Promise.race([goodbye, clock.sleep(this.timeoutMs / 3, answered.signal)]);
      answered.abort();
    }
    this.#end(sessionLost('closed'));
  }

  #end(reason: CabooseError): void {
    if (this.#lost.signal.aborted) return;
    this.#lost.abort(reason);
    this.#connection?.drop('the session is over');
    this.#connection = null;
    this.#linked.reject(reason);
  }

  async #keepLinked(): Promise<void> {
    while (!this.#lost.signal.aborted) {
      const connection = this.#connection;
      try {
        if (connection) await this.#untilLinkLost(connection);
        else await this.#connect();
      } catch (error) {
        this.#end(error instanceof CabooseError ? error : sessionLost(errorText(error)));
      }
    }
  }

  async #untilLinkLost(connection: Connection): Promise<void> {
    if (!connection.failed.aborted) {
      await new Promise<void>((resolve) => {
        connection.failed.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    if (this.#lost.signal.aborted) return;
    const error: unknown = connection.failed.reason;
    this.#connection = null;
    this.#linked = Promise.withResolvers<void>();
    this.#linked.promise.catch(() => undefined);
    if (error instanceof CabooseError && error.code === 'ZOOKEEPER_SESSION_LOST') throw error;
    if (error instanceof CabooseError && error.code === 'ZOOKEEPER_AUTH_FAILED') throw error;
    this.#outage.tell(error);
  }

  /** Servers in turn, the next one at once, a pause after each round. */
  async #connect(): Promise<void> {
    const { servers, clock } = this.#options;
    let foreign = 0;
    for (let attempt = 0; ; attempt += 1) {
      if (attempt > 0 && attempt % servers.length === 0) {
        const round = attempt / servers.length - 1;
        await clock.sleep(backoffMs(round, this.#backoff()), this.#lost.signal);
      }
      this.#lost.signal.throwIfAborted();
      try {
        return await this.#connectTo(this.#takeServer());
      } catch (error) {
        if (!(error instanceof CabooseError)) throw error;
        this.#lost.signal.throwIfAborted();
        foreign = error.retriable ? 0 : foreign + 1;
        if (this.#isHopeless(error, foreign)) throw error;
        if (this.#isGivenUp(error)) throw sessionLost('the servers hang up on it');
        this.#outage.tell(error);
      }
    }
  }

  async #connectTo(server: ServerAddress): Promise<void> {
    const { servers, clock, tls, auth } = this.#options;
    const connection = await Connection.open(
      {
        server,
        tls,
        clock,
        session: this.#credentials,
        connectTimeoutMs: this.#credentials.timeoutMs / 3 / Math.min(3, servers.length),
        onWatchEvent: (event) => this.watches.fire(event),
        onZxid: (zxid) => this.#sawZxid(zxid),
      },
      this.#lost.signal,
    );
    if (this.#lost.signal.aborted) return connection.drop('the session is over');
    try {
      await greet(connection, { auth, watches: this.watches, lastZxid: this.#credentials.lastZxid });
    } catch (error) {
      connection.drop('its greeting failed');
      throw error;
    }
    this.#credentials = { ...this.#credentials, ...connection.session };
    this.#onLinked(connection);
  }

  #onLinked(connection: Connection): void {
    const { logger, sessionTimeoutMs } = this.#options;
    const fields = { server: connection.server.text, session: `0x${this.id.toString(16)}` };
    if (!this.#isGranted) {
      logger.info({ ...fields, sessionTimeoutMs: this.timeoutMs }, 'ZooKeeper session opened');
      if (this.timeoutMs !== sessionTimeoutMs) {
        logger.warn(
          { asked: sessionTimeoutMs, granted: this.timeoutMs },
          'ZooKeeper grants another session timeout than asked for: it must be 2 to 20 ticks of the server',
        );
      }
    }
    this.#outage.end(fields);
    this.#isGranted = true;
    this.#connection = connection;
    this.#linked.resolve();
  }

  #takeServer(): ServerAddress {
    const { servers } = this.#options;
    const server = servers[this.#nextServer % servers.length];
    this.#nextServer += 1;
    if (!server) throw new CabooseError('ZOOKEEPER_ADDRESS_INVALID', 'no ZooKeeper server is named');
    return server;
  }

  #isHopeless(error: CabooseError, foreign: number): boolean {
    if (error.code === 'ZOOKEEPER_SESSION_LOST' || error.code === 'ZOOKEEPER_AUTH_FAILED') return true;
    return !this.#isGranted && foreign >= roundsUntilError * this.#options.servers.length;
  }

  #isGivenUp(error: CabooseError): boolean {
    if (!this.#isGranted || error.code !== 'ZOOKEEPER_HUNG_UP') return false;
    return (this.#outage.lastsMs ?? 0) > giveUpAfterSessions * this.timeoutMs;
  }

  #sawZxid(zxid: bigint): void {
    if (zxid > this.#credentials.lastZxid) this.#credentials.lastZxid = zxid;
  }

  #backoff(): { initialMs: number; maxMs: number } {
    const { timeoutMs } = this.#credentials;
    return { initialMs: timeoutMs / 40, maxMs: Math.min(5000, timeoutMs / 3) };
  }
}
