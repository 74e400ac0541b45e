import { describe, expect, it } from 'vitest';
import { lead } from '../../../src/commands/wiring/leading.ts';
import { readSegment } from '../../../src/commands/wiring/reading.ts';
import type { IncidentDocument } from '../../../src/core/incident.ts';
import type { Lease, Tenure } from '../../../src/core/lease.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { InProcessPlans } from '../../../src/lease/in-process-plans.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { FakeClock, settle } from '../../fakes/clock.ts';
import { FakeEventIndex } from '../../fakes/event-index.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';

const observed = Date.UTC(2026, 10, 23, 10);

class Bench {
  readonly clock: FakeClock;
  readonly index = new FakeEventIndex();
  readonly published: IncidentDocument[] = [];
  readonly told: string[] = [];
  trusted = true;
  readonly #stop = new AbortController();
  readonly #tenure = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(now = observed) {
    this.clock = new FakeClock(now);
  }

  async lead(token: number): Promise<void> {
    const tenure: Tenure = { token, isTrusted: () => this.trusted, signal: this.#tenure.signal };
    const lease: Lease = {
      async *tenures() {
        yield tenure;
      },
      status: () => ({ role: 'leader', token, connected: true }),
      plans: new InProcessPlans(),
    };
    this.#running = lead(
      {
        lease,
        index: this.index,
        incidents: { append: async (incidents) => void this.published.push(...incidents) },
        retention: { logsDays: 30, metricsDays: 365 },
        silentAfterMs: 60_000,
        timeZone: 'UTC',
        clock: this.clock,
        logger: { ...silentLogger, error: (_, message) => void this.told.push(message) },
        metrics: createMetrics(),
        turnIntervalMs: 1000,
      },
      this.#stop.signal,
    );
    await settle();
  }

  /** Takes in text of the run as an indexer would that is killed right after its commit. */
  async write(text: string, start: number, at: number): Promise<void> {
    const [held] = this.index.documents.values();
    const segment = segmentOf(text, { start, observed: at });
    const { document, closed } = readSegment(held ?? null, carried(segment), { timeZone: 'UTC', now: at });
    await this.index.write([
      ...closed.map((event) => ({ kind: 'event' as const, event })),
      { kind: 'stream', document },
    ]);
  }

  get incidents(): IncidentDocument[] {
    return [...this.index.verdicts.values()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tenure.abort();
    this.#stop.abort();
    await this.#running;
  }
}

describe('the leader', () => {
  it('writes that a run has gone silent, once, and resolves it when the run goes on', async () => {
    await using bench = new Bench();
    await bench.write('one\n', 0, observed);
    await bench.lead(7);
    await bench.clock.advance(59_000);
    expect(bench.incidents).toEqual([]);
    await bench.clock.advance(10_000);
    expect(bench.incidents).toMatchObject([{ class: 'silent', run: 'r', token: 7, resolved: null }]);
    expect(bench.published).toHaveLength(1);
    await bench.write('two\n', 4, bench.clock.now());
    await bench.clock.advance(2000);
    expect(bench.incidents).toMatchObject([{ class: 'silent', token: 7, resolved: observed + 69_000 }]);
  });

  it('resolves an incident of a run that went on and fell silent again before it was looked at', async () => {
    await using bench = new Bench();
    await bench.write('one\n', 0, observed);
    await bench.lead(7);
    await bench.clock.advance(70_000);
    await bench.write('two\n', 4, observed + 5000);
    await bench.clock.advance(2000);
    expect(bench.incidents).toMatchObject([{ resolved: observed + 5000 }, { token: 7, resolved: null }]);
  });

  it('does not tell again what an earlier leader has told', async () => {
    const bench = new Bench();
    await bench.write('one\n', 0, observed);
    await bench.lead(7);
    await bench.clock.advance(70_000);
    await bench[Symbol.asyncDispose]();
    await using next = new Bench(bench.clock.now());
    for (const [id, incident] of bench.index.verdicts) next.index.verdicts.set(id, incident);
    await next.write('one\n', 0, observed);
    await next.lead(8);
    await next.clock.advance(10_000);
    expect(next.published).toEqual([]);
  });

  it('stops acting when the index refuses its token', async () => {
    await using bench = new Bench();
    await bench.write('one\n', 0, observed);
    bench.index.writeIncident = () => Promise.resolve('stale');
    await bench.lead(5);
    await bench.clock.advance(300_000);
    expect(bench.told).toEqual(['a write was refused by its fencing token: this leader stops acting']);
    expect(bench.published).toEqual([]);
  });

  it('does nothing once its lease cannot be trusted', async () => {
    await using bench = new Bench();
    await bench.write('one\n', 0, observed);
    await bench.lead(5);
    bench.trusted = false;
    await bench.clock.advance(300_000);
    expect(bench.incidents).toEqual([]);
  });

  it('indexes the open event that a killed indexer has left', async () => {
    await using bench = new Bench();
    await bench.write('one\ntwo\n', 0, observed);
    expect([...bench.index.events.values()].map(({ message }) => message)).toEqual(['one']);
    await bench.lead(5);
    await bench.clock.advance(15_000);
    expect([...bench.index.events.values()].map(({ message }) => message)).toEqual(['one', 'two']);
  });

  it('says nothing of runs that ended long before it led', async () => {
    await using bench = new Bench();
    await bench.write('one\n', 0, observed - 30 * 86_400_000);
    await bench.lead(5);
    await bench.clock.advance(10_000);
    expect(bench.incidents).toEqual([]);
  });
});
