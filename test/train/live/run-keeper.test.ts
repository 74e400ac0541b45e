import { describe, expect, it } from 'vitest';
import { LiveRun, outOfMemory, step, timedOut, uncaught } from './live-run.ts';

const ranks = [0, 1, 2, 3];

function caught(exception: string): string {
  return `Traceback (most recent call last):\n  File "/w/train.py", line 8, in upload\n    put()\n${exception}\n`;
}

/** Steps of all ranks, one every `everyMs`. */
async function train(live: LiveRun, from: number, to: number, everyMs = 1_000): Promise<void> {
  for (let number = from; number < to; number += 1) {
    for (const rank of ranks) live.write(step(number), { rank });
    await live.pass(everyMs);
  }
}

describe('a run that fails under way', () => {
  it('has one incident, of the rank that failed first, with what the others say as its echo', async () => {
    const live = new LiveRun();
    await train(live, 1, 6);
    live.write(uncaught(outOfMemory), { rank: 3 });
    await live.pass(9_000);
    expect(live.told).toEqual([]);
    await live.pass(8_000);
    expect(live.told).toEqual(['cuda-oom@3 opened']);
    for (const rank of [0, 1, 2]) live.write(timedOut(rank), { rank });
    await live.pass(30_000);
    expect(live.stored.size).toBe(1);
    const [incident] = live.stored.values();
    expect(incident).toMatchObject({
      class: 'cuda-oom',
      rank: 3,
      role: 'root',
      resolved: null,
      evidence: [{ path: '/logs/0/rank-3.log', rank: 3 }],
      echo: [{ class: 'collective-timeout', ranks: [0, 1, 2] }],
    });
    expect(incident?.evidence[0]?.message).toContain('CUDA out of memory');
    expect(new Set(live.told)).toEqual(new Set(['cuda-oom@3 opened', 'cuda-oom@3 updated']));
  });

  it('has another first cause when the log of a rank comes late: the one before is superseded', async () => {
    const live = new LiveRun();
    await train(live, 1, 6);
    for (const rank of [0, 1, 2]) live.write(timedOut(rank), { rank });
    await live.pass(30_000);
    expect(live.open).toEqual(['collective-timeout@3']);
    live.write(uncaught(outOfMemory), { rank: 3 });
    await live.pass(5_000);
    expect(live.open).toEqual(['collective-timeout@3']);
    await live.pass(20_000);
    expect(live.open).toEqual(['cuda-oom@3']);
    const [first, second] = live.stored.values();
    expect(first).toMatchObject({ resolution: 'superseded', supersededBy: second?.id });
    expect(live.told.filter((text) => text.endsWith('opened'))).toHaveLength(2);
  });

  it('keeps its id while it grows, whoever leads', async () => {
    const live = new LiveRun();
    await train(live, 1, 6);
    live.write(timedOut(1), { rank: 1 });
    await live.pass(20_000);
    const [id] = live.stored.keys();
    live.takeOver();
    live.write(timedOut(0), { rank: 0 });
    live.write(timedOut(2), { rank: 2 });
    await live.pass(30_000);
    live.takeOver();
    await live.pass(30_000);
    expect([...live.stored.keys()]).toEqual([id]);
    expect(live.open).toEqual(['collective-timeout@3']);
    expect(live.told.filter((text) => text.endsWith('opened'))).toHaveLength(1);
  });

  it('is not told again by another leader, and not lost by one that dies before', async () => {
    const live = new LiveRun();
    await train(live, 1, 6);
    live.write(uncaught(outOfMemory), { rank: 3 });
    await live.pass(5_000);
    live.takeOver();
    await live.pass(15_000);
    expect(live.told).toEqual(['cuda-oom@3 opened']);
    live.takeOver();
    await live.pass(60_000);
    expect(live.told).toEqual(['cuda-oom@3 opened']);
  });

  it('is told when a later attempt has begun before it stood', async () => {
    const live = new LiveRun();
    await train(live, 1, 6);
    live.write(uncaught(outOfMemory), { rank: 3 });
    await live.pass(3_000);
    for (let number = 6; number < 30; number += 1) {
      for (const rank of ranks) live.write(step(number), { rank, attempt: 1 });
      await live.pass(1_000);
    }
    expect(live.told).toEqual(['cuda-oom@3 restarted']);
    live.write(uncaught(outOfMemory), { rank: 3, attempt: 1 });
    await live.pass(20_000);
    expect(live.open).toEqual(['cuda-oom@3']);
    expect(live.stored.size).toBe(2);
  });

  it('is resolved when nothing was heard of it for long', async () => {
    const live = new LiveRun({ endedAfterMs: 3_600_000 });
    await train(live, 1, 6);
    live.write(uncaught(outOfMemory), { rank: 3 });
    await live.pass(20_000);
    await live.clock.advance(3_700_000);
    live.turn();
    expect(live.told).toEqual(['cuda-oom@3 opened', 'cuda-oom@3 ended']);
    expect(live.keeper.size).toBe(0);
    await live.pass(10_000);
    expect(live.told).toHaveLength(2);
  });

  it('has a loss that is no number while it lives, until it is one again', async () => {
    const live = new LiveRun();
    await train(live, 1, 6);
    for (let number = 6; number < 30; number += 1) {
      live.write(step(number, 'nan'));
      await live.pass(1_000);
    }
    expect(live.open).toEqual(['nan@0']);
    await train(live, 30, 40);
    expect(live.told.at(-1)).toBe('nan@0 recovered');
  });
});

