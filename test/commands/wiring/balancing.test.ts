import { afterEach, describe, expect, it } from 'vitest';
import { balance } from '../../../src/commands/wiring/balancing.ts';
import { CabooseError } from '../../../src/core/errors.ts';
import type { Tenure } from '../../../src/core/lease.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import type { GroupView } from '../../../src/core/transport.ts';
import { InProcessPlans } from '../../../src/lease/in-process-plans.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { FakeClock, settle } from '../../fakes/clock.ts';

const planIntervalMs = 300_000;
const turnMs = planIntervalMs / 10;

/** A group of one lane: member ids by partition, and the records that wait there. */
class Bench {
  readonly clock = new FakeClock();
  readonly plans = new InProcessPlans();
  readonly metrics = createMetrics();
  readonly told: { message: string; fields: object }[] = [];
  owners = '';
  waiting: number[] = [];
  /** Records that came so far. */
  ends: number[] = [];
  failure: Error | null = null;
  settled = true;
  isEachLeader = false;
  readonly #stop = new AbortController();
  readonly #tenure = new AbortController();
  #running: Promise<void> = Promise.resolve();

  lead(token = 1): void {
    const tenure: Tenure = { token, isTrusted: () => true, signal: this.#tenure.signal };
    const tell = (fields: object, message: string): void => void this.told.push({ message, fields });
    const { clock, plans, metrics, isEachLeader } = this;
    const logger = { ...silentLogger, info: tell, warn: tell };
    const group = async (): Promise<GroupView | null> => await this.#view();
    this.#running = balance(
      { group, plans, isEachLeader, planIntervalMs, clock, logger, metrics },
      tenure,
      this.#stop.signal,
    );
  }

  async turns(count: number): Promise<void> {
    for (let turn = 0; turn < count; turn += 1) {
      await this.clock.advance(turnMs);
      await settle();
    }
  }

  planned(): string | undefined {
    return this.plans
      .current()
      ?.slots.map(({ member }) => member)
      .join('');
  }

  async imbalance(): Promise<number | undefined> {
    return (await this.metrics.assignmentImbalance.get()).values[0]?.value;
  }

  async end(): Promise<void> {
    this.#tenure.abort();
    await this.#running;
  }

  async #view(): Promise<GroupView | null> {
    if (this.failure) throw this.failure;
    if (!this.settled) return await Promise.resolve(null);
    const ids = [...new Set(this.owners.split(''))].sort();
    return {
      members: ids.map((id) => ({
        id,
        weight: 1,
        slots: this.owners
          .split('')
          .flatMap((owner, partition) => (owner === id ? [{ lane: 'bulk' as const, partition }] : [])),
      })),
      partitions: this.waiting.map((records, partition) => ({
        lane: 'bulk',
        partition,
        records,
        end: this.ends[partition] ?? 0,
      })),
    };
  }
}

describe("the leader's plan", () => {
  let bench: Bench;
  const start = (owners: string, waiting: number[]): Bench => {
    bench = Object.assign(new Bench(), { owners, waiting });
    bench.lead();
    return bench;
  };
  afterEach(async () => await bench.end());

  it('is made when the imbalance is seen twice, and told in one line', async () => {
    start('aabb', [9000, 4000, 0, 0]);
    await bench.turns(2);
    expect(bench.plans.current()).toBeNull();
    expect(await bench.imbalance()).toBeCloseTo(2, 2);
    await bench.turns(1);
    expect(bench.planned()).toBe('abbb');
    expect(bench.told).toEqual([
      {
        message: 'a new assignment plan',
        fields: {
          version: 1,
          members: 2,
          partitions: 4,
          moved: 1,
          busiestRecords: 13_000,
          busiestRecordsPlanned: 9_000,
        },
      },
    ]);
  });

  it('comes at most once in its interval, whoever made the one before', async () => {
    start('aabb', [9000, 4000, 0, 0]);
    await bench.turns(3);
    Object.assign(bench, { owners: 'abbb', waiting: [0, 4000, 4000, 4000] });
    await bench.turns(9);
    expect(bench.plans.current()?.version).toBe(1);
    await bench.turns(1);
    expect(bench.plans.current()?.version).toBe(2);
  });

  it('is not made for an imbalance below 1,000 records, or below a fifth', async () => {
    start('aabb', [600, 390, 0, 0]);
    await bench.turns(5);
    Object.assign(bench, { waiting: [50_000, 10_000, 50_000, 0] });
    await bench.turns(5);
    expect(bench.plans.current()).toBeNull();
  });

  it('is not made for one that passes', async () => {
    start('aabb', [0, 0, 0, 0]);
    await bench.turns(2);
    for (let i = 0; i < 5; i += 1) {
      bench.waiting = [9000, 9000, 0, 0];
      await bench.turns(1);
      bench.waiting = [0, 0, 0, 0];
      await bench.turns(1);
    }
    expect(bench.plans.current()).toBeNull();
  });

  it('counts what comes in, also where nothing waits', async () => {
    start('aabb', [0, 0, 0, 0]);
    bench.ends = [0, 0, 0, 0];
    for (let i = 0; i < 4; i += 1) {
      bench.ends = bench.ends.map((end, partition) => end + (partition < 2 ? 2000 : 0));
      await bench.turns(1);
    }
    expect(bench.planned()).toMatch(/^(ab|ba)bb$/);
    expect(bench.plans.current()?.slots[0]?.load).toBe(4000);
  });

  it('waits while the group is not settled or cannot be asked', async () => {
    start('aabb', [9000, 4000, 0, 0]);
    await bench.turns(1);
    bench.failure = new CabooseError('KAFKA_UNAVAILABLE', 'away', { retriable: true });
    await bench.turns(2);
    Object.assign(bench, { failure: null, settled: false });
    await bench.turns(2);
    expect(bench.plans.current()).toBeNull();
    bench.settled = true;
    await bench.turns(2);
    expect(bench.plans.current()?.version).toBe(1);
  });

  it('tells once when there are several and each of them leads', async () => {
    bench = Object.assign(new Bench(), { owners: 'aaaa', waiting: [0, 0, 0, 0], isEachLeader: true });
    bench.lead();
    await bench.turns(2);
    expect(bench.told).toEqual([]);
    bench.owners = 'aabb';
    await bench.turns(3);
    expect(bench.told).toMatchObject([{ fields: { members: ['a', 'b'] } }]);
  });

  it('ends for a leader whose plan is refused', async () => {
    start('aabb', [9000, 4000, 0, 0]);
    const newer: Tenure = { token: 2, isTrusted: () => true, signal: new AbortController().signal };
    await bench.plans.write({ madeAt: 0, members: ['a', 'b'], slots: [] }, newer);
    await bench.turns(3);
    expect(bench.plans.current()).toMatchObject({ version: 1, token: 2 });
    expect(bench.told.map(({ message }) => message)).toEqual([
      'the assignment plan was refused: another leads by now',
    ]);
    expect(bench.clock.sleeping).toBe(0);
    expect(await bench.imbalance()).toBe(0);
  });
});
