import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentProcess, usedBy } from './agent-process.ts';
import type { Bench, Figure } from './bench.ts';
import { trainingLines } from './training-lines.ts';

const percentMax = 0.1;
const settleMs = 20_000;
const measuredMs = 60_000;

/** What sampling resources adds to an agent that is idle: two agents side by side, one with it and one without. */
export const agentResources: Bench = {
  name: 'agent-resources',
  about: `an agent that samples resources every 15 s, beside one that does not, ${measuredMs / 1000} s`,
  async measure({ runs, directory }) {
    const added: number[] = [];
    const without: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const path = join(directory, `train-${run}.log`);
      await writeFile(path, trainingLines(100));
      const start = async (enabled: boolean) =>
        await AgentProcess.start({
          directory,
          include: [path],
          limits: { cpuMax: 64, resources: { enabled } },
        });
      const agents = [await start(true), await start(false)];
      for (const agent of agents) await agent.logged('"following"');
      await appendFile(path, trainingLines(10));
      await sleep(settleMs);
      const seconds = async () =>
        await Promise.all(agents.map(async ({ child }) => (await usedBy(child.pid ?? 0)).cpuSeconds));
      const before = await seconds();
      await sleep(measuredMs);
      const percents = (await seconds()).map(
        (after, i) => ((after - (before[i] ?? NaN)) * 100_000) / measuredMs,
      );
      const [on = NaN, off = NaN] = percents;
      added.push(on - off);
      without.push(off);
      for (const agent of agents) await agent.stop();
    }
    const figures: Figure[] = [
      { name: 'CPU of a core, added', unit: '%', values: added, budget: { max: percentMax } },
      { name: 'CPU of a core, without', unit: '%', values: without },
    ];
    return figures;
  },
};
