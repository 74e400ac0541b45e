/**
 * The lease over ZooKeeper: a candidate stands for election until its signal aborts; each time it leads it yields a tenure.
 *
 *     connecting ──session──▶ candidate ──first, confirmed──▶ leader
 *         ▲                      ▲  │                            │ link lost, trust lapsed, node changed:
 *         │                      │  └──first again──▶ …          ▼ the tenure's signal aborts at once
 *         └────── session lost ──┴──another leads──────────── suspended
 *
 * A tenure begins only after a ping was answered while our node is the lowest, and can be trusted until ⅔ of the session
 * timeout after the sending of the last answered ping (heartbeat.ts), by our own monotonic clock. Its end is final: when
 * the link is back within the session and our node is still the lowest, a *new* tenure follows, with the same token, for
 * nobody can have led in between. A lost session means a new node and so a larger token (the czxid of the node).
 *
 * Failure rule: outages are waited out; `tenures` throws only what an operator has to mend (rights, TLS, an address that is
 * no ZooKeeper, a path that cannot be). When the signal aborts, the tenure ends at once; the session is closed, and with
 * it the node is gone, as soon as the consumer has come back from its last act, but no later than ⅓ session timeout.
 */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { CabooseError, errorText } from '../../core/errors.ts';
import type { Lease, LeaseStatus, Tenure } from '../../core/lease.ts';
import type { Logger } from '../../core/logger.ts';
import { checkPath, parseServers } from './address.ts';
import { enrol, readLeader, standing, tokenOf, watchNode } from './election.ts';
import type { Candidacy, LeaderInfo } from './election.ts';
import type { DigestAuth } from './greeting.ts';
import { Outage } from './outage.ts';
import { ZookeeperPlans } from './plan-store.ts';
import type { Acl } from './protocol.ts';
import { Session } from './session.ts';
import type { SessionOptions } from './session.ts';
import { beginTenure } from './tenure.ts';
import type { ZookeeperTls } from './socket.ts';

export interface ZookeeperOptions {
  /** `host:port` each. */
  servers: readonly string[];
  /** The election is held under `<path>/election`; missing nodes are created. */
  path: string;
  /**
   * The server may grant another one (2 to 20 of its ticks); that is told in the log. It lets a session live up to a tick
   * longer: with three ticks or more, a successor of a killed leader leads within 1.5 session timeouts.
   */
  sessionTimeoutMs: number;
  tls?: ZookeeperTls | undefined;
  /** With it, only this identity can touch the nodes that are created. */
  auth?: DigestAuth | undefined;
  clock: Clock;
  logger: Logger;
}

export interface ZookeeperLeaseOptions extends ZookeeperOptions {
  /** Stored in the node, for people: host and pid. At most 1,024 characters of it. */
  identity: string;
}

export interface ZookeeperLease extends Lease {
  /** Who leads now, null if nobody. Rejects with ZOOKEEPER_CONNECTION_LOST while there is no link. */
  leader(): Promise<LeaderInfo | null>;
}

/** Throws ZOOKEEPER_ADDRESS_INVALID, ZOOKEEPER_PATH_INVALID; connects when `tenures` is iterated. */
export function zookeeperLease(options: ZookeeperLeaseOptions): ZookeeperLease {
  return new SessionLease(options);
}

/** Asks who leads without standing for election, over a short session of its own. Waits for a server until the signal aborts. */
export async function readZookeeperLeader(
  options: ZookeeperOptions,
  signal: AbortSignal,
): Promise<LeaderInfo | null> {
  const directory = electionDirectory(options.path);
  const session = await Session.open(sessionOptions(options), signal);
  try {
    return await readLeader(session, directory);
  } finally {
    await session.close();
  }
}

class SessionLease implements ZookeeperLease {
  readonly plans: ZookeeperPlans;
  readonly #options: ZookeeperLeaseOptions;
  readonly #directory: string;
  readonly #sessionOptions: SessionOptions;
  #isRunning = false;
  #session: Session | null = null;
  /** What we last knew of our place in this session. */
  #place: 'none' | 'candidate' | 'first' = 'none';
  #tenure: Tenure | null = null;
  readonly #outage: Outage;

  constructor(options: ZookeeperLeaseOptions) {
    this.#options = options;
    this.#directory = electionDirectory(options.path);
    const { path, clock, logger } = options;
    this.plans = new ZookeeperPlans({
      path,
      electionDirectory: this.#directory,
      acl: aclOf(options),
      clock,
      logger,
    });
    this.#outage = new Outage(clock, logger);
    this.#sessionOptions = { ...sessionOptions(options), outage: this.#outage };
  }

  async *tenures(signal: AbortSignal): AsyncGenerator<Tenure> {
    if (this.#isRunning) {
      throw new CabooseError('LEASE_IN_USE', 'this candidate stands for election already', {
        hint: 'make a lease of its own for each candidate',
      });
    }
    this.#isRunning = true;
    try {
      while (!signal.aborted) {
        const session = await this.#openSession(signal);
        if (!session) return;
        yield* this.#tenuresOf(session, signal);
        await this.#afterLoss(session, signal);
      }
    } finally {
      this.#isRunning = false;
    }
  }

