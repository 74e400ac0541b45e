import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentProcess, usedBy } from './agent-process.ts';
import type { Bench, Figure } from './bench.ts';
import { withTopicPrefix } from './kafka-topics.ts';
import { trainingLines } from './training-lines.ts';

const files = 4;
const percentMax = 0.5;
/** A file that was written to is polled for 10 s more; V8 tidies up for some seconds. */
const settleMs = 20_000;
const measuredMs = 60_000;

/** What an agent costs while nothing happens: four files held open, a connection to Kafka, the HTTP server. */
export const agentIdle: Bench = {
  name: 'agent-idle',
  about: `an agent with ${files} open files and a Kafka connection, ${measuredMs / 1000} s without a new byte`,
  async measure({ runs, directory, kafka }) {
    const broker = await kafka();
    const percents: number[] = [];
    const startMs: number[] = [];
    const rssMiB: number[] = [];
    const wakeUps: number[] = [];
    for (let run = 0; run < runs; run += 1) {
      const include = Array.from({ length: files }, (_, i) => join(directory, `rank${i}-${run}.log`));
      for (const path of include) await writeFile(path, trainingLines(100));
      await withTopicPrefix(broker, async (topicPrefix) => {
        const agent = await AgentProcess.start({ directory, include, broker, topicPrefix });
        startMs.push(await agent.logged('"following"'));
        await sleep(2000);
        // Written while it follows: all four are opened and sent.
        for (const path of include) await appendFile(path, trainingLines(10));
        await sleep(settleMs);
        const pid = agent.child.pid ?? 0;
        const before = await usedBy(pid);
        await sleep(measuredMs);
        const after = await usedBy(pid);
        percents.push(((after.cpuSeconds - before.cpuSeconds) * 100_000) / measuredMs);
        wakeUps.push(((after.switches - before.switches) * 1000) / measuredMs);
        const { rssBytesMax } = await agent.stop();
        rssMiB.push(rssBytesMax / 2 ** 20);
      });
    }
    const figures: Figure[] = [
      { name: 'CPU of a core', unit: '%', values: percents, budget: { max: percentMax } },
      { name: 'wake-ups of the main thread', unit: '/s', values: wakeUps },
      { name: 'RSS, most', unit: 'MiB', values: rssMiB },
      { name: 'exec to "following"', unit: 'ms', values: startMs },
    ];
    return figures;
  },
};