describe('a run that is well', () => {
  it('has no incident of an exception that it survives, however slow its steps are', async () => {
    const live = new LiveRun();
    await train(live, 1, 6, 60_000);
    live.write(caught('ConnectionError: no'), { rank: 1 });
    await train(live, 6, 12, 60_000);
    expect(live.told).toEqual([]);
  });

  it('has none of an exception that ends another process, as long as it makes steps', async () => {
    const live = new LiveRun();
    await train(live, 1, 6, 5_000);
    live.write(uncaught('ValueError: of an evaluation script'), { rank: 1 });
    await train(live, 6, 60, 5_000);
    expect(live.told).toEqual([]);
    await live.pass(600_000);
    expect(live.told).toEqual([]);
  });

  it('has none of a single step whose loss is no number', async () => {
    const live = new LiveRun();
    await train(live, 1, 6, 20_000);
    live.write(step(6, 'nan'));
    await live.pass(20_000);
    await train(live, 7, 12, 20_000);
    expect(live.told).toEqual([]);
  });

  it('has none while nothing can be heard of it', async () => {
    const live = new LiveRun();
    await train(live, 1, 6);
    live.write('RuntimeError: CUDA error: an illegal memory access was encountered\n', { rank: 1 });
    for (let i = 0; i < 60; i += 1) {
      live.keeper.startAgain();
      await live.pass(1_000);
    }
    expect(live.told).toEqual([]);
    await train(live, 6, 20);
    expect(live.told).toEqual([]);
  });

  it('has none of an exception that a server logs, whose lines are rare', async () => {
    const live = new LiveRun();
    const log = (second: number, text: string): void =>
      live.write(`2026-11-23 10:00:${second},000 ${text}\n`, { rank: null });
    log(10, 'INFO server: begins');
    log(11, 'ERROR server: lost it\n' + caught('ConnectionError: no').trimEnd());
    for (const second of [26, 41, 56, 58]) {
      await live.pass(15_000);
      log(second, 'INFO server: goes on');
    }
    await live.pass(200_000);
    expect(live.facts.some(({ kind }) => kind === 'observation')).toBe(true);
    expect(live.told).toEqual([]);
  });

  it('has none while its news come late, and what takes it back is on the way', async () => {
    const live = new LiveRun();
    const late = new LiveRun({}, live.clock);
    await train(live, 1, 6);
    live.write(caught('ConnectionError: no'), { rank: 1, final: false });
    live.write(step(6), { rank: 1 });
    await live.clock.advance(120_000);
    late.give(live.facts);
    await late.pass(60_000);
    expect(late.told).toEqual([]);
    live.facts.length = 0;
    for (const number of [7, 8, 9]) live.write(step(number), { rank: 1 });
    late.give(live.facts);
    await late.pass(600_000);
    expect(late.told).toEqual([]);
  });

  it('has none of an exception while its bar goes on, which is one event that stays open', async () => {
    const live = new LiveRun();
    const bar = (done: number): string =>
      `\r${Math.round(done / 10)}%|###       | ${done}/1000 [00:${10 + (done % 50)}<10:00,  1.00it/s]`;
    for (let done = 1; done < 20; done += 1) {
      live.write(bar(done));
      await live.pass(5_000);
    }
    live.write(`\n${caught('ConnectionError: no')}`);
    for (let done = 20; done < 60; done += 1) {
      live.write(bar(done));
      await live.pass(5_000);
    }
    expect(live.facts.some(({ kind }) => kind === 'observation')).toBe(true);
    expect(live.told).toEqual([]);
  });

  it('is judged by its log although that was rotated a hundred times', async () => {
    const live = new LiveRun();
    for (let number = 0; number < 100; number += 1) {
      live.write(step(2 * number) + step(2 * number + 1), { path: `/logs/train.log.${number}`, final: true });
      await live.pass(1_000);
    }
    live.write(
      'RuntimeError: CUDA error: an illegal memory access was encountered\n' +
        step(200) +
        step(201) +
        step(202),
      { path: '/logs/train.log', final: true },
    );
    await live.pass(600_000);
    expect(live.told).toEqual([]);
  });
});

