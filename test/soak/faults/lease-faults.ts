import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../fakes/clock.ts';
import type { TcpProxy } from '../../fakes/tcp-proxy.ts';
import type { CabooseProcess } from '../../scenario/caboose-process.ts';
import { kafkaSessionMs, repeat, Skipped } from './scenario.ts';
import type { Figure, Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

/** A busy machine answers late, and the gauge is asked every 50 ms. */
const lookMs = 50;
const slackMs = 500;

export const leaseLinks: Scenario = {
  name: 'lease-links',
  fault: "the leader's link to ZooKeeper fails",
  how: 'in turn: is silent without a reset, refuses for longer than the session, gives half a frame and then nothing',
  minutes: 1.5,
  async inject(stage, { durationMs }) {
    const sessionMs = stage.shape.zookeeperSessionMs;
    const handovers: Handover[] = [];
    const times = await repeat(durationMs, async (n) => {
      const old = await stage.theLeader();
      const links = stage.leaseLinks[stage.indexers.indexOf(old)] ?? [];
      await everyIndexerIsEnrolled(stage);
      await harms[n % harms.length]?.(links);
      handovers.push(await handover(stage, old));
      // Longer than the session in any case.
      await delay(sessionMs);
      for (const link of links) await link.pass();
    });
    return { times, figures: handoverFigures(handovers, sessionMs) };
  },
};

const harms: readonly ((links: readonly TcpProxy[]) => Promise<unknown>)[] = [
  async (links) => await Promise.resolve(links.map((link) => link.silent())),
  async (links) => await Promise.all(links.map(async (link) => await link.refuse())),
  async (links) => await Promise.resolve(links.map((link) => link.limitToClient(6, () => link.silent()))),
];

export const leaderStopped: Scenario = {
  name: 'leader-stopped',
  fault: 'the leader is frozen, and goes on when another leads',
  how: 'SIGSTOP for three sessions, then SIGCONT',
  minutes: 1,
  async inject(stage, { durationMs, watch }) {
    const sessionMs = stage.shape.zookeeperSessionMs;
    let [slowestMs, latestMs] = [0, 0];
    const times = await repeat(durationMs, async () => {
      const old = await stage.theLeader();
      await everyIndexerIsEnrolled(stage);
      old.signal('SIGSTOP');
      const stoppedAt = performance.now();
      await anotherLeads(stage, old);
      slowestMs = Math.max(slowestMs, performance.now() - stoppedAt);
      await delay(Math.max(0, stoppedAt + 3 * sessionMs - performance.now()));
      old.signal('SIGCONT');
      const continuedAt = performance.now();
      await until(async () => (await old.metric('caboose_leader')) === 0, 'it knows', 30_000, lookMs);
      latestMs = Math.max(latestMs, performance.now() - continuedAt);
    });
    const figures: Figure[] = [
      { name: 'another leads after', value: slowestMs / 1000, unit: 's', max: (sessionMs * 1.5) / 1000 + 1 },
      { name: 'the old one knows after', value: latestMs / 1000, unit: 's', max: 2 },
      { ...watch.stillFigure, max: kafkaSessionMs / 1000 + 6 },
    ];
    return { times, figures };
  },
};

export const quorumLost: Scenario = {
  name: 'quorum-lost',
  fault: 'ZooKeeper loses its quorum',
  how: 'kill -9 of two of three servers, started again at the end',
  minutes: 0.75,
  async inject(stage, { durationMs, watch }) {
    const servers = stage.servers.zookeepers;
    if (servers.length < 3) throw new Skipped('three ZooKeeper servers are needed');
    const sessionMs = stage.shape.zookeeperSessionMs;
    await Promise.all(servers.slice(1).map(async (server) => await server.kill('SIGKILL')));
    const lostAt = performance.now();
    await until(async () => (await stage.leaders()).length === 0, 'nobody leads', 30_000, lookMs);
    const stoppedMs = performance.now() - lostAt;
    const flow = await stage.flow();
    await delay(Math.max(5_000, durationMs - stoppedMs));
    const flowFigure = await flow();
    await stage.servers.heal();
    const backAt = performance.now();
    await stage.theLeader();
    const figures: Figure[] = [
      {
        name: 'the leader stops after',
        value: stoppedMs / 1000,
        unit: 's',
        max: (sessionMs + slackMs) / 1000,
      },
      { ...flowFigure, min: 80 },
      { ...watch.stillFigure, max: 5 },
      { name: 'one leads again after', value: (performance.now() - backAt) / 1000, unit: 's' },
    ];
    return { times: 1, figures };
  },
};

interface Handover {
  /** Until the old leader had stopped, and until another led. */
  stoppedMs: number;
  ledMs: number;
  overlaps: number;
}

/** Follows what the gauges say until another leads. */
async function handover(stage: Stage, old: CabooseProcess): Promise<Handover> {
  const began = performance.now();
  const seen: Handover = { stoppedMs: Infinity, ledMs: Infinity, overlaps: 0 };
  await until(
    async () => {
      const leaders = await stage.leaders();
      const nowMs = performance.now() - began;
      const others = leaders.filter((one) => one !== old);
      if (!leaders.includes(old)) seen.stoppedMs = Math.min(seen.stoppedMs, nowMs);
      if (others.length > 0) seen.ledMs = Math.min(seen.ledMs, nowMs);
      if (leaders.length > 1) seen.overlaps += 1;
      return others.length > 0;
    },
    'another leads',
    60_000,
    lookMs,
  );
  return seen;
}

function handoverFigures(handovers: readonly Handover[], sessionMs: number): Figure[] {
  const most = (of: (one: Handover) => number): number => Math.max(...handovers.map(of));
  return [
    {
      name: 'the old leader stops after',
      value: most(({ stoppedMs }) => stoppedMs) / 1000,
      unit: 's',
      max: ((sessionMs * 2) / 3 + slackMs) / 1000,
    },
    {
      name: 'another leads after',
      value: most(({ ledMs }) => ledMs) / 1000,
      unit: 's',
      max: (sessionMs * 1.5) / 1000 + 1,
    },
    { name: 'two led at once', value: most(({ overlaps }) => overlaps), unit: 'times', max: 0 },
  ];
}

async function anotherLeads(stage: Stage, old: CabooseProcess): Promise<void> {
  const others = stage.indexers.filter((one) => one !== old);
  await until(async () => (await stage.sum(others, 'caboose_leader')) === 1, 'another leads', 60_000, lookMs);
}

/** Each has a link to ZooKeeper, so that it can lead next. A candidate asks for nothing before it has enrolled. */
async function everyIndexerIsEnrolled(stage: Stage): Promise<void> {
  const isReady = async ({ url }: CabooseProcess): Promise<boolean> =>
    url !== null && (await fetch(`${url}/readyz`).catch(() => null))?.ok === true;
  await until(
    async () => (await Promise.all(stage.indexers.map(isReady))).every(Boolean),
    'every indexer is ready',
    60_000,
    200,
  );
}
