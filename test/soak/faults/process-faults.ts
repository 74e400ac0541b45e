import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../fakes/clock.ts';
import type { CabooseProcess } from '../../scenario/caboose-process.ts';
import { kafkaSessionMs } from './scenario.ts';
import type { Figure, Scenario, Spell } from './scenario.ts';
import { setShift } from './shift.ts';
import { fill, makeRoom } from './small-disk.ts';
import type { Stage } from './stage.ts';
import { Watch } from './watch.ts';

const lookMs = 50;
const agentBackMsMax = 5_000;
const partitionsBackMsMax = kafkaSessionMs + 3_000;

export const kills: Scenario = {
  name: 'kills',
  fault: 'kill -9 of agents and indexers, at any moment, while files rotate',
  how: 'one agent and one indexer at a time, started again at once, the next when the last is back at work',
  minutes: 3,
  stage: { linesPerSecond: 1_000, rotateEveryMs: 5_000 },
  async inject(stage, spell) {
    const end = performance.now() + spell.durationMs;
    const goesOn = (times: readonly number[]): boolean =>
      spell.kills === null ? performance.now() < end : times.length < spell.kills;
    const [agents, indexers]: [number[], number[]] = [[], []];
    const killAgents = async (): Promise<void> => {
      while (goesOn(agents)) agents.push(await killAgent(stage, spell));
    };
    const killIndexers = async (): Promise<void> => {
      while (goesOn(indexers)) indexers.push(await killIndexer(stage, spell));
    };
    await Promise.all([killAgents(), killIndexers()]);
    return {
      times: agents.length + indexers.length,
      figures: [
        ...backFigures(`agents (${agents.length})`, agents, agentBackMsMax),
        ...backFigures(`partitions of indexers (${indexers.length})`, indexers, partitionsBackMsMax),
      ],
    };
  },
};

export const rebalanceStorm: Scenario = {
  name: 'rebalances',
  fault: 'a storm of rebalances',
  how: 'an indexer joins or leaves every 5 s, of one to four; half of them leave by kill -9',
  minutes: 2,
  async inject(stage, { durationMs, random }) {
    const watch = new Watch(stage);
    while (stage.indexers.length < 4) await stage.addIndexer();
    const end = performance.now() + durationMs;
    let times = 0;
    while (performance.now() < end) {
      const here = stage.indexers.filter((one) => one.pid > 0 && one.exitCode === null);
      const away = stage.indexers.filter((one) => !here.includes(one));
      const joins = away.length > 0 && (here.length === 1 || random() < 0.5);
      const one = pick(joins ? away : here, random);
      if (joins) one.start();
      else if (random() < 0.5) await one.kill();
      else await one.stop();
      times += 1;
      await delay(Math.min(5_000, durationMs / 4));
    }
    await watch.end();
    for (const one of stage.indexers) if (one.pid === 0 || one.exitCode !== null) one.start();
    return { times, figures: [{ ...watch.stillFigure, max: 40 }] };
  },
};

export const clockJumps: Scenario = {
  name: 'clock',
  fault: 'the wall clock jumps',
  how: 'of all agents and indexers, by Date of their processes: + 1 h, − 1 h, + 2 h, − 2 h, and back',
  minutes: 1,
  stage: { shiftsClock: true },
  async inject(stage, { durationMs }) {
    const watch = new Watch(stage);
    const hours = [1, -1, 2, -2, 0];
    for (const hour of hours) {
      setShift(stage.dir, hour * 3_600_000);
      await delay(durationMs / hours.length);
    }
    await watch.end();
    return { times: hours.length, figures: [{ ...watch.stillFigure, max: 10 }] };
  },
};

export const stateDiskFull: Scenario = {
  name: 'state-disk-full',
  fault: "the disk of the agents' state is full",
  how: 'a file system of 8 MiB, filled for half of the time; the first agent is killed in between and started again',
  minutes: 1,
  stage: { stateBytesMax: 8 * 1024 * 1024 },
  async inject(stage, { durationMs }) {
    const dirs = stage.agents.map((_, i) => stage.stateDir(i));
    const before = await stage.indexed();
    const beganAt = performance.now();
    for (const dir of dirs) await fill(dir);
    await delay(durationMs / 4);
    const flowed = (await stage.indexed()) - before;
    const seconds = (performance.now() - beganAt) / 1000;
    const [agent] = stage.agents;
    await agent?.kill();
    agent?.start();
    await delay(durationMs / 4);
    for (const dir of dirs) await makeRoom(dir);
    if (agent && agent.exitCode !== null) agent.start();
    await delay(durationMs / 2);
    return {
      times: 1,
      figures: [
        {
          name: 'events meanwhile, of the load',
          value: (100 * flowed) / seconds / stage.shape.linesPerSecond,
          unit: '%',
          min: 60,
        },
      ],
    };
  },
};

/** Kills one and starts it again; ms from the start until it has bytes acknowledged. */
async function killAgent(stage: Stage, { random }: Spell): Promise<number> {
  await delay(100 + random() * 1_500);
  const agent = pick(stage.agents, random);
  await agent.kill();
  agent.start();
  const began = performance.now();
  await until(
    async () => ((await agent.metric('caboose_acked_bytes_total')) ?? 0) > 0,
    'the agent is back at work',
    60_000,
    lookMs,
  );
  return performance.now() - began;
}

/** Kills one and starts it again; ms until every partition is committed to where it stood at the kill. */
async function killIndexer(stage: Stage, { random }: Spell): Promise<number> {
  await delay(100 + random() * 3_000);
  const topic = stage.topic('segments.bulk');
  const victim = pick(stage.indexers, random);
  await untilItTakesIn(victim);
  return await stage.askKafka(async (admin) => {
    const ends = await admin.fetchTopicOffsets(topic);
    await victim.kill();
    victim.start();
    const began = performance.now();
    await until(
      async () => {
        const [committed] = await admin.fetchOffsets({ groupId: stage.id, topics: [topic] });
        return ends.every(({ partition, high }) => {
          const offset = committed?.partitions.find((one) => one.partition === partition)?.offset ?? '0';
          return Number(offset) >= Number(high);
        });
      },
      'the partitions of the killed indexer are back at work',
      120_000,
      lookMs,
    );
    return performance.now() - began;
  });
}

/** One that has not joined the group yet holds no partition. */
async function untilItTakesIn(indexer: CabooseProcess): Promise<void> {
  await until(
    async () => ((await indexer.metric('caboose_indexed_events_total')) ?? 0) > 0,
    'the indexer takes in',
    120_000,
    lookMs,
  );
}

function backFigures(who: string, times: readonly number[], maxMs: number): Figure[] {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => (sorted[Math.floor((sorted.length - 1) * share)] ?? Infinity) / 1000;
  return [
    { name: `${who} back at work, median`, value: at(0.5), unit: 's' },
    { name: `${who} back at work, slowest`, value: at(1), unit: 's', max: maxMs / 1000 },
  ];
}

function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}
