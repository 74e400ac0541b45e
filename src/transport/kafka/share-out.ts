/**
 * Who takes which partition when the group shares them out anew. Pure functions of the members, the partitions and the plan:
 *
 * - By plan: each partition goes to the member that the plan names. Partitions of members that are gone stay with whoever took them
 *   over, else they are spread by weight and by the load that the plan knows. A member that the plan does not know gets its fair
 *   share by weight.
 * - By rule, without a plan, or when none of its members is there any more: in each lane as many as is the member's share by weight.
 *
 * Either way what need not move does not move. A member without weight takes nothing while another has some.
 */
import { slotKey } from '../../core/assignment-plan.ts';
import type { AssignmentPlan, GroupMember, Slot } from '../../core/assignment-plan.ts';
import { compareText, levelLoad, takersOf } from '../../core/level-load.ts';
import { lanes } from '../../core/segment.ts';

export interface SharingMember extends GroupMember {
  /** What it had when it joined. */
  owned: readonly Slot[];
  /** ms since epoch: since when it has had that. Of two that name the same partition the later one has it. */
  since: number;
}

/** Member ids by slot key: every partition once. Empty without a member. */
export function shareOut(
  members: readonly SharingMember[],
  slots: readonly Slot[],
  plan: AssignmentPlan | null,
): Map<string, string> {
  const known = new Set(plan?.members);
  const isPlanned = takersOf(members).some(({ id }) => known.has(id));
  return plan && isPlanned ? byPlan(members, slots, plan) : byRule(members, slots);
}

function byPlan(
  members: readonly SharingMember[],
  slots: readonly Slot[],
  plan: AssignmentPlan,
): Map<string, string> {
  const present = new Set(takersOf(members).map(({ id }) => id));
  const known = new Set(plan.members);
  const isNew = (id: string): boolean => present.has(id) && !known.has(id);
  const planned = new Map(plan.slots.map((slot) => [slotKey(slot), slot]));
  const meanLoad = plan.slots.reduce((sum, { load }) => sum + load, 0) / Math.max(1, plan.slots.length);
  const loads = slots.map((slot) => ({ ...slot, load: planned.get(slotKey(slot))?.load ?? meanLoad }));
  const held = ownersOf(members);
  const owners = new Map<string, string>();
  for (const key of slots.map(slotKey)) {
    const holder = held.get(key);
    const named = planned.get(key)?.member;
    const owner =
      holder !== undefined && isNew(holder) ? holder : [named, holder].find((id) => present.has(id ?? ''));
    if (owner !== undefined) owners.set(key, owner);
  }
  // What the plan says is changed for those alone whom it does not know: they take their share, and give back what is more.
  const mayMove = (key: string, to: string): boolean => isNew(to) || planned.get(key)?.member === to;
  return levelLoad({ members, loads, owners, mayMove });
}

function byRule(members: readonly SharingMember[], slots: readonly Slot[]): Map<string, string> {
  const result = new Map<string, string>();
  const takers = takersOf(members);
  const held = ownersOf(members);
  /** How many partitions each is short of its exact share, over the lanes so far. */
  const short = new Map<string, number>();
  for (const lane of lanes) {
    const ofLane = slots.filter((slot) => slot.lane === lane).sort((a, b) => a.partition - b.partition);
    fill(ofLane, held, roomsOf(takers, ofLane, held, short), result);
  }
  return result;
}

/** How many partitions of the lane each takes: what is whole of its share; then whoever is shortest gets one more. */
function roomsOf(
  takers: readonly GroupMember[],
  slots: readonly Slot[],
  held: ReadonlyMap<string, string>,
  short: Map<string, number>,
): Map<string, number> {
  const weights = takers.reduce((sum, { weight }) => sum + weight, 0);
  const shares = takers.map(({ id, weight }) => {
    const exact = (slots.length * weight) / weights;
    const whole = Math.floor(exact + 1e-9);
    const holds = slots.filter((slot) => held.get(slotKey(slot)) === id).length;
    return { id, whole, short: (short.get(id) ?? 0) + exact - whole, beyond: holds - whole };
  });
  const left = slots.length - shares.reduce((sum, { whole }) => sum + whole, 0);
  // Among equals, who would otherwise have to give one away.
  shares.sort(
    (a, b) => Math.round((b.short - a.short) * 1e6) || b.beyond - a.beyond || compareText(a.id, b.id),
  );
  const rooms = new Map<string, number>();
  for (const [rank, share] of shares.entries()) {
    const extra = rank < left ? 1 : 0;
    rooms.set(share.id, share.whole + extra);
    short.set(share.id, share.short - extra);
  }
  return rooms;
}

/** Everyone keeps what it has while there is room; then what is left goes round. */
function fill(
  slots: readonly Slot[],
  held: ReadonlyMap<string, string>,
  room: Map<string, number>,
  result: Map<string, string>,
): void {
  const give = (slot: Slot, id: string): void => {
    room.set(id, (room.get(id) ?? 0) - 1);
    result.set(slotKey(slot), id);
  };
  const free = slots.filter((slot) => {
    const owner = held.get(slotKey(slot));
    if (owner === undefined || (room.get(owner) ?? 0) <= 0) return true;
    give(slot, owner);
    return false;
  });
  for (const slot of free) {
    const [next] = [...room].sort(([a, x], [b, y]) => y - x || compareText(a, b));
    if (next) give(slot, next[0]);
  }
}

/** Who has which partition: of two that name the same, the one that has had it since later. */
function ownersOf(members: readonly SharingMember[]): Map<string, string> {
  const owners = new Map<string, string>();
  const oldestFirst = members.toSorted((a, b) => a.since - b.since || compareText(b.id, a.id));
  for (const { id, owned } of oldestFirst) for (const slot of owned) owners.set(slotKey(slot), id);
  return owners;
}
