import { describe, expect, it } from 'vitest';
import { lead } from '../../../src/commands/wiring/leading.ts';
import type { LeadingOptions } from '../../../src/commands/wiring/leading.ts';
import { readSegment } from '../../../src/commands/wiring/reading.ts';
import type { IncidentDocument } from '../../../src/core/incident.ts';
import type { Lease, Tenure } from '../../../src/core/lease.ts';
import type { Fact } from '../../../src/core/fact.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { InProcessPlans } from '../../../src/lease/in-process-plans.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { FakeClock, settle, until } from '../../fakes/clock.ts';
import { FakeEventIndex } from '../../fakes/event-index.ts';
import { FakeFactLog } from '../../fakes/fact-log.ts';
import { carried, segmentOf } from '../../fakes/segments.ts';
import { webhookService } from '../../scenario/webhook-service.ts';
import { LiveRun, outOfMemory, step, timedOut, uncaught } from '../../train/live/live-run.ts';

const observed = Date.UTC(2026, 10, 23, 10);

class Bench {
  readonly clock: FakeClock;
  readonly index = new FakeEventIndex();
  readonly published: IncidentDocument[] = [];
  readonly told: string[] = [];
  silentAfterMs = 60_000;
  readonly facts = new FakeFactLog();
  readonly metrics = createMetrics();
  webhook: LeadingOptions['webhook'] = null;
  ownReaders: NonNullable<LeadingOptions['ownReaders']> = [];
  excuse: string | null = null;
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
        facts: this.facts,
        incidents: { append: async (incidents) => void this.published.push(...incidents) },
        incidentRules: { settleMs: 10_000, endedAfterMs: 86_400_000, runsMax: 100 },
        webhook: this.webhook,
        excuse: () => this.excuse,
        retention: { logsDays: 30, metricsDays: 365 },
        silentAfterMs: this.silentAfterMs,
        timeZone: 'UTC',
        ownReaders: this.ownReaders,
        clock: this.clock,
        logger: { ...silentLogger, error: (_, message) => void this.told.push(message) },
        metrics: this.metrics,
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

  async series(): Promise<unknown[]> {
    return (await this.metrics.incidentActive.get()).values.map(({ labels }) => labels);
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
    // Only taken over: under the new token nobody else may write it any more.
    const [before] = bench.incidents;
    expect(next.published).toEqual([{ ...before, token: 8 }]);
    expect(next.incidents).toEqual(next.published);
  });

  it('resolves the silence of a run that has ended, also of one of which nothing is held any more', async () => {
    await using bench = new Bench();
    await bench.write('one\n', 0, observed);
    await bench.lead(7);
    await bench.clock.advance(70_000);
    const [silence] = bench.incidents;
    expect(silence).toMatchObject({ class: 'silent', resolved: null });
    bench.clock.leap(86_400_000);
    await bench.clock.advance(5_000);
    expect(bench.incidents).toMatchObject([{ class: 'silent', resolution: 'ended' }]);
    const told = bench.published.length;
    await bench.clock.advance(60_000);
    expect(bench.published).toHaveLength(told);

    await using next = new Bench(bench.clock.now());
    if (silence) next.index.verdicts.set(silence.id, silence);
    await next.lead(8);
    next.clock.leap(86_400_000);
    await next.clock.advance(5_000);
    expect(next.incidents).toMatchObject([{ class: 'silent', resolution: 'ended' }]);
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

  it('reads what is left open once, and writes it once', async () => {
    await using bench = new Bench();
    const read: string[] = [];
    const matches = ({ event }: { event: { message: string } }) => read.push(event.message) === 0;
    bench.ownReaders = [{ format: 'counting', matches, read: () => null }];
    await bench.write('one\ntwo\n', 0, observed);
    const written = bench.index.written.length;
    await bench.lead(5);
    await bench.clock.advance(40_000);
    expect(read).toEqual(['two']);
    expect(bench.index.written.length - written).toBe(1);
  });

  it('says nothing of runs that ended long before it led', async () => {
    await using bench = new Bench();
    await bench.write('one\n', 0, observed - 30 * 86_400_000);
    await bench.lead(5);
    await bench.clock.advance(10_000);
    expect(bench.incidents).toEqual([]);
  });
});

