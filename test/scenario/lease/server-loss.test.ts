/** What happens to the servers: killed and started again, wiped, one of three gone, frozen. */
import { rm, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { stand } from '../../contract/lease.suite.ts';
import type { Standing } from '../../contract/lease.suite.ts';
import { until } from '../../fakes/clock.ts';
import type { ServerProcess } from '../../servers/server-process.ts';
import { describeStarting } from '../../servers/servers.ts';
import { fourLetterWord, startZooKeeper, startZooKeeperEnsemble } from '../../servers/zookeeper.ts';
import { freshPath, leaseAt } from './harness.ts';

const standing: Standing[] = [];

afterEach(async () => {
  await Promise.all(standing.splice(0).map((s) => s.leave()));
});

function standAt(servers: readonly string[], path: string) {
  const lease = leaseAt(servers, path);
  const s = Object.assign(stand(lease), { log: lease.log });
  standing.push(s);
  return s;
}

const leaders = (): Standing[] => standing.filter((s) => s.leads());

async function untilOneLeads(what: string): Promise<void> {
  await until(
    () => {
      expect(leaders().length).toBeLessThan(2);
      return leaders().length === 1;
    },
    what,
    30_000,
  );
}

await describeStarting(['zookeeper'], 'a ZooKeeper server', () => {
  let zookeeper: ServerProcess;
  beforeAll(async () => {
    zookeeper = await startZooKeeper({ tickTimeMs: 500 });
  });
  afterAll(async () => {
    await zookeeper.stop();
  });

  test('is killed and started again: leadership stops and comes back, with one line for the outage', async () => {
    const path = freshPath();
    const [a, b] = [standAt([zookeeper.address], path), standAt([zookeeper.address], path)];
    await untilOneLeads('one leads');
    const token = leaders()[0]?.tenures.at(-1)?.token ?? NaN;
    await zookeeper.kill('SIGKILL');
    await until(() => leaders().length === 0, 'nobody leads');
    await zookeeper.restart();
    await untilOneLeads('one leads again');
    expect(leaders()[0]?.tenures.at(-1)?.token).toBeGreaterThanOrEqual(token);
    await until(() => a.lease.status().connected && b.lease.status().connected, 'both are connected');
    for (const { log } of [a, b]) {
      expect(log.filter(({ message }) => message.includes('cannot be reached')).length).toBe(1);
    }
  });

  test('is frozen and goes on: nobody leads meanwhile', async () => {
    const path = freshPath();
    standAt([zookeeper.address], path);
    standAt([zookeeper.address], path);
    await untilOneLeads('one leads');
    await zookeeper.kill('SIGSTOP');
    await until(() => leaders().length === 0, 'nobody leads');
    await zookeeper.kill('SIGCONT');
    await untilOneLeads('one leads again');
    expect(leaders()[0]?.lease.status()).toMatchObject({ role: 'leader', connected: true });
  });

  test('comes back without its data: after two session timeouts the candidates begin anew', async () => {
    const path = freshPath();
    const s = standAt([zookeeper.address], path);
    await untilOneLeads('one leads');
    await zookeeper.kill('SIGKILL');
    const data = join(zookeeper.directory, 'data');
    await rm(data, { recursive: true });
    await mkdir(data);
    await zookeeper.restart();
    await until(() => s.tenures.length === 2 && s.leads(), 'it leads again', 30_000);
    expect(s.log.map(({ message }) => message)).toContain(
      'ZooKeeper session lost: standing for election anew',
    );
  });
});

await describeStarting(['zookeeper'], 'an ensemble of three', () => {
  test('loses the server that carries the leader, then its quorum, and gets it back', async () => {
    const servers = await startZooKeeperEnsemble(3, { tickTimeMs: 500 });
    try {
      const path = freshPath();
      const addresses = servers.map(({ address }) => address);
      standAt(addresses, path);
      standAt(addresses, path);
      await untilOneLeads('one leads');
      const tokens = [leaders()[0]?.tenures.at(-1)?.token ?? NaN];
      const [first, second] = await byConnections(servers);
      await first?.kill('SIGKILL');
      await untilOneLeads('one leads with two servers');
      tokens.push(leaders()[0]?.tenures.at(-1)?.token ?? NaN);
      await second?.kill('SIGKILL');
      await until(() => leaders().length === 0, 'nobody leads without a quorum');
      await second?.restart({ ready: false });
      await untilOneLeads('one leads again');
      tokens.push(leaders()[0]?.tenures.at(-1)?.token ?? NaN);
      expect(tokens).toEqual(tokens.toSorted((x, y) => x - y));
    } finally {
      await Promise.all(standing.splice(0).map((s) => s.leave()));
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});

/** Most connections first: that server carries a candidate. */
async function byConnections<T extends { address: string }>(servers: readonly T[]): Promise<T[]> {
  const counted = await Promise.all(
    servers.map(async (server) => {
      const answer = await fourLetterWord(Number(server.address.split(':')[1]), 'cons');
      return { server, connections: answer.split('\n').length };
    }),
  );
  return counted.sort((x, y) => y.connections - x.connections).map(({ server }) => server);
}
