/** What a network does to the link: silence, resets, half frames, lost replies, a second server. */
import { afterEach, expect, test } from 'vitest';
import { children, create, exists, get, remove, set } from '../../../src/lease/zookeeper/operations.ts';
import { opcodes } from '../../../src/lease/zookeeper/protocol.ts';
import { readZookeeperLeader } from '../../../src/lease/zookeeper/lease.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { stand } from '../../contract/lease.suite.ts';
import type { Standing } from '../../contract/lease.suite.ts';
import { until } from '../../fakes/clock.ts';
import { tcpProxy } from '../../fakes/tcp-proxy.ts';
import type { TcpProxy } from '../../fakes/tcp-proxy.ts';
import { describeWith } from '../../servers/servers.ts';
import { candidateCount, freshPath, leaseAt, sessionAt, sessionTimeoutMs } from './harness.ts';

await describeWith(['zookeeper'], 'the link to ZooKeeper', ({ zookeeper }) => {
  const proxies: TcpProxy[] = [];
  const standing: Standing[] = [];

  afterEach(async () => {
    await Promise.all(standing.splice(0).map((s) => s.leave()));
    await Promise.all(proxies.splice(0).map((p) => p.close()));
  });

  const proxy = async (): Promise<TcpProxy> => {
    const p = await tcpProxy(zookeeper);
    proxies.push(p);
    return p;
  };
  const standAt = (servers: readonly string[], path: string) => {
    const lease = leaseAt(servers, path);
    const s = Object.assign(stand(lease), { log: lease.log });
    standing.push(s);
    return s;
  };

  test('falls silent without a reset: the leader stops within 2/3 session, another leads after that', async () => {
    const path = freshPath();
    const link = await proxy();
    const first = standAt([link.address], path);
    await until(() => first.leads(), 'the first leads');
    const second = standAt([zookeeper], path);
    await until(async () => (await candidateCount(zookeeper, path)) === 2, 'the second is enrolled');
    link.silent();
    const silentMs = performance.now();
    let endedMs = Infinity;
    first.tenures[0]?.signal.addEventListener('abort', () => (endedMs = performance.now()));
    let overlaps = 0;
    await until(() => {
      overlaps += first.leads() && second.leads() ? 1 : 0;
      return second.leads();
    }, 'the second leads');
    expect(overlaps).toBe(0);
    expect(endedMs - silentMs).toBeLessThan((sessionTimeoutMs * 2) / 3 + 100);
    expect(performance.now() - silentMs).toBeLessThan(1.5 * sessionTimeoutMs);
    expect(first.lease.status()).toMatchObject({ connected: false, role: 'suspended', token: null });
    expect(first.lease.status().reason).toMatch(/silent|no handshake/);
    await link.pass();
    await until(() => first.lease.status().role === 'candidate', 'the first stands again');
    // Told once, over both sessions, unless the link came back and went again.
    const told = first.log.map(({ message }) => message).filter((text) => /cannot be|is back/.test(text));
    expect(told[0]).toMatch(/cannot be reached/);
    expect(told.some((text, i) => text === told[i - 1])).toBe(false);
  });

  test('falls silent at one server: within the session the leader goes on at another one, with the same token', async () => {
    const path = freshPath();
    const [one, two] = [await proxy(), await proxy()];
    const s = standAt([one.address, two.address], path);
    await until(() => s.leads(), 'it leads');
    const used = one.accepted > 0 ? one : two;
    used.silent();
    await until(() => s.tenures.length === 2 && s.leads(), 'it leads again');
    expect(s.tenures[0]?.signal.aborted).toBe(true);
    expect(s.tenures[1]?.token).toBe(s.tenures[0]?.token);
    expect(await candidateCount(zookeeper, path)).toBe(1);
  });

  test('is cut: the tenure ends at once, and a new one follows on the same node', async () => {
    const path = freshPath();
    const link = await proxy();
    const s = standAt([link.address], path);
    for (let round = 1; round <= 5; round += 1) {
      await until(() => s.tenures.length === round && s.leads(), `tenure ${round}`);
      link.cut();
    }
    await until(() => s.tenures.length === 6 && s.leads(), 'it leads again');
    expect(new Set(s.tenures.map(({ token }) => token)).size).toBe(1);
    expect(s.tenures.slice(0, -1).every(({ signal }) => signal.aborted)).toBe(true);
  });

  test('delivers half a frame and stalls, or is reset there: the next connection works', async () => {
    const path = freshPath();
    const link = await proxy();
    const s = standAt([link.address], path);
    await until(() => s.leads(), 'it leads');
    // The rest of the frame, and all that follows, never comes.
    link.limitToClient(6, () => link.silent());
    await until(() => !s.leads(), 'it has stopped');
    await link.pass();
    await until(() => s.leads(), 'it leads again');
    const tenures = s.tenures.length;
    link.limitToClient(6);
    await until(() => s.tenures.length > tenures && s.leads(), 'it leads again after a reset in mid-frame');
    expect(await candidateCount(zookeeper, path)).toBe(1);
  });

  test('is cut at every byte of the first exchanges: it comes through, with one node', async () => {
    const path = freshPath();
    for (let bytes = 1; bytes < 200; bytes += 13) {
      const link = await proxy();
      link.limitToClient(bytes);
      const s = standAt([link.address], path);
      await until(() => s.leads(), `it leads after a cut at byte ${bytes}`);
      await s.leave();
    }
    // A node of a session whose handshake reply was lost cannot exist: enrolling comes after it.
    expect(await candidateCount(zookeeper, path)).toBe(0);
  });

  test('loses the reply to create: the node is found again by its GUID, not made twice', async () => {
    const path = freshPath();
    const session = await sessionAt([zookeeper]);
    // With the path there, the first create is that of the candidate.
    for (const node of [path.slice(0, path.lastIndexOf('/')), path, `${path}/election`]) {
      await create(session, node, {});
    }
    await session.close();
    const link = await proxy();
    let creates = 0;
    link.onToServer((chunk) => {
      if (chunk.length > 12 && chunk.readInt32BE(8) === opcodes.create) {
        creates += 1;
        if (creates === 1) link.limitToClient(0);
      }
      return true;
    });
    const s = standAt([link.address], path);
    await until(() => s.leads(), 'it leads');
    expect(link.accepted).toBe(2);
    expect(creates).toBe(1);
    expect(await candidateCount(zookeeper, path)).toBe(1);
  });

  test('loses one request while pings are answered: its deadline drops the link', async () => {
    const link = await proxy();
    const session = await sessionAt([link.address]);
    link.onToServer((chunk) => !(chunk.length > 12 && chunk.readInt32BE(8) === opcodes.exists));
    await expect(exists(session, '/')).rejects.toMatchObject({
      code: 'ZOOKEEPER_CONNECTION_LOST',
      message: expect.stringContaining('no answer to exists'),
    });
    link.onToServer(null);
    await session.linked();
    expect(await exists(session, '/')).not.toBeNull();
    await session.close();
  });

  test('is slow: answers that come late but in time keep the lease', async () => {
    const path = freshPath();
    const link = await proxy();
    link.delay(60);
    const s = standAt([link.address], path);
    await until(() => s.leads(), 'it leads');
    await until(() => link.received > 600, 'pings are answered');
    expect(s.tenures.length).toBe(1);
    expect(s.leads()).toBe(true);
  });

  test('is refused at first: it is waited for, with one line of log', async () => {
    const path = freshPath();
    const link = await proxy();
    await link.refuse();
    const s = standAt([link.address], path);
    await until(() => s.lease.status().reason !== undefined, 'trouble is told');
    expect(s.lease.status()).toMatchObject({ role: 'connecting', connected: false });
    expect(s.lease.status().reason).toMatch(/refused/);
    await link.pass();
    await until(() => s.leads(), 'it leads');
    expect(s.log.filter(({ level }) => level === 'warn').length).toBe(1);
  });

  test('a watch outlives a change of server', async () => {
    const link = await proxy();
    const watching = await sessionAt([link.address]);
    const acting = await sessionAt([zookeeper]);
    const node = `/watched-${process.pid}`;
    await create(acting, node, { mode: 'ephemeral' });
    const events: string[] = [];
    await exists(watching, node, ({ type }) => events.push(`own ${type}`));
    await get(watching, node, ({ type }) => events.push(`data ${type}`));
    await exists(watching, `${node}-later`, ({ type }) => events.push(`later ${type}`));
    await link.refuse();
    await set(acting, node, Buffer.from('while away'));
    await link.pass();
    await watching.linked();
    await until(() => events.length === 2, 'what happened meanwhile is told');
    expect(events.sort()).toEqual(['data changed', 'own changed']);
    await create(acting, `${node}-later`, { mode: 'ephemeral' });
    await until(() => events.includes('later created'), 'the watch for a later node works');
    await Promise.all([watching.close(), acting.close()]);
  });

  test('a node deleted by somebody ends the tenure; the candidate enrols anew, for a larger token', async () => {
    const path = freshPath();
    const s = standAt([zookeeper], path);
    await until(() => s.leads(), 'it leads');
    const session = await sessionAt([zookeeper]);
    const [name] = (await children(session, `${path}/election`)) ?? [];
    await remove(session, `${path}/election/${name}`);
    await until(() => s.tenures.length === 2 && s.leads(), 'it leads again');
    expect(s.tenures[0]?.signal.aborted).toBe(true);
    expect(s.tenures[1]?.token).toBeGreaterThan(s.tenures[0]?.token ?? NaN);
    await session.close();
  });

  test('who leads can be read by anybody', async () => {
    const path = freshPath();
    const options = {
      servers: [zookeeper],
      path,
      sessionTimeoutMs,
      clock: systemClock,
      logger: silentLogger,
    };
    expect(await readZookeeperLeader(options, AbortSignal.timeout(5000))).toBeNull();
    const s = standAt([zookeeper], path);
    await until(() => s.leads(), 'it leads');
    expect(await readZookeeperLeader(options, AbortSignal.timeout(5000))).toMatchObject({
      identity: 'test',
      token: s.tenures[0]?.token,
      candidates: 1,
    });
  });
});