function hookOf({ url }: { url: string }): NonNullable<LeadingOptions['webhook']> {
  return { url, headers: {}, warnings: false, timeoutMs: 5_000, attemptsMax: 10 };
}

/** Four ranks that train, of which the last one runs out of memory. */
function failing(bench: Bench): LiveRun {
  const live = new LiveRun({}, bench.clock);
  for (const rank of [0, 1, 2, 3]) live.write(step(1) + step(2), { rank, final: true });
  live.write(uncaught(outOfMemory), { rank: 3, final: true });
  return live;
}

/** As another leader finds things. */
function successor(bench: Bench): Bench {
  const next = new Bench(bench.clock.now());
  for (const [id, incident] of bench.index.verdicts) next.index.verdicts.set(id, incident);
  next.facts.facts.push(...bench.facts.facts);
  return next;
}

describe('the leader of a run that fails', () => {
  it('writes one incident, in the index and in the log, with a series as long as it is open', async () => {
    await using bench = new Bench();
    await bench.facts.append(failing(bench).facts);
    await bench.lead(7);
    await bench.clock.advance(15_000);
    expect(bench.incidents).toMatchObject([
      { class: 'cuda-oom', rank: 3, role: 'root', token: 7, resolved: null, evidence: [{ rank: 3 }] },
    ]);
    expect(bench.published).toEqual(bench.incidents);
    expect(await bench.series()).toEqual([
      { run: 'r', attempt: '0', rank: '3', class: 'cuda-oom', role: 'root' },
    ]);
    const live = new LiveRun({}, bench.clock);
    for (const rank of [0, 1, 2, 3]) live.write(step(3) + step(4), { rank, attempt: 1, final: true });
    await bench.facts.append(live.facts);
    await bench.clock.advance(5_000);
    expect(bench.incidents).toMatchObject([{ resolution: 'restarted' }]);
    expect(await bench.series()).toEqual([]);
  });

  it('tells the webhook once, whoever leads, and the resolution behind it', async () => {
    await using hook = await webhookService();
    const bench = new Bench();
    bench.webhook = hookOf(hook);
    await bench.facts.append(failing(bench).facts);
    await bench.lead(7);
    await bench.clock.advance(15_000);
    await until(() => bench.incidents[0]?.told?.length === 1, 'it is noted that it was told');
    await bench[Symbol.asyncDispose]();
    await using next = successor(bench);
    next.webhook = hookOf(hook);
    await next.lead(8);
    await next.clock.advance(30_000);
    const live = new LiveRun({}, next.clock);
    for (const rank of [0, 1]) live.write(timedOut(rank), { rank, final: true });
    await next.facts.append(live.facts);
    await next.clock.advance(30_000);
    const [incident] = next.incidents;
    expect(next.incidents).toMatchObject([{ class: 'cuda-oom', token: 8, told: ['opened'] }]);
    expect(incident?.echo).toMatchObject([{ class: 'collective-timeout', ranks: [0, 1] }]);
    expect(hook.news).toMatchObject([
      { key: `${incident?.id}:opened`, state: 'opened', incident: { class: 'cuda-oom', rank: 3 } },
    ]);
    live.write(step(3) + step(4), { rank: 0, attempt: 1, final: true });
    await next.facts.append(live.facts);
    await next.clock.advance(5_000);
    await until(() => hook.news.length === 2, 'the resolution is told');
    expect(hook.news[1]).toMatchObject({ key: `${incident?.id}:resolved`, state: 'resolved' });
  });

  it('tells what the one before had no time to tell, and is held up by no webhook', async () => {
    await using hook = await webhookService();
    hook.status = 503;
    const bench = new Bench();
    bench.webhook = hookOf(hook);
    await bench.facts.append(failing(bench).facts);
    await bench.lead(7);
    await bench.clock.advance(15_000);
    const other = new LiveRun({}, bench.clock);
    other.write(step(1) + step(2) + uncaught(outOfMemory), { run: 'other', final: true });
    await bench.facts.append(other.facts);
    await bench.clock.advance(15_000);
    expect(bench.incidents.map(({ run }) => run).sort()).toEqual(['other', 'r']);
    await bench[Symbol.asyncDispose]();
    expect(hook.news).toEqual([]);
    hook.status = 200;
    await using next = successor(bench);
    next.webhook = hookOf(hook);
    await next.lead(8);
    await until(() => hook.news.length === 2, 'both are told');
    await next.clock.advance(30_000);
    expect(hook.news).toHaveLength(2);
  });

  it('tells the webhook of warnings only where that is asked for', async () => {
    await using hook = await webhookService();
    for (const warnings of [false, true]) {
      await using bench = new Bench();
      bench.webhook = { ...hookOf(hook), warnings };
      await bench.write('one\n', 0, observed);
      await bench.lead(7);
      await bench.clock.advance(70_000);
      expect(bench.incidents).toMatchObject([{ class: 'silent', role: 'warning' }]);
      if (warnings) await until(() => hook.news.length > 0, 'the warning is told');
    }
    expect(hook.news).toMatchObject([{ state: 'opened', incident: { class: 'silent' } }]);
  });

  it('says nothing, to nobody, once its lease cannot be trusted', async () => {
    await using hook = await webhookService();
    await using bench = new Bench();
    bench.webhook = hookOf(hook);
    await bench.facts.append(failing(bench).facts);
    await bench.lead(7);
    await bench.clock.advance(5_000);
    bench.trusted = false;
    await bench.clock.advance(60_000);
    expect(bench.incidents).toEqual([]);
    expect(hook.news).toEqual([]);
  });

  it('finds nothing while a server is away, and reads on when the log of facts broke', async () => {
    await using bench = new Bench();
    bench.excuse = 'kafka is away';
    bench.facts.failure = new Error('the connection broke');
    await bench.facts.append(failing(bench).facts);
    await bench.lead(7);
    await bench.clock.advance(120_000);
    expect(bench.incidents).toEqual([]);
    bench.excuse = null;
    await bench.clock.advance(5_000);
    expect(bench.incidents).toEqual([]);
    await bench.clock.advance(15_000);
    expect(bench.incidents).toMatchObject([{ class: 'cuda-oom', rank: 3 }]);
  });

  it('writes an incident that the index could not take, and one only', async () => {
    await using bench = new Bench();
    await bench.facts.append(failing(bench).facts);
    const { index } = bench;
    const write = index.writeIncident.bind(index);
    index.writeIncident = () => Promise.reject(new Error('the index is away'));
    await bench.lead(7);
    await bench.clock.advance(30_000);
    expect(bench.published).toEqual([]);
    index.writeIncident = write;
    await bench.clock.advance(5_000);
    expect(bench.published).toMatchObject([{ class: 'cuda-oom' }]);
  });

  it('is told of by the facts of an open event that a killed indexer has left', async () => {
    await using bench = new Bench();
    await bench.write(step(1) + step(2) + uncaught(outOfMemory), 0, observed);
    await bench.lead(7);
    await bench.clock.advance(60_000);
    expect(bench.incidents).toMatchObject([{ class: 'cuda-oom', resolved: null }]);
    const open = bench.facts.facts.filter((fact) => fact.openAt !== undefined && fact.kind === 'observation');
    expect(open).toHaveLength(1);
  });

  it('is a hang, and not a silent run as well', async () => {
    await using bench = new Bench();
    bench.silentAfterMs = 600_000;
    await bench.write(step(1) + step(2), 0, observed);
    const steps = Array.from({ length: 20 }, (_, i): Fact => {
      const time = observed - (19 - i) * 1_000;
      const place = { stream: 's', path: '/logs/train.log', start: i * 10, end: i * 10 + 9 };
      const base = {
        id: `e${i}-0`,
        event: `e${i}`,
        run: 'r',
        attempt: 0,
        rank: 0,
        ...place,
        time,
        observed: time,
      };
      return { ...base, kind: 'progress', step: i + 1, total: 1_000, rate: 1, label: null };
    });
    await bench.facts.append(steps);
    await bench.lead(7);
    await bench.clock.advance(700_000);
    expect(bench.incidents).toMatchObject([{ class: 'hang', rank: 0, resolved: null }]);
  });

  it('has no silent run beside it', async () => {
    await using bench = new Bench();
    await bench.write(step(1) + step(2), 0, observed);
    await bench.facts.append(failing(bench).facts);
    await bench.lead(7);
    await bench.clock.advance(200_000);
    expect(bench.incidents.map(({ class: name }) => name)).toEqual(['cuda-oom']);
  });
});
