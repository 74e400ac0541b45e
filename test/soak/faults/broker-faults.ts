import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../fakes/clock.ts';
import type { TcpProxy } from '../../fakes/tcp-proxy.ts';
import { pick, repeat } from './scenario.ts';
import type { Figure, Scenario, Spell } from './scenario.ts';
import type { Stage } from './stage.ts';

const killIntervalMs = 20_000;
/** With 8 MiB under way; a quiet agent has about 80. */
const agentMebibytesMax = 200;
const produceKey = 0;
const muteIntervalMs = 60_000;
const freshTimeoutMs = 120_000;
/** The agent asks again every second or two while the brokers are away. */
const freshSecondsMax = 15;

export const leaderKills: Scenario = {
  name: 'broker-kills',
  fault: "the broker that leads an agent's partition dies",
  how: 'kill -9 every 20 s, started again after 2 to 5 s',
  minutes: 3,
  async inject(stage, spell) {
    const { durationMs, random, watch } = spell;
    const times = await repeat(durationMs, async () => {
      const nextAt = performance.now() + Math.min(killIntervalMs, durationMs / 2);
      const broker = stage.servers.brokers[(await leaderOfUsedPartition(stage, spell)) - 1];
      await broker?.kill('SIGKILL');
      await delay(2000 + random() * 3000);
      await broker?.restart();
      await delay(Math.max(0, nextAt - performance.now()));
    });
    return { times, figures: [{ ...watch.stillFigure, max: 30 }, watch.residentFigure] };
  },
};

export const lostReplies: Scenario = {
  name: 'lost-replies',
  fault: 'replies to produce requests are lost',
  how: 'of the requests of agents, 15 % are let through and reset at the reply, 10 % cut in their middle, one a minute never answered',
  minutes: 2,
  async inject(stage, { durationMs, random, watch }) {
    let times = 0;
    // Nothing moves for half a minute then: not within a run that is shorter.
    let muteAt = performance.now() + (durationMs < muteIntervalMs ? Infinity : 2_000);
    for (const link of stage.servers.brokerLinks) {
      link.onToServer((chunk) => {
        if (!isProduceRequest(chunk)) return true;
        const chance = random();
        if (performance.now() > muteAt) {
          muteAt = performance.now() + muteIntervalMs;
          times += 1;
          return 'mute';
        }
        if (chance > 0.25) return true;
        times += 1;
        // A short run may have few: one of them at least is of the kind that makes segments come twice.
        return times === 1 || chance < 0.15 ? 'cut-answer' : 'half';
      });
    }
    await delay(durationMs);
    for (const link of stage.servers.brokerLinks) link.onToServer(null);
    return {
      times,
      // A request that nobody answers is given up after 30 s.
      figures: [{ ...watch.stillFigure, max: 45 }, watch.residentFigure],
      afterwards: async () => {
        const again = await stage.sum(stage.indexers, 'caboose_redelivered_segments_total');
        return [{ name: 'segments that came twice and were skipped', value: again, unit: '', min: 1 }];
      },
    };
  },
};

export const brokerLinks: Scenario = {
  name: 'broker-links',
  fault: 'the link to a broker misbehaves',
  how: 'at random, for 3 to 8 s each: refuses, is cut in mid-frame, is silent without a reset, is late by 300 ms, lets 64 KiB/s through',
  minutes: 3,
  async inject(stage, { durationMs, random, watch }) {
    const times = await repeat(durationMs, async (n) => {
      const link = pick(stage.servers.brokerLinks, random);
      await harms[n % harms.length]?.(link, random);
      await delay(3000 + random() * 5000);
      link.delay(0);
      link.throttle(Infinity);
      await link.pass();
      await delay(500);
    });
    return { times, figures: [{ ...watch.stillFigure, max: 60 }, watch.residentFigure] };
  },
};

