/**
 * The contract of an election: of all candidates under one path, at most one acts at any time. lease/zookeeper and
 * lease/in-process pass one suite (test/contract/lease.suite.ts).
 */
import type { PlanStore } from './assignment-plan.ts';

export interface Tenure {
  /**
   * Fencing token, a safe integer: larger than that of every earlier tenure. Only a tenure that follows one of the same
   * candidate, with nobody leading in between, may have the same token again.
   */
  readonly token: number;
  /** Whether the lease still holds by our own monotonic clock. Asked before every side effect. */
  isTrusted(): boolean;
  /** Aborts when the lease is lost, suspended, given up, or can no longer be trusted. */
  readonly signal: AbortSignal;
}

export interface Lease {
  /**
   * Enrols as a candidate and yields each tenure that is won, until the signal aborts (then it gives up the lease and
   * leaves). The consumer acts for a tenure until `tenure.signal` aborts, then asks for the next.
   */
  tenures(signal: AbortSignal): AsyncIterable<Tenure>;
  status(): LeaseStatus;
  /** What the leader has decided about the partitions, for all candidates. */
  readonly plans: PlanStore;
}

export interface LeaseStatus {
  /** - `connecting`: no session. - `candidate`: enrolled, another leads. - `leader`. - `suspended`: was leader, may not act. */
  role: 'connecting' | 'candidate' | 'leader' | 'suspended' | 'stopped';
  token: number | null;
  connected: boolean;
  /** Why not connected, in words. */
  reason?: string;
}
