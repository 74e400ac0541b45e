/**
 * One connection to one server that carries a session. It is opened, works, and fails once for all; it never comes back
 * (session.ts opens the next one).
 *
 *     open ──handshake──▶ working ──▶ failed (link lost, silent, a frame out of order, closed by us)
 *
 * Answers come in the order of the requests. Failure rule: whatever goes wrong drops the connection and rejects all that
 * is outstanding with the same error; a request is never sent twice here. Every request has a deadline (the session
 * timeout), and at most `requestsMax` are outstanding.
 */
import type { Socket } from 'node:net';
import type { Clock } from '../../core/clock.ts';
import { CabooseError, errorText } from '../../core/errors.ts';
import type { ServerAddress } from './address.ts';
import { connectionLost, serverError, sessionLost } from './errors.ts';
import { FrameParser, encodeFrame } from './frames.ts';
import { shakeHands } from './handshake.ts';
import { Heartbeat } from './heartbeat.ts';
import { JuteReader, badFrame } from './jute.ts';
import { opcodes, readReplyHeader, readWatchEvent, request, xids } from './protocol.ts';
import type { SessionCredentials, WatchEvent } from './protocol.ts';
import { openSocket } from './socket.ts';
import type { ZookeeperTls } from './socket.ts';

const requestsMax = 1024;
const xidMax = 0x7fffffff;
const fatalToConnection = new Set([
  'ZOOKEEPER_SESSION_MOVED',
  'ZOOKEEPER_SESSION_LOST',
  'ZOOKEEPER_AUTH_FAILED',
]);

export interface ConnectionOptions {
  server: ServerAddress;
  tls: ZookeeperTls | undefined;
  clock: Clock;
  session: SessionCredentials;
  /** Of connecting, and again of the handshake. */
  connectTimeoutMs: number;
  onWatchEvent: (event: WatchEvent) => void;
  onZxid: (zxid: bigint) => void;
}

interface Pending {
  xid: number;
  operation: string;
  path: string | undefined;
  deadlineMs: number;
  /** Takes an answer, in the order of arrival; returns the error that it gave to the caller, if any. */
  answer: (code: number, body: JuteReader) => CabooseError | null;
  fail: (error: CabooseError) => void;
}

/** What to ask. `decode` runs before any later frame is looked at, so that a watch is known before its event. */
export interface ConnectionRequest<T> {
  opcode: number;
  operation: string;
  path?: string;
  body?: Buffer;
  decode: (reader: JuteReader) => T;
  /** Error codes that are answers, such as "no node". */
  answers?: Readonly<Record<number, () => T>>;
  /** For the requests that have a number of their own. */
  xid?: number;
}

export class Connection {
  readonly server: ServerAddress;
  /** As the server has granted it. */
  readonly session: Omit<SessionCredentials, 'lastZxid'>;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #parser = new FrameParser();
  readonly #heartbeat: Heartbeat;
  readonly #failed = new AbortController();
  readonly #pending: Pending[] = [];
  #xid = 0;