const harms: readonly ((link: TcpProxy, random: () => number) => Promise<void>)[] = [
  async (link) => await link.refuse(),
  async (link, random) => await Promise.resolve(link.limitToClient(1 + Math.floor(random() * 5000))),
  async (link) => await Promise.resolve(link.silent()),
  async (link) => await Promise.resolve(link.delay(300)),
  async (link) => await Promise.resolve(link.throttle(64 * 1024)),
];

export const brokersAway: Scenario = {
  name: 'brokers-away',
  fault: 'all brokers are away for minutes, while files rotate',
  how: 'kill -9 of all, started again at the end; then a line on stderr at once',
  minutes: 3,
  stage: { linesPerSecond: 1_500 },
  async inject(stage, { durationMs, watch }) {
    const { brokers } = stage.servers;
    await Promise.all(brokers.map(async (broker) => await broker.kill('SIGKILL')));
    await delay(durationMs);
    await stage.servers.heal();
    const lookMs = Math.max(60_000, durationMs);
    const [fresh, ...speeds] = await Promise.all([overtake(stage), ...catchUp(stage, lookMs)]);
    return {
      times: 1,
      figures: [{ ...watch.residentFigure, max: agentMebibytesMax }, ...speeds, ...fresh],
    };
  },
};

const produceRequestVersionMax = 12;

/** A frame that begins with a length, then the request's key and version. https://kafka.apache.org/protocol */
function isProduceRequest(chunk: Buffer): boolean {
  return (
    chunk.length > 8 &&
    chunk.readInt16BE(4) === produceKey &&
    chunk.readInt16BE(6) <= produceRequestVersionMax
  );
}

/** The node id of a broker that leads a partition with data. */
async function leaderOfUsedPartition(stage: Stage, { random }: Spell): Promise<number> {
  return await stage.witness.askKafka(async (admin) => {
    const topic = stage.witness.topic('segments.bulk');
    const offsets = await admin.fetchTopicOffsets(topic);
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const used = offsets.filter(({ high }) => Number(high) > 0);
    const { partition } = used[Math.floor(random() * used.length)] ?? { partition: 0 };
    const found = topics[0]?.partitions.find(({ partitionId }) => partitionId === partition);
    return found?.leader ?? 1;
  });
}

/** Writes a failure while all is behind; how long it takes, and how much is behind still when it is in the index. */
async function overtake(stage: Stage): Promise<Figure[]> {
  const { load } = stage;
  const behind = async () => load.lines - (await stage.witness.indexed());
  const before = await behind();
  const beganAt = performance.now();
  const path = await stage.write('stderr.log', [`fresh failure at ${Date.now()}`]);
  await until(
    async () => (await stage.witness.countOf(path)) > 0,
    `the fresh failure of ${stage.id}`,
    freshTimeoutMs,
    250,
  );
  const seconds = (performance.now() - beganAt) / 1000;
  return [
    { name: 'a fresh failure is in the index after', value: seconds, unit: 's', max: freshSecondsMax },
    {
      name: 'of what was behind, still behind then',
      value: (100 * (await behind())) / before,
      unit: '%',
      min: 50,
    },
  ];
}

/** How fast agents and index make up for an outage that is over now, in multiples of the load; looked at for so long at most. */
function catchUp(stage: Stage, lookMs: number): Promise<Figure>[] {
  const { load } = stage;
  const acked = async () => await stage.sum(stage.agents, 'caboose_acked_bytes_total');
  const measures = [
    { name: 'agents', done: async () => (await acked()) / load.lineBytes },
    { name: 'index', done: async () => await stage.witness.indexed() },
  ];
  return measures.map(async ({ name, done }) => {
    const beganAt = performance.now();
    const before = await done();
    let now = before;
    // Two seconds behind is the usual.
    while (load.lines - now > 2 * load.linesPerSecond && performance.now() - beganAt < lookMs) {
      await delay(1000);
      now = Math.max(now, await done());
    }
    const seconds = (performance.now() - beganAt) / 1000;
    const speed = (now - before) / seconds / load.linesPerSecond;
    return { name: `${name} caught up, times the load`, value: speed, unit: '×', min: 2 };
  });
}
