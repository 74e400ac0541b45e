import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../fakes/clock.ts';
import { describeWith } from '../servers/servers.ts';
import { runCaboose } from './caboose-process.ts';
import type { CabooseProcess } from './caboose-process.ts';
import { TwoIndexers } from './two-indexers.ts';

const sessionTimeoutMs = 3_000;

await describeWith(['kafka', 'zookeeper', 'elasticsearch'], 'the leader of two indexers', (servers) => {
  const id = `lead${Date.now()}`;
  let two: TwoIndexers;

  beforeAll(async () => {
    two = await TwoIndexers.create({
      ...servers,
      id,
      partitions: 1,
      sessionTimeoutMs,
      more: 'incidents: { silentAfterMs: 5000 }',
    });
    const { dir, common } = two;
    await writeFile(join(dir, 'logs', 'a.log'), 'one\ntwo\n');
    await writeFile(
      join(dir, 'agent.yaml'),
      `source: { id: ${id}, include: ["${dir}/logs/*.log"], run: ${id} }\nstate: { dir: ${dir}/state }\n${common}`,
    );
    await ship();
    two.start();
  }, 60_000);

  afterAll(async () => await two.close());

  async function ship(): Promise<void> {
    const { code, stderr } = await runCaboose(['agent', '--once', '--config', join(two.dir, 'agent.yaml')]);
    if (code !== 0) throw new Error(stderr);
  }

  const theLeader = async (): Promise<CabooseProcess> => await two.theOneWith('caboose_leader');
  const theOther = (one: CabooseProcess) => two.processes.find((each) => each !== one);

  async function token(): Promise<number> {
    const [incident] = await two.index.incidents(id);
    return incident?.token ?? 0;
  }

  it('is followed within 1.5 × session time-out when it is killed', { timeout: 60_000 }, async () => {
    const leader = await theLeader();
    const other = theOther(leader);
    await leader.kill();
    const killedAt = performance.now();
    await until(async () => (await other?.metric('caboose_leader')) === 1, 'the other leads', 30_000);
    expect(performance.now() - killedAt).toBeLessThan(1.5 * sessionTimeoutMs);
    leader.start();
    await until(async () => (await leader.metric('caboose_leader')) === 0, 'the killed one is back', 30_000);
  });

  it(
    'writes nothing after it was stopped and continued, and is refused where it tries',
    { timeout: 90_000 },
    async () => {
      await until(async () => (await token()) > 0, 'the silent run is told', 30_000);
      const old = await theLeader();
      const oldToken = await token();
      old.signal('SIGSTOP');
      const other = theOther(old);
      await until(async () => (await other?.metric('caboose_leader')) === 1, 'the other leads', 30_000);
      await delay(2 * sessionTimeoutMs);
      // The run goes on: the new leader resolves the incident, under its own token.
      await writeFile(join(two.dir, 'logs', 'b.log'), 'three\nfour\n');
      await ship();
      await until(async () => (await token()) > oldToken, 'the new leader writes', 30_000);
      const [written] = await two.index.incidents(id);

      old.signal('SIGCONT');
      await until(
        async () => (await old.metric('caboose_leader')) === 0,
        'the old one knows that it is none',
        30_000,
      );
      expect(await two.with('caboose_leader')).toEqual([other]);
      if (!written) throw new Error('no incident');
      expect(await two.index.writeIncident({ ...written, message: 'from the past', token: oldToken })).toBe(
        'stale',
      );
      expect((await two.index.incidents(id)).some(({ message }) => message === 'from the past')).toBe(false);
    },
  );
});
