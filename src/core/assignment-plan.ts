/**
 * The contract of the assignment plan: the leader writes which member of the group takes which partition, and whoever shares the
 * partitions out reads it. lease/zookeeper and lease/in-process pass one suite (test/contract/plan-store.suite.ts).
 */
import type { Tenure } from './lease.ts';
import type { Lane } from './segment.ts';

/** A partition of a lane. */
export interface Slot {
  lane: Lane;
  partition: number;
}

/** One that takes partitions. */
export interface GroupMember {
  /** Host and pid: no two members have the same at a time, and people know it again in logs and in ZooKeeper. */
  id: string;
  /** Its share next to the others'. 0: takes partitions only if nobody has more. */
  weight: number;
}

export interface PlannedSlot extends Slot {
  /** The id of a member. */
  member: string;
  /** Records to be worked off, as measured when the plan was made. */
  load: number;
}

export interface PlanDraft {
  /** ms since epoch */
  madeAt: number;
  /** Ids of all that the plan knows; one that is not among them came later. */
  members: readonly string[];
  slots: readonly PlannedSlot[];
}

export interface AssignmentPlan extends PlanDraft {
  /** Grows by one with each plan. */
  version: number;
  /** Fencing token of the leader that made it. */
  token: number;
}

export interface PlanStore {
  /**
   * The newest plan that is known here, from memory; null when there is none, or none is known yet. The same object until
   * the plan changes. It outlives the connection: what was read last stays.
   */
  current(): AssignmentPlan | null;
  /** Resolves when it has been found out whether there is a plan, or the signal aborts. */
  known(signal: AbortSignal): Promise<void>;
  /**
   * Writes the next version under the tenure's token. `stale` when another leads, or has led later than the tenure; then nothing
   * was written. Rejects with a retriable CabooseError when the store cannot be reached: the plan may be written or not.
   */
  write(draft: PlanDraft, tenure: Tenure): Promise<AssignmentPlan | 'stale'>;
}

/** What a member brings to the sharing of partitions. */
export interface Sharing {
  member: GroupMember;
  /** Absent: there is no leader that plans. */
  plans?: PlanStore;
}

export function slotKey({ lane, partition }: Slot): string {
  return `${lane}/${partition}`;
}
