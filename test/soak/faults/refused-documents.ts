import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '../../fakes/clock.ts';
import { runCaboose } from '../../scenario/caboose-process.ts';
import type { CabooseProcess } from '../../scenario/caboose-process.ts';
import { audit } from './judge.ts';
import { repeat } from './scenario.ts';
import type { Figure, Scenario } from './scenario.ts';
import type { Stage } from './stage.ts';

const letterSecondsMax = 10;
const refusedFile = 'refused.log';
const dayMs = 86_400_000;

export const indexRefuses: Scenario = {
  name: 'index-refuses',
  fault: 'the index refuses a document for good: a mapping that somebody else made',
  how: 'indices of the day in which `log.level` is a number; a line with a level every 3 s, every second one without a successor at first; then mended and replayed',
  minutes: 0.5,
  async before(stage) {
    for (const index of logIndices(stage)) {
      await stage.witness.askIndex('PUT', `/${index}`, {
        mappings: { properties: { log: { properties: { level: { type: 'integer' } } } } },
      });
    }
  },
  async inject(stage, { durationMs, watch }) {
    const letters = new Set<number>();
    const unfollow = await stage.witness.followTopic('dead-letters', (text) => {
      const { path, start } = JSON.parse(text) as { path?: string; start?: number };
      if (path?.endsWith(refusedFile) === true && start !== undefined) letters.add(start);
    });
    const rounds: Round[] = [];
    const times = await repeat(durationMs, async (n) => {
      rounds.push(await refuseOne(stage, n, letters));
      await delay(3_000);
    });
    await unfollow();
    const slowest = (of: (round: Round) => number): number => Math.max(...rounds.map(of)) / 1000;
    const figures: Figure[] = [
      {
        name: 'slowest dead letter',
        value: slowest(({ letterMs }) => letterMs),
        unit: 's',
        max: letterSecondsMax,
      },
      {
        name: 'slowest line behind a refused one',
        value: slowest(({ nextMs }) => nextMs),
        unit: 's',
        max: letterSecondsMax,
      },
      { ...watch.stillFigure, max: letterSecondsMax },
    ];
    return { times, figures, refused: times, afterwards: async () => await replayLetters(stage, times) };
  },
};

interface Round {
  /** Until the letter was in the log, and the line behind the refused one in the index. */
  letterMs: number;
  nextMs: number;
}

/** Every second time the refused event is open until its letter is there. */
async function refuseOne(stage: Stage, n: number, letters: ReadonlySet<number>): Promise<Round> {
  const [refused, next] = [`2026-01-01 00:00:00 ERROR refused ${n}`, `2026-01-01 00:00:00 taken ${n}`];
  const staysOpen = n % 2 === 1;
  const before = letters.size;
  const path = await stage.write(refusedFile, staysOpen ? [refused] : [refused, next], { apart: true });
  const refusedAt = performance.now();
  const hasLetter = () => letters.size > before;
  await until(hasLetter, `a dead letter of ${stage.id}`, 120_000, 50);
  const letterMs = performance.now() - refusedAt;
  if (staysOpen) await stage.write(refusedFile, [next], { apart: true });
  const nextAt = staysOpen ? performance.now() : refusedAt;
  const isThere = async () => (await stage.witness.messagesOf(path)).includes(next);
  await until(isThere, `${next} of ${stage.id}`, 120_000, 200);
  return { letterMs, nextMs: performance.now() - nextAt };
}

/** Mends the mapping, replays as an operator would, and looks what is there then. */
async function replayLetters(stage: Stage, refused: number): Promise<Figure[]> {
  const level = { type: 'integer', ignore_malformed: true };
  await stage.witness.askIndex('PUT', `/${stage.id}-logs-*/_mapping`, {
    properties: { log: { properties: { level } } },
  });
  const [{ configFile }] = stage.indexers as [CabooseProcess];
  const { code, stdout, stderr } = await runCaboose([
    'dead-letters',
    'replay',
    '--all',
    '--config',
    configFile,
  ]);
  if (code !== 0) throw new Error(`replay: ${code} ${stdout.toString()}${stderr}`);
  const messages = await stage.witness.messagesOf(join(stage.logsDir(0), refusedFile));
  const wanted = Array.from({ length: refused }, (_, n) => [`refused ${n}`, `taken ${n}`]).flat();
  const isInOrder =
    wanted.length === messages.length && wanted.every((text, i) => messages[i]?.endsWith(text));
  const findings = (
    await Promise.all(stage.agents.map(async (agent) => await audit(agent.configFile)))
  ).flat();
  return [
    { name: 'every refused line once after the replay', value: isInOrder ? 1 : 0, unit: '', min: 1 },
    { name: 'findings of the audit after the replay', value: findings.length, unit: '', max: 0 },
  ];
}

/** The indices of today and of tomorrow: midnight may come while the scenario is played. */
function logIndices({ id }: Stage): string[] {
  return [0, 1].map((days) => {
    const day = new Date(Date.now() + days * dayMs).toISOString().slice(0, 10);
    return `${id}-logs-${day.replaceAll('-', '.')}`;
  });
}