  /** Connects and shakes hands. Throws ZOOKEEPER_SESSION_LOST when the server does not know the session any more. */
  static async open(options: ConnectionOptions, signal: AbortSignal): Promise<Connection> {
    const socket = await openSocket({ ...options, signal });
    try {
      const sentMs = options.clock.monotonic();
      const granted = await shakeHands(socket, options.session, { ...options, signal });
      if (granted.timeoutMs <= 0) throw sessionLost('the server has let it expire');
      return new Connection(socket, granted, sentMs, options);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  private constructor(
    socket: Socket,
    granted: Omit<SessionCredentials, 'lastZxid'>,
    handshakeSentMs: number,
    options: ConnectionOptions,
  ) {
    this.server = options.server;
    this.session = granted;
    this.#options = options;
    this.#socket = socket;
    this.#heartbeat = new Heartbeat({
      clock: options.clock,
      sessionTimeoutMs: granted.timeoutMs,
      handshakeSentMs,
      sendPing: () => this.#write(request(xids.ping, opcodes.ping)),
      onSilent: (silentMs) =>
        this.#fail(
          connectionLost(
            this.server.text,
            `silent for ${Math.round(silentMs)} ms, the link is taken for dead`,
          ),
        ),
    });
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(connectionLost(this.server.text, errorText(error), error)));
    socket.on('close', () => this.#fail(connectionLost(this.server.text, 'the server hung up')));
    socket.resume();
    void this.#heartbeat.run(this.failed);
    void this.#watchDeadlines();
  }

  /** Aborts, with the error as its reason, when the connection is no more. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  get trustedUntilMs(): number {
    return this.#heartbeat.trustedUntilMs;
  }

  async request<T>(ask: ConnectionRequest<T>): Promise<T> {
    if (this.failed.aborted) throw this.failed.reason;
    if (this.#pending.length >= requestsMax) {
      throw new CabooseError('ZOOKEEPER_BUSY', `${requestsMax} requests are outstanding`, {
        retriable: true,
      });
    }
    const xid = ask.xid ?? this.#nextXid();
    const deadlineMs = this.#options.clock.monotonic() + this.session.timeoutMs;
    const outcome = Promise.withResolvers<T>();
    const { operation, path } = ask;
    const answer = (code: number, body: JuteReader): CabooseError | null => {
      const decode = code === 0 ? ask.decode : ask.answers?.[code];
      if (decode) {
        outcome.resolve(decode(body));
        return null;
      }
      const error = serverError(code, operation, path);
      outcome.reject(error);
      return error;
    };
    this.#pending.push({ xid, operation, path, deadlineMs, answer, fail: outcome.reject });
    this.#write(request(xid, ask.opcode, ask.body));
    return outcome.promise;
  }

  /** Resolves at the answer to a ping that is under way or sent now. */
  async confirm(): Promise<void> {
    const answered = Promise.withResolvers<void>();
    const lost = (): void => answered.reject(this.failed.reason);
    if (this.failed.aborted) lost();
    else {
      this.failed.addEventListener('abort', lost, { once: true });
      this.#heartbeat.confirm(() => answered.resolve());
    }
    try {
      await answered.promise;
    } finally {
      this.failed.removeEventListener('abort', lost);
    }
  }

  /** Hangs up; the session goes on living at the server. */
  drop(reason: string): void {
    this.#fail(connectionLost(this.server.text, reason));
  }

  #nextXid(): number {
    this.#xid = this.#xid >= xidMax ? 1 : this.#xid + 1;
    return this.#xid;
  }

  #write(body: Buffer): void {
    if (!this.failed.aborted) this.#socket.write(encodeFrame(body));
  }

  #receive(chunk: Buffer): void {
    try {
      this.#parser.push(chunk, (body) => this.#onFrame(body));
    } catch (error) {
      this.#fail(error instanceof CabooseError ? error : badFrame(errorText(error)));
    }
  }

  #onFrame(body: Buffer): void {
    if (this.failed.aborted) return;
    const reader = new JuteReader(body);
    const header = readReplyHeader(reader);
    if (header.xid === xids.ping) return this.#heartbeat.answered();
    if (header.xid === xids.notification) {
      const event = readWatchEvent(reader);
      if (event) this.#options.onWatchEvent(event);
      return;
    }
    this.#onReply(header.xid, header.error, header.zxid, reader);
  }

  #onReply(xid: number, code: number, zxid: bigint, reader: JuteReader): void {
    const pending = this.#pending[0];
    if (pending?.xid !== xid) throw badFrame(`answer ${xid} where ${pending?.xid ?? 'none'} was due`);
    if (zxid > 0n) this.#options.onZxid(zxid);
    const error = pending.answer(code, reader);
    this.#pending.shift();
    // The session lives elsewhere now, or nowhere: this connection is of no use any more.
    if (error && fatalToConnection.has(error.code)) this.#fail(error);
  }

  async #watchDeadlines(): Promise<void> {
    const { clock } = this.#options;
    while (!this.failed.aborted) {
      // oxlint-disable-next-line no-await-in-loop
      await clock.sleep(this.session.timeoutMs / 2, this.failed);
      const overdue = this.#pending[0];
      if (overdue && clock.monotonic() >= overdue.deadlineMs) {
        this.#fail(
          connectionLost(this.server.text, `no answer to ${overdue.operation} within the session timeout`),
        );
      }
    }
  }

  #fail(error: CabooseError): void {
    if (this.failed.aborted) return;
    this.#socket.destroy();
    for (const pending of this.#pending.splice(0)) pending.fail(error);
    this.#failed.abort(error);
  }
}
