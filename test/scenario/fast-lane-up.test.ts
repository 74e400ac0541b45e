import { expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { bulkTakenIn, FastLaneScenario } from './fast-lane.ts';
import { oneMachine } from './up-alone.ts';

it('up: a traceback is found while most of bulk is behind', { timeout: 300_000 }, async () => {
  await using scenario = await FastLaneScenario.create();
  const { dir } = scenario;
  const up = scenario.start(
    'up',
    `
source: { id: up, run: up, include: ["${dir}/logs/**/*.log"] }
${oneMachine(dir)}
http: { listen: "127.0.0.1:0" }
`,
  );
  await until(() => up.url !== null, 'up to listen', 60_000);
  const find = async (word: string): Promise<number> => {
    const response = await fetch(`${up.url}/api/search?q=${word}`);
    const { hits } = (await response.json()) as { hits: unknown[] };
    return hits.length;
  };
  await scenario.tellAlone(find);
  await scenario.writeBacklog();
  await until(async () => (await bulkTakenIn(up)) > 1e6, 'bulk to flow', 60_000);
  const behind = await scenario.behindWhenFound(find, async () => await bulkTakenIn(up));
  expect(Math.min(...behind)).toBeGreaterThan(0.5);
  // Bulk does not stand still meanwhile.
  expect(behind.at(-1)).toBeLessThan(behind[0] ?? 0);
  expect(up.log).not.toContain('"level":"error"');
});
