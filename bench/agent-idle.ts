import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentProcess } from './agent-process.ts';
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

/** CPU of the whole process (counted in ticks of 10 ms) and how often its main thread went to sleep. */
async function usedBy(pid: number): Promise<{ cpuSeconds: number; switches: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name, in brackets, may hold spaces; utime and stime are fields 14 and 15, in ticks of 1/100 s.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const switches = Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)?.[1] ?? NaN);
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, switches };
}
