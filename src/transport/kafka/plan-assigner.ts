/**
 * How this member takes part in the sharing of partitions. Kafka makes one member of the group its leader (not the leader by lease, as
 * a rule), and that one shares out for all: by the newest plan that it knows, as share-out.ts says.
 *
 *     not the group's leader ◀──joined──▶ has shared out, by plan N ──the store knows plan M, and it makes a difference──▶ outdated
 *
 * An outdated group leader joins anew: Kafka lets all members join anew for it, and only for it. So a new plan costs one rebalance.
 *
 * Members of an earlier version know only kafkajs's own way. It is offered second, and as long as one of them is there the group
 * uses it.
 */
import { PartitionAssigners } from 'kafkajs';
import type { Assigner, PartitionAssigner } from 'kafkajs';
import { slotKey } from '../../core/assignment-plan.ts';
import type { AssignmentPlan, Sharing, Slot } from '../../core/assignment-plan.ts';
import type { Clock } from '../../core/clock.ts';
import { lanes } from '../../core/segment.ts';
import { decodeMembers, encodeAssignment, encodeMember, protocolName, slotsOf } from './group-protocol.ts';
import type { ProtocolMember } from './group-protocol.ts';
import { shareOut } from './share-out.ts';
import { segmentTopic } from './topics.ts';

export interface PlanAssignerOptions {
  sharing: Sharing;
  topicPrefix: string;
  clock: Clock;
}

/** A group that begins waits so long for ZooKeeper to say whether there is a plan. */
const planWaitMs = 1_000;

interface SharedOut {
  members: readonly ProtocolMember[];
  slots: readonly Slot[];
  plan: AssignmentPlan | null;
  owners: ReadonlyMap<string, string>;
}

export class PlanAssigner {
  readonly #options: PlanAssignerOptions;
  #owned: readonly Slot[] = [];
  #since = 0;
  /** What this member has shared out as the group's leader; null when another one has. */
  #last: SharedOut | null = null;

  constructor(options: PlanAssignerOptions) {
    this.#options = options;
  }

  /** For a consumer of kafkajs. Of those that all members offer, the group takes the first. */
  assigners(): PartitionAssigner[] {
    return [
      ({ cluster }) => this.#assigner((topic) => cluster.findTopicPartitionMetadata(topic)),
      PartitionAssigners.roundRobin,
    ];
  }

  /** Told of every join, with what this member was given. */
  joined(assignment: Readonly<Record<string, readonly number[]>>, isLeader: boolean, protocol: string): void {
    const { topicPrefix, clock } = this.#options;
    const owned = slotsOf(topicPrefix, assignment);
    if (keysOf(owned) !== keysOf(this.#owned)) this.#since = clock.now();
    this.#owned = owned;
    if (!isLeader || protocol !== protocolName) this.#last = null;
  }

  /** Whether the group would share out otherwise if it joined anew: asked with every heartbeat. */
  isOutdated(): boolean {
    const plan = this.#plan();
    if (this.#last === null || this.#last.plan === plan) return false;
    const { members, slots, owners } = this.#last;
    const now = shareOut(holding(members, slots, owners), slots, plan);
    if (slots.some((slot) => now.get(slotKey(slot)) !== owners.get(slotKey(slot)))) return true;
    this.#last = { ...this.#last, plan };
    return false;
  }

  #assigner(partitionsOf: (topic: string) => readonly { partitionId: number }[]): Assigner {
    const { topicPrefix, sharing } = this.#options;
    return {
      name: protocolName,
      version: 0,
      protocol: ({ topics }) => ({
        name: protocolName,
        metadata: encodeMember({ ...sharing.member, owned: this.#owned, since: this.#since }, topics),
      }),
      assign: async ({ members: joined }) => {
        await this.#knowPlan();
        const members = decodeMembers(joined);
        const slots = lanes.flatMap((lane) =>
          partitionsOf(segmentTopic(topicPrefix, lane)).map(({ partitionId }) => ({
            lane,
            partition: partitionId,
          })),
        );
        const plan = this.#plan();
        const owners = shareOut(members, slots, plan);
        this.#last = { members, slots, plan, owners };
        return holding(members, slots, owners).map(({ memberId, owned }) => ({
          memberId,
          memberAssignment: encodeAssignment(topicPrefix, owned),
        }));
      },
    };
  }

  #plan(): AssignmentPlan | null {
    return this.#options.sharing.plans?.current() ?? null;
  }

  /** Never for long: without ZooKeeper the group shares by weight. */
  async #knowPlan(): Promise<void> {
    const { sharing, clock } = this.#options;
    const enough = new AbortController();
    const known = sharing.plans?.known(enough.signal).finally(() => enough.abort());
    if (known) await clock.sleep(planWaitMs, enough.signal);
    enough.abort();
    await known;
  }
}

/** The members, each with what it was given. */
function holding(
  members: readonly ProtocolMember[],
  slots: readonly Slot[],
  owners: ReadonlyMap<string, string>,
): ProtocolMember[] {
  return members.map((member) => ({
    ...member,
    owned: slots.filter((slot) => owners.get(slotKey(slot)) === member.id),
  }));
}

function keysOf(slots: readonly Slot[]): string {
  return slots.map(slotKey).sort().join(' ');
}
