import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../fakes/clock.ts';
import type { CabooseProcess } from '../../scenario/caboose-process.ts';
import { kafkaSessionMs, pick } from './scenario.ts';
import type { Figure, Scenario, Spell } from './scenario.ts';
import type { Stage } from './stage.ts';

const lookMs = 50;
const agentBackMsMax = 5_000;
const partitionsBackMsMax = kafkaSessionMs + 3_000;

export const kills: Scenario = {
  name: 'kills',
  fault: 'kill -9 of agents and indexers, at any moment, while files rotate',
  how: 'each agent for itself, one indexer at a time; started again at once, the next when it is back at work; agents every second time while they start, too',
  minutes: 3,
  // As many partitions in a lane as indexers, and as agents: each has one with data.
  stage: { linesPerSecond: 400, partitions: 2 },
  async inject(stage, spell) {
    const end = performance.now() + spell.durationMs;
    const agents: Back[] = [];
    const indexers: Back[] = [];
    const killed = (): number => sum(agents) + sum(indexers);
    const goesOn = (): boolean => (spell.kills === null ? performance.now() < end : killed() < spell.kills);
    const killAgents = stage.agents.map(async (agent) => {
      while (goesOn()) agents.push(await killAgent(agent, spell));
    });
    const killIndexers = async (): Promise<void> => {
      while (goesOn()) indexers.push(await killIndexer(stage, spell));
    };
    await Promise.all([...killAgents, killIndexers()]);
    return {
      times: killed(),
      figures: [
        ...backFigures('agents', agents, agentBackMsMax),
        ...backFigures('indexers', indexers, partitionsBackMsMax),
        spell.watch.residentFigure,
      ],
    };
  },
};

/** Of one that was killed, perhaps again before it was back at work. */
interface Back {
  kills: number;
  /** From its last start, or kill, on. */
  ms: number;
}

/** Kills it and starts it again, every second time again while it starts; until it has bytes acknowledged. */
async function killAgent(agent: CabooseProcess, { random }: Spell): Promise<Back> {
  await delay(random() * 1_500);
  const kills = random() < 0.5 ? 1 : 2;
  for (let i = 0; i < kills; i += 1) {
    if (i > 0) await delay(random() * 2_000);
    await agent.kill();
    agent.start();
  }
  const began = performance.now();
  await until(
    async () => ((await agent.metric('caboose_acked_bytes_total')) ?? 0) > 0,
    'the agent is back at work',
    60_000,
    lookMs,
  );
  return { kills, ms: performance.now() - began };
}

/** Kills one and starts it again; ms until every partition is committed beyond where it stood at the kill: something of what came since was taken in. */
async function killIndexer(stage: Stage, { random }: Spell): Promise<Back> {
  const topic = stage.witness.topic('segments.bulk');
  const victim = pick(stage.indexers, random);
  await untilItTakesIn(victim);
  await delay(random() * 1_500);
  return await stage.witness.askKafka(async (admin) => {
    const ends = await admin.fetchTopicOffsets(topic);
    await victim.kill();
    victim.start();
    const began = performance.now();
    await until(
      async () => {
        const [committed] = await admin.fetchOffsets({ groupId: stage.id, topics: [topic] });
        return ends.every(({ partition, high }) => {
          const offset = committed?.partitions.find((one) => one.partition === partition)?.offset ?? '0';
          return Number(offset) > Number(high);
        });
      },
      'the partitions of the killed indexer are back at work',
      120_000,
      lookMs,
    );
    return { kills: 1, ms: performance.now() - began };
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

function sum(backs: readonly Back[]): number {
  return backs.reduce((total, { kills: count }) => total + count, 0);
}

function backFigures(who: string, backs: readonly Back[], maxMs: number): Figure[] {
  const sorted = backs.map(({ ms }) => ms).toSorted((a, b) => a - b);
  const at = (share: number): number => (sorted[Math.floor((sorted.length - 1) * share)] ?? Infinity) / 1000;
  return [
    { name: `kills of ${who}`, value: sum(backs), unit: '', min: 1 },
    { name: 'back at work, median', value: at(0.5), unit: 's' },
    { name: 'the 99th of 100', value: at(0.99), unit: 's' },
    { name: 'slowest', value: at(1), unit: 's', max: maxMs / 1000 },
    { name: 'later than that', value: sorted.filter((ms) => ms > maxMs).length, unit: `of ${sorted.length}` },
  ];
}
