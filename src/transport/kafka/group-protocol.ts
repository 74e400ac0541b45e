/**
 * What members of the group tell each other through Kafka: with every join its id, its weight and what it had, in the user data of its
 * metadata, as JSON (`{v, id, weight, since, owned: {lane: [partition]}}`).
 */
import { AssignerProtocol } from 'kafkajs';
import type { GroupMember as KafkaMember } from 'kafkajs';
import type { Slot } from '../../core/assignment-plan.ts';
import { compareText } from '../../core/level-load.ts';
import { lanes } from '../../core/segment.ts';
import type { Lane } from '../../core/segment.ts';
import type { SharingMember } from './share-out.ts';
import { segmentTopic } from './topics.ts';

/** The name under which the group agrees on this way of sharing; members without it make the group share by turns. */
export const protocolName = 'caboose-plan';

/** A member as the group knows it: Kafka's id of this session, and ours. */
export interface ProtocolMember extends SharingMember {
  memberId: string;
}

export function encodeMember({ id, weight, owned, since }: SharingMember, topics: readonly string[]): Buffer {
  const partitions = Object.fromEntries(
    lanes.map((lane) => [lane, owned.filter((slot) => slot.lane === lane).map(({ partition }) => partition)]),
  );
  return AssignerProtocol.MemberMetadata.encode({
    version: 0,
    topics: [...topics],
    userData: Buffer.from(JSON.stringify({ v: 1, id, weight, since, owned: partitions })),
  });
}

/**
 * One whose data cannot be read counts as one of weight 1 under Kafka's id. Two that give the same id (a process that was killed
 * and its successor) are told apart, by Kafka's id.
 */
export function decodeMembers(members: readonly KafkaMember[]): ProtocolMember[] {
  const seen = new Set<string>();
  return members
    .toSorted((a, b) => compareText(a.memberId, b.memberId))
    .map(({ memberId, memberMetadata }) => {
      const member = decodeMember(memberMetadata) ?? { id: memberId, weight: 1, owned: [], since: 0 };
      const id = seen.has(member.id) ? `${member.id} ${memberId}` : member.id;
      seen.add(id);
      return { ...member, id, memberId };
    });
}

export function encodeAssignment(prefix: string, slots: readonly Slot[]): Buffer {
  const assignment: Record<string, number[]> = {};
  for (const { lane, partition } of slots) (assignment[segmentTopic(prefix, lane)] ??= []).push(partition);
  return AssignerProtocol.MemberAssignment.encode({ version: 0, assignment, userData: Buffer.alloc(0) });
}

export function decodeAssignment(prefix: string, bytes: Buffer): Slot[] {
  return slotsOf(prefix, AssignerProtocol.MemberAssignment.decode(bytes)?.assignment ?? {});
}

export function slotsOf(prefix: string, assignment: Readonly<Record<string, readonly number[]>>): Slot[] {
  return lanes.flatMap((lane) =>
    (assignment[segmentTopic(prefix, lane)] ?? []).map((partition) => ({ lane, partition })),
  );
}

function decodeMember(metadata: Buffer): SharingMember | null {
  try {
    const userData = AssignerProtocol.MemberMetadata.decode(metadata)?.userData.toString('utf8') ?? '';
    const { v, id, weight, since, owned } = JSON.parse(userData) as Record<string, unknown>;
    if (v !== 1 || typeof id !== 'string' || !isAmount(weight) || !isAmount(since)) return null;
    return { id, weight, since, owned: lanes.flatMap((lane) => ownedOf(owned, lane)) };
  } catch (error) {
    if (error instanceof Error) return null;
    throw error;
  }
}

function ownedOf(owned: unknown, lane: Lane): Slot[] {
  const list: unknown =
    typeof owned === 'object' && owned !== null ? (owned as Record<string, unknown>)[lane] : null;
  if (!Array.isArray(list)) return [];
  return list.filter(isAmount).map((partition) => ({ lane, partition }));
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}
