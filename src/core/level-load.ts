/**
 * Levels load over members by moving as few partitions as it can: from who takes which partition now, partitions that nobody
 * takes go to the least busy, the heaviest first; then, one at a time, a partition of the busiest member goes to where it makes the
 * busier of the two least busy, as long as that helps enough. How busy a member is, is its load over its weight.
 *
 * The lanes are levelled one after the other, the second on top of the first. A pure function, the same for any order of its input.
 */
import { slotKey } from './assignment-plan.ts';
import type { GroupMember, Slot } from './assignment-plan.ts';
import { lanes } from './segment.ts';

export interface SlotLoad extends Slot {
  load: number;
}

/** Who takes which partition: member ids by slot key. */
export type Owners = ReadonlyMap<string, string>;

export interface LevelOptions {
  members: readonly GroupMember[];
  loads: readonly SlotLoad[];
  /** Who takes a partition now; partitions of those who are no members count as free. */
  owners: Owners;
  /** Whether a partition that is taken may move to the member. Default: any to any. */
  mayMove?: (key: string, to: string) => boolean;
  /** A move must make the busier member less busy by this share of what all would have if all were even. Default 0. */
  gainMin?: number;
}

interface Worker {
  id: string;
  weight: number;
  load: number;
  /** Of the lane that is levelled. */
  taken: Load[];
}

interface Load {
  key: string;
  load: number;
}

/** Even a partition without load costs something, so that idle ones are spread, too. */
const loadMin = 1;
const epsilon = 1e-9;

export function levelLoad({
  members,
  loads,
  owners,
  mayMove = () => true,
  gainMin = 0,
}: LevelOptions): Map<string, string> {
  const workers = takersOf(members).map(workerOf);
  const result = new Map<string, string>();
  if (workers.length === 0) return result;
  const byId = new Map(workers.map((worker) => [worker.id, worker]));
  const gain = Math.max(epsilon, gainMin * evenRatio(workers, sumOf(loads)));
  for (const lane of lanes) {
    const slots = loads
      .filter((slot) => slot.lane === lane)
      .map((slot) => ({ key: slotKey(slot), load: costOf(slot) }))
      .sort(heaviestFirst);
    for (const worker of workers) worker.taken = [];
    const free = slots.filter((slot) => {
      const owner = byId.get(owners.get(slot.key) ?? '');
      if (owner) give(slot, owner);
      return !owner;
    });
    for (const slot of free) give(slot, leastBusyWith(workers, slot.load));
    for (const worker of workers) worker.taken.sort(heaviestFirst);
    // Each move makes a busier member less busy; the bound is for what rounding may do.
    for (let moves = 0; moves < workers.length * slots.length; moves += 1) {
      const move = bestMove(workers, { mayMove, gain });
      if (!move) break;
      const { slot, from, to } = move;
      from.load -= slot.load;
      from.taken.splice(from.taken.indexOf(slot), 1);
      give(slot, to);
      to.taken.sort(heaviestFirst);
    }
    for (const { id, taken } of workers) for (const { key } of taken) result.set(key, id);
  }
  return result;
}

function give(slot: Load, worker: Worker): void {
  worker.load += slot.load;
  worker.taken.push(slot);
}

/** Those that take partitions: who has a weight, or all alike when nobody has one. Ordered by id. */
export function takersOf(members: readonly GroupMember[]): GroupMember[] {
  const weighty = members.filter(({ weight }) => weight > 0);
  const takers = weighty.length > 0 ? weighty : members.map(({ id }) => ({ id, weight: 1 }));
  return takers.toSorted((a, b) => compareText(a.id, b.id));
}

/**
 * How busy the members are, busiest first: the records that each has to work off, as if all had the mean weight. `even` is what
 * each would have if all were even.
 */
export function busyness(
  members: readonly GroupMember[],
  loads: readonly SlotLoad[],
  owners: Owners,
): { each: number[]; even: number } {
  const workers = takersOf(members).map(workerOf);
  const byId = new Map(workers.map((worker) => [worker.id, worker]));
  for (const slot of loads) {
    const owner = byId.get(owners.get(slotKey(slot)) ?? '');
    if (owner) owner.load += costOf(slot);
  }
  const weights = workers.reduce((sum, { weight }) => sum + weight, 0);
  const meanWeight = weights / Math.max(1, workers.length);
  return {
    each: workers.map((worker) => ratioOf(worker) * meanWeight).sort((a, b) => b - a),
    even: evenRatio(workers, sumOf(loads)) * meanWeight,
  };
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function workerOf({ id, weight }: GroupMember): Worker {
  return { id, weight, load: 0, taken: [] };
}

function heaviestFirst(a: Load, b: Load): number {
  return b.load - a.load || compareText(a.key, b.key);
}

function ratioOf({ load, weight }: Worker): number {
  return load / weight;
}

function costOf({ load }: SlotLoad): number {
  return Math.max(loadMin, load);
}

function sumOf(loads: readonly SlotLoad[]): number {
  return loads.reduce((sum, slot) => sum + costOf(slot), 0);
}

function evenRatio(workers: readonly Worker[], load: number): number {
  const weights = workers.reduce((sum, worker) => sum + worker.weight, 0);
  return weights === 0 ? 0 : load / weights;
}

function leastBusyWith(workers: readonly Worker[], load: number): Worker {
  return workers.reduce((best, worker) => {
    const difference = (worker.load + load) / worker.weight - (best.load + load) / best.weight;
    // Of those that would be equally busy the one that has less to do now: there may be many idle partitions to come.
    return difference < -epsilon || (difference < epsilon && worker.load < best.load) ? worker : best;
  });
}

interface Move {
  slot: Load;
  from: Worker;
  to: Worker;
}

/** Of the busiest member that can be helped. */
function bestMove(
  workers: readonly Worker[],
  { mayMove, gain }: { mayMove: (key: string, to: string) => boolean; gain: number },
): Move | null {
  const busiestFirst = workers.toSorted((a, b) => ratioOf(b) - ratioOf(a) || compareText(a.id, b.id));
  for (const from of busiestFirst) {
    let best: Move | null = null;
    let bestAfter = ratioOf(from) - gain;
    for (const slot of from.taken) {
      const left = (from.load - slot.load) / from.weight;
      // Nor do the lighter ones that follow help more.
      if (left >= bestAfter) break;
      for (const to of workers) {
        const after = Math.max(left, (to.load + slot.load) / to.weight);
        if (after >= bestAfter || to === from || !mayMove(slot.key, to.id)) continue;
        bestAfter = after;
        best = { slot, from, to };
      }
    }
    if (best) return best;
  }
  return null;
}
