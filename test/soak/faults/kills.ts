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
  how: 'each agent for itself, and one indexer at a time; started again at once, the next when the last is back at work',
  minutes: 3,
  // As many partitions in a lane as indexers, and as agents: each has one with data.
  stage: { linesPerSecond: 400, partitions: 2 },
  async inject(stage, spell) {
    const end = performance.now() + spell.durationMs;
    const agents: number[] = [];
    const indexers: number[] = [];
    const goesOn = (): boolean =>
      spell.kills === null ? performance.now() < end : agents.length + indexers.length < spell.kills;
    const killAgents = stage.agents.map(async (agent) => {
      while (goesOn()) agents.push(await killAgent(agent, spell));
    });
    const killIndexers = async (): Promise<void> => {
      while (goesOn()) indexers.push(await killIndexer(stage, spell));
    };
    await Promise.all([...killAgents, killIndexers()]);
    return {
      times: agents.length + indexers.length,
      figures: [
        ...backFigures('agents', agents, agentBackMsMax),
        ...backFigures('partitions of indexers', indexers, partitionsBackMsMax),
        spell.watch.residentFigure,
      ],
    };
  },
};

/** Kills it and starts it again; ms from the start until it has bytes acknowledged. */
async function killAgent(agent: CabooseProcess, { random }: Spell): Promise<number> {
  await delay(random() * 1_500);
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
  const late = times.filter((ms) => ms > maxMs).length;
  return [
    { name: `kills of ${who}`, value: times.length, unit: '', min: 1 },
    { name: 'back at work, median', value: at(0.5), unit: 's' },
    { name: 'the 99th of 100', value: at(0.99), unit: 's' },
    { name: 'slowest', value: at(1), unit: 's', max: maxMs / 1000 },
    { name: 'later than that', value: late, unit: '' },
  ];
}