  status(): LeaseStatus {
    const link = this.#session?.link;
    const connected = link !== null && link !== undefined && !link.aborted;
    const role = this.#role();
    const reason = connected || role === 'stopped' ? null : this.#outage.reason;
    return {
      role,
      token: role === 'leader' ? (this.#tenure?.token ?? null) : null,
      connected,
      ...(reason === null ? {} : { reason }),
    };
  }

  async leader(): Promise<LeaderInfo | null> {
    if (!this.#session) {
      throw new CabooseError('ZOOKEEPER_CONNECTION_LOST', 'there is no ZooKeeper session', {
        retriable: true,
      });
    }
    return readLeader(this.#session, this.#directory);
  }

  #role(): LeaseStatus['role'] {
    if (!this.#isRunning) return 'stopped';
    if (!this.#session || this.#place === 'none') return 'connecting';
    if (this.#place === 'candidate') return 'candidate';
    return this.#tenure?.signal.aborted === false ? 'leader' : 'suspended';
  }

  async #openSession(signal: AbortSignal): Promise<Session | null> {
    try {
      this.#session = await Session.open(this.#sessionOptions, signal);
      this.plans.attach(this.#session);
      return this.#session;
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
  }

  async *#tenuresOf(session: Session, signal: AbortSignal): AsyncGenerator<Tenure> {
    const { identity } = this.#options;
    const candidacy: Candidacy = {
      directory: this.#directory,
      guid: randomUUID(),
      identity: identity.slice(0, 1024),
      acl: aclOf(this.#options),
    };
    const left = new AbortController();
    signal.addEventListener('abort', () => void this.#leave(session, left.signal), { signal: left.signal });
    try {
      while (!signal.aborted && !session.lost.aborted) {
        const tenure = await this.#win(session, candidacy, signal);
        if (!tenure) continue;
        this.#tenure = tenure;
        yield tenure;
        await untilAborted(tenure.signal);
      }
    } finally {
      left.abort();
      await session.close();
      this.#session = null;
      this.#tenure = null;
      this.#place = 'none';
    }
  }

  /** Gives the consumer of a tenure time to come back from its last act; nobody else has any. */
  async #leave(session: Session, left: AbortSignal): Promise<void> {
    if (this.#tenure) await this.#options.clock.sleep(session.timeoutMs / 3, left);
    await session.close();
  }

  /** Null when it has to be tried again: the link or the node was lost, or it is over. */
  async #win(session: Session, candidacy: Candidacy, signal: AbortSignal): Promise<Tenure | null> {
    try {
      const link = await session.linked();
      const over = AbortSignal.any([link, session.lost, signal]);
      const tenure = await this.#standUntilFirst(session, candidacy, over);
      if (tenure) return tenure;
    } catch (error) {
      if (signal.aborted || session.lost.aborted) return null;
      if (!(error instanceof CabooseError && error.retriable)) throw error;
    }
    // Should a server refuse or forget us again and again, this bounds how often it is asked.
    await this.#options.clock.sleep(session.timeoutMs / 40, session.lost);
    return null;
  }

  async #standUntilFirst(session: Session, candidacy: Candidacy, over: AbortSignal): Promise<Tenure | null> {
    const name = await enrol(session, candidacy);
    for (;;) {
      over.throwIfAborted();
      const now = await standing(session, candidacy, name, over);
      if (now.place === 'gone') return null;
      if (now.place === 'first') break;
      this.#place = 'candidate';
      await now.changed;
    }
    const { there, changed } = await watchNode(session, `${candidacy.directory}/${name}`, over);
    if (there?.ephemeralOwner !== session.id) return null;
    await session.connection().confirm();
    over.throwIfAborted();
    this.#place = 'first';
    return beginTenure({
      token: tokenOf(there.czxid),
      clock: this.#options.clock,
      trustedUntilMs: () => session.trustedUntilMs,
      over,
      nodeChanged: changed,
    });
  }

  async #afterLoss(session: Session, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    if (signal.aborted) return;
    const reason: unknown = session.lost.reason;
    if (reason instanceof CabooseError && !reason.retriable) throw reason;
    logger.warn({ reason: errorText(reason) }, 'ZooKeeper session lost: standing for election anew');
    await clock.sleep(session.timeoutMs / 40, signal);
  }
}

function sessionOptions(options: ZookeeperOptions): SessionOptions {
  const { servers, sessionTimeoutMs, tls, auth, clock, logger } = options;
  return { servers: shuffled(parseServers(servers)), sessionTimeoutMs, tls, auth, clock, logger };
}

/** So that many clients do not all go to the first server. */
function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

function aclOf({ auth }: ZookeeperOptions): Acl {
  return auth ? 'creator' : 'open';
}

function electionDirectory(path: string): string {
  return `${checkPath(path)}/election`;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
