import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../fakes/clock.ts';
import type { CabooseProcess } from '../../scenario/caboose-process.ts';
import { kafkaSessionMs } from './scenario.ts';
import type { Figure, Scenario, Spell } from './scenario.ts';
import type { Stage } from './stage.ts';

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

export function pick<T>(from: readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}
