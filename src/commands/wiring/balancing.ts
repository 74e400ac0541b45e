import { slotKey } from '../../core/assignment-plan.ts';
import type { PlanStore } from '../../core/assignment-plan.ts';
import type { Clock } from '../../core/clock.ts';
import { CabooseError, errorText } from '../../core/errors.ts';
import type { Tenure } from '../../core/lease.ts';
import { busyness, levelLoad } from '../../core/level-load.ts';
import type { Owners, SlotLoad } from '../../core/level-load.ts';
import type { Logger } from '../../core/logger.ts';
import type { GroupView, Subscriber } from '../../core/transport.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

/**
 * The leader's plan: which indexer takes which partition. Ten times in `planIntervalMs` it measures each partition's load, the records
 * that wait and those that came in the last minute, and asks who has what now.
 *
 *     measuring ──worth a rebalance──▶ again? ──still worth it, and the last plan is old enough──▶ plan written ──▶ measuring
 *
 * A new plan makes every member pause for about a second, so it must be worth it: at some rank of the members, ordered from the
 * busiest down, the levelled load is lower by a fifth and by 1,000 records; twice in a row; and `planIntervalMs` after the plan before.
 *
 * Failure rule: a measurement that fails is left out; the plan that is there stays valid, whoever leads.
 */
export interface BalancingOptions {
  group: NonNullable<Subscriber['group']>;
  plans: PlanStore;
  /** Whether every member of the group believes that it leads (lease.inProcess): then there should be one. */
  isEachLeader: boolean;
  /** Least time between two plans. */
  planIntervalMs: number;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
}

const measurementsPerInterval = 10;
const worthShare = 0.2;
const worthRecords = 1_000;
/** A move that helps by less than this share of an even load is not worth an entry in the plan. */
const moveGainMin = 0.02;
const minuteMs = 60_000;

/** Plans for a tenure, until it ends or the signal aborts. */
export async function balance(options: BalancingOptions, tenure: Tenure, signal: AbortSignal): Promise<void> {
  const { clock, metrics, planIntervalMs } = options;
  const balancing = new Balancing(options, tenure);
  const over = AbortSignal.any([signal, tenure.signal]);
  try {
    for (;;) {
      await clock.sleep(planIntervalMs / measurementsPerInterval, over);
      if (over.aborted || !tenure.isTrusted()) return;
      try {
        if ((await balancing.turn()) === 'stale') return;
      } catch (error) {
        balancing.tell(error);
      }
    }
  } finally {
    metrics.assignmentImbalance.set(0);
  }
}

class Balancing {
  readonly #options: BalancingOptions;
  readonly #tenure: Tenure;
  #before: { at: number; ends: ReadonlyMap<string, number> } | null = null;
  /** Measurements in a row that were worth a plan. */
  #worth = 0;
  #told: string | null = null;
  #toldOfOthers = false;

  constructor(options: BalancingOptions, tenure: Tenure) {
    this.#options = options;
    this.#tenure = tenure;
  }

  async turn(): Promise<'stale' | 'done'> {
    const { group, metrics } = this.#options;
    const view = await group();
    if (view) this.#tellOfOthers(view);
    const loads = view && this.#measure(view);
    if (!view || !loads) return 'done';
    const owners = new Map(
      view.members.flatMap(({ id, slots }) => slots.map((slot) => [slotKey(slot), id] as const)),
    );
    const now = busyness(view.members, loads, owners);
    metrics.assignmentImbalance.set(now.even === 0 ? 1 : (now.each[0] ?? 0) / now.even);
    const levelled = levelLoad({ members: view.members, loads, owners, gainMin: moveGainMin });
    const planned = busyness(view.members, loads, levelled);
    this.#worth = isWorth(now.each, planned.each) ? this.#worth + 1 : 0;
    if (this.#worth < 2 || !this.#isDue()) return 'done';
    this.#worth = 0;
    return await this.#write(view, loads, { owners, levelled, busy: [now.each[0], planned.each[0]] });
  }

  /** An outage is told by others; what waiting cannot mend, once for each reason. */
  tell(error: unknown): void {
    const { logger } = this.#options;
    const reason = errorText(error);
    const needsHelp = error instanceof CabooseError && !error.retriable;
    if (!needsHelp || reason === this.#told)
      return logger.debug({ reason }, 'the group could not be measured');
    this.#told = reason;
    logger.warn({ reason, hint: error.hint }, 'no assignment plan can be made: partitions stay as they are');
  }

  #tellOfOthers({ members }: GroupView): void {
    if (!this.#options.isEachLeader || this.#toldOfOthers || members.length < 2) return;
    this.#toldOfOthers = true;
    this.#options.logger.warn(
      {
        members: members.map(({ id }) => id),
        hint: 'incidents and retention are done by each of them: give all of them lease.zookeeper',
      },
      'other indexers share the group, and with lease.inProcess each of them leads',
    );
  }

  /** Null at the first look: the second one knows what comes in. */
  #measure({ partitions }: GroupView): SlotLoad[] | null {
    const at = this.#options.clock.monotonic();
    const before = this.#before;
    this.#before = { at, ends: new Map(partitions.map((each) => [slotKey(each), each.end])) };
    if (!before || at <= before.at) return null;
    const perMinute = minuteMs / (at - before.at);
    return partitions.map((each) => {
      const arrived = Math.max(0, each.end - (before.ends.get(slotKey(each)) ?? each.end));
      return { lane: each.lane, partition: each.partition, load: each.records + arrived * perMinute };
    });
  }

  #isDue(): boolean {
    const { plans, clock, planIntervalMs } = this.#options;
    const plan = plans.current();
    // By wall clocks of two machines, perhaps: one that is far off holds nothing up for longer.
    return plan === null || Math.abs(clock.now() - plan.madeAt) >= planIntervalMs;
  }

  async #write(
    view: GroupView,
    loads: readonly SlotLoad[],
    found: { owners: Owners; levelled: Owners; busy: readonly (number | undefined)[] },
  ): Promise<'stale' | 'done'> {
    const { plans, clock, logger } = this.#options;
    const { owners, levelled } = found;
    const [busiest = 0, busiestPlanned = 0] = found.busy;
    const slots = loads.flatMap((slot) => {
      const member = levelled.get(slotKey(slot));
      return member === undefined ? [] : [{ ...slot, load: Math.round(slot.load), member }];
    });
    const draft = { madeAt: clock.now(), members: view.members.map(({ id }) => id), slots };
    const plan = await plans.write(draft, this.#tenure);
    if (plan === 'stale') {
      logger.warn({ token: this.#tenure.token }, 'the assignment plan was refused: another leads by now');
      return 'stale';
    }
    const moved = slots.filter((slot) => owners.get(slotKey(slot)) !== slot.member).length;
    logger.info(
      {
        version: plan.version,
        members: plan.members.length,
        partitions: slots.length,
        moved,
        busiestRecords: Math.round(busiest),
        busiestRecordsPlanned: Math.round(busiestPlanned),
      },
      'a new assignment plan',
    );
    return 'done';
  }
}

/** Both busiest first, of the same members. */
function isWorth(now: readonly number[], planned: readonly number[]): boolean {
  return now.some((records, rank) => {
    const gain = records - (planned[rank] ?? 0);
    return gain >= worthRecords && gain >= worthShare * records;
  });
}