describe('what an open event says', () => {
  it('counts as it stands, and is replaced by what the closed event says', async () => {
    const live = new LiveRun();
    await train(live, 1, 6);
    live.write(
      'Traceback (most recent call last):\n  File "/w/train.py", line 8, in main\n    put()\nConnectionError: no\n',
      { rank: 3 },
    );
    await live.pass(3_000);
    live.write(
      `\nDuring handling of the above exception, another exception occurred:\n\n${uncaught(outOfMemory)}`,
      {
        rank: 3,
      },
    );
    await live.pass(20_000);
    expect(live.open).toEqual(['cuda-oom@3']);
    live.write('bye\n', { rank: 3 });
    await live.pass(20_000);
    expect(live.open).toEqual(['cuda-oom@3']);
    expect(live.told.filter((text) => text.endsWith('opened'))).toHaveLength(1);
  });

  it('is taken once, however often it comes', async () => {
    const live = new LiveRun();
    await train(live, 1, 3);
    live.write(step(3, 'nan') + step(4, 'nan'));
    await live.pass(3_000);
    for (let i = 0; i < 5; i += 1)
      expect(
        live.keeper.take(
          live.facts.filter(({ kind }) => kind === 'observation'),
          true,
        ),
      ).toBe(0);
  });
});

describe('the bound of runs', () => {
  it('lets the run go that was silent the longest, and counts it', async () => {
    const live = new LiveRun({ runsMax: 3 });
    for (let i = 0; i < 5; i += 1) live.write(step(1) + step(2), { run: `run-${i}`, final: true });
    expect(live.keeper.size).toBe(3);
    expect(live.evicted).toBe(2);
    // What is open of a run that was let go stays: not all that is known of it is held.
    live.write(uncaught(outOfMemory), { run: 'run-4', final: true });
    await live.pass(20_000);
    for (let i = 10; i < 15; i += 1) live.write(step(1) + step(2), { run: `run-${i}`, final: true });
    live.write(step(3) + step(4) + step(5), { run: 'run-4', path: '/logs/more.log' });
    await live.pass(200_000);
    expect(live.told).toEqual(['cuda-oom@0 opened']);
  });

  it('leaves out facts of runs that ended long ago', async () => {
    const live = new LiveRun();
    live.write(uncaught(outOfMemory), { final: true });
    await live.clock.advance(90_000_000);
    live.takeOver();
    await live.pass(30_000);
    expect(live.told).toEqual([]);
    expect(live.keeper.size).toBe(0);
  });
});
