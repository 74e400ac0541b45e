/**
 * The plan as the bytes of its node: JSON that a person can read with zkCli, and that fits a node with 20,000 partitions. Slots are
 * `[partition, number of the member, load]` by lane.
 */
import type { AssignmentPlan, PlannedSlot } from '../../core/assignment-plan.ts';
import { CabooseError, errorText } from '../../core/errors.ts';
import { lanes } from '../../core/segment.ts';

/** ZooKeeper takes 1 MiB a node, path and rights included. */
const planBytesMax = 1_000_000;

/** Throws PLAN_TOO_LARGE. */
export function encodePlan({ version, token, madeAt, members, slots }: AssignmentPlan): Buffer {
  const ofLane = (lane: string): number[][] =>
    slots
      .filter((slot) => slot.lane === lane)
      .map(({ partition, member, load }) => [partition, members.indexOf(member), Math.round(load)]);
  const lanesOf = Object.fromEntries(lanes.map((lane) => [lane, ofLane(lane)]));
  const bytes = Buffer.from(JSON.stringify({ v: 1, version, token, madeAt, members, ...lanesOf }));
  if (bytes.length <= planBytesMax) return bytes;
  throw new CabooseError('PLAN_TOO_LARGE', `the assignment plan has ${bytes.length} bytes`, {
    hint: 'ZooKeeper takes no more than 1 MiB: partitions are shared by weight alone, or give the topics fewer',
  });
}

/** Throws PLAN_UNREADABLE. */
export function decodePlan(bytes: Buffer): AssignmentPlan {
  try {
    return readPlan(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw new CabooseError('PLAN_UNREADABLE', `the assignment plan cannot be read: ${errorText(error)}`, {
      hint: 'somebody else has written to the node, or a newer Caboose; the next plan replaces it',
    });
  }
}

function readPlan(json: unknown): AssignmentPlan {
  if (typeof json !== 'object' || json === null) throw new Error('no object');
  const { v, version, token, madeAt, members, ...lists } = json as Record<string, unknown>;
  if (v !== 1) throw new Error(`format ${String(v)}`);
  if (!isCount(version) || !isCount(token) || !isCount(madeAt)) throw new Error('no version, token or time');
  if (!Array.isArray(members) || !members.every((id) => typeof id === 'string'))
    throw new Error('no members');
  const slots = lanes.flatMap((lane) => {
    const list = lists[lane];
    if (!Array.isArray(list)) throw new Error(`no list of the lane ${lane}`);
    return list.map((entry: unknown) => ({ lane, ...readSlot(entry, members) }));
  });
  return { version, token, madeAt, members, slots };
}

function readSlot(entry: unknown, members: readonly string[]): Omit<PlannedSlot, 'lane'> {
  if (!Array.isArray(entry) || !entry.every(isCount)) throw new Error('a partition is no three numbers');
  const [partition, number = -1, load] = entry;
  const member = members[number];
  if (partition === undefined || member === undefined || load === undefined)
    throw new Error('a partition has no member');
  return { partition, member, load };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
