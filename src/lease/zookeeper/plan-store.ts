/**
 * The assignment plan in ZooKeeper: one node, `<path>/plan`, which every candidate watches over the session of its lease.
 *
 *     (no session) ──attach──▶ reading ──▶ known ──the node changes──▶ reading …   until the session is lost; then the next is attached
 *
 * The leader writes it in one transaction with a check that its candidate's node is still there. That node is the lowest as long as it
 * is there, so a leader whose session has ended is refused by the server, whatever it believes.
 *
 * Failure rule: what was read last stays in memory, through lost links and sessions. A node that cannot be read as a plan is told once
 * and counts as none.
 */
import type { AssignmentPlan, PlanDraft, PlanStore } from '../../core/assignment-plan.ts';
import type { Clock } from '../../core/clock.ts';
import { CabooseError, errorCode, errorText } from '../../core/errors.ts';
import type { Tenure } from '../../core/lease.ts';
import type { Logger } from '../../core/logger.ts';
import { readLeader, watchNode } from './election.ts';
import { get, multi } from './operations.ts';
import { decodePlan, encodePlan } from './plan-json.ts';
import type { Acl } from './protocol.ts';
import type { Session } from './session.ts';

export interface ZookeeperPlansOptions {
  /** `lease.zookeeper.path`, checked. */
  path: string;
  /** Where the candidates' nodes are. */
  electionDirectory: string;
  acl: Acl;
  clock: Clock;
  logger: Logger;
}

/** Between two tries when the server refuses to tell. */
const retryMs = 5_000;

/** What the server answers to the transaction of one who leads no more, or whom another has overtaken. */
const refusals = new Set(['ZOOKEEPER_NO_NODE', 'ZOOKEEPER_BAD_VERSION', 'ZOOKEEPER_NODE_EXISTS']);

export class ZookeeperPlans implements PlanStore {
  readonly #options: ZookeeperPlansOptions;
  readonly #path: string;
  readonly #known = Promise.withResolvers<void>();
  #session: Session | null = null;
  #plan: AssignmentPlan | null = null;
  #told: string | null = null;

  constructor(options: ZookeeperPlansOptions) {
    this.#options = options;
    this.#path = `${options.path}/plan`;
  }

  /** Follows the plan over this session until it is lost. */
  attach(session: Session): void {
    this.#session = session;
    void this.#follow(session);
  }

  current(): AssignmentPlan | null {
    return this.#plan;
  }

  async known(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const given = Promise.withResolvers<void>();
    const stop = (): void => given.resolve();
    signal.addEventListener('abort', stop, { once: true });
    await Promise.race([this.#known.promise, given.promise]);
    signal.removeEventListener('abort', stop);
  }

  async write(draft: PlanDraft, tenure: Tenure): Promise<AssignmentPlan | 'stale'> {
    const session = this.#session;
    if (!session)
      throw new CabooseError('ZOOKEEPER_CONNECTION_LOST', 'there is no ZooKeeper session', {
        retriable: true,
      });
    const { electionDirectory, acl } = this.#options;
    const leader = await readLeader(session, electionDirectory);
    const node = await get(session, this.#path);
    const before = node && this.#read(node.data);
    if (leader?.token !== tenure.token || (before?.token ?? 0) > tenure.token) return 'stale';
    const plan = { ...draft, version: (before?.version ?? 0) + 1, token: tenure.token };
    const data = encodePlan(plan);
    if (!tenure.isTrusted()) return 'stale';
    try {
      await multi(session, [
        { op: 'check', path: `${electionDirectory}/${leader.node}`, version: -1 },
        node
          ? { op: 'set', path: this.#path, data, version: node.stat.version }
          : { op: 'create', path: this.#path, data, mode: 'persistent', acl },
      ]);
    } catch (error) {
      if (refusals.has(errorCode(error) ?? '')) return 'stale';
      throw error;
    }
    this.#accept(plan);
    return plan;
  }

  async #follow(session: Session): Promise<void> {
    while (!session.lost.aborted) {
      const over = new AbortController();
      try {
        await session.linked();
        const signal = AbortSignal.any([session.lost, over.signal]);
        const { there, changed } = await watchNode(session, this.#path, signal);
        const node = there && (await get(session, this.#path));
        this.#accept(node && this.#read(node.data));
        this.#known.resolve();
        await changed;
      } catch (error) {
        if (session.lost.aborted) return;
        const isOutage = error instanceof CabooseError && error.retriable;
        if (!isOutage) this.#tell(error);
        await this.#options.clock.sleep(isOutage ? session.timeoutMs / 40 : retryMs, session.lost);
      } finally {
        over.abort();
      }
    }
  }

  /** The same plan stays the same object. */
  #accept(plan: AssignmentPlan | null): void {
    const { version, token } = this.#plan ?? {};
    if (plan?.version !== version || plan?.token !== token) this.#plan = plan;
  }

  #read(data: Buffer): AssignmentPlan | null {
    try {
      return decodePlan(data);
    } catch (error) {
      this.#tell(error);
      return null;
    }
  }

  /** Once for each reason. */
  #tell(error: unknown): void {
    const reason = errorText(error);
    if (reason === this.#told) return;
    this.#told = reason;
    const hint = error instanceof CabooseError ? error.hint : undefined;
    this.#options.logger.warn(
      { path: this.#path, reason, ...(hint === undefined ? {} : { hint }) },
      'the assignment plan cannot be read: partitions are shared without it',
    );
  }
}
