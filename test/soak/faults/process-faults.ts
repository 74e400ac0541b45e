import { setTimeout as delay } from 'node:timers/promises';
import { pick, repeat } from './scenario.ts';
import type { Scenario } from './scenario.ts';
import { setShift } from './shift.ts';
import { fill, makeRoom } from './small-disk.ts';

export const rebalanceStorm: Scenario = {
  name: 'rebalances',
  fault: 'a storm of rebalances',
  how: 'an indexer joins or leaves every 5 s, of one to four; half of them leave by kill -9',
  minutes: 2,
  async inject(stage, { durationMs, random, watch }) {
    while (stage.indexers.length < 4) await stage.addIndexer();
    const times = await repeat(durationMs, async () => {
      const here = stage.indexers.filter((one) => one.pid > 0 && one.exitCode === null);
      const away = stage.indexers.filter((one) => !here.includes(one));
      const joins = away.length > 0 && (here.length === 1 || random() < 0.5);
      const one = pick(joins ? away : here, random);
      if (joins) one.start();
      else if (random() < 0.5) await one.kill();
      else await one.stop();
      await delay(Math.min(5_000, durationMs / 4));
    });
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
  async inject(stage, { durationMs, watch }) {
    const hours = [1, -1, 2, -2, 0];
    for (const hour of hours) {
      setShift(stage.dir, hour * 3_600_000);
      await delay(durationMs / hours.length);
    }
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
    const flow = await stage.flow();
    for (const dir of dirs) await fill(dir);
    await delay(durationMs / 4);
    const flowFigure = await flow();
    const [agent] = stage.agents;
    await agent?.kill();
    agent?.start();
    await delay(durationMs / 4);
    for (const dir of dirs) await makeRoom(dir);
    if (agent && agent.exitCode !== null) agent.start();
    await delay(durationMs / 2);
    return { times: 1, figures: [{ ...flowFigure, min: 60 }] };
  },
};
