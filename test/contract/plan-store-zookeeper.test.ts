import { expect, test } from 'vitest';
import { create, get, multi, set } from '../../src/lease/zookeeper/operations.ts';
import { freshPath, leaseAt, sessionAt } from '../scenario/lease/harness.ts';
import { until } from '../fakes/clock.ts';
import { describeWith } from '../servers/servers.ts';
import { stand } from './lease.suite.ts';
import { draftOf, planStoreSuite } from './plan-store.suite.ts';

await describeWith(['zookeeper'], 'on a real server', ({ zookeeper }) => {
  planStoreSuite('ZooKeeper', async () => {
    const path = freshPath();
    return { candidate: (identity) => leaseAt([zookeeper], path, { identity }) };
  });

  test('the server refuses the plan together with the check of a node that is gone', async () => {
    const path = freshPath();
    const lease = leaseAt([zookeeper], path);
    const standing = stand(lease);
    await until(() => standing.leads(), 'it leads');
    const session = await sessionAt([zookeeper]);
    const data = Buffer.from('x');
    await expect(
      multi(session, [
        { op: 'check', path: `${path}/election/gone`, version: -1 },
        { op: 'create', path: `${path}/plan`, data, mode: 'persistent', acl: 'open' },
      ]),
    ).rejects.toMatchObject({ code: 'ZOOKEEPER_NO_NODE' });
    expect(await get(session, `${path}/plan`)).toBeNull();
    await session.close();
    await standing.leave();
  });

  test('what is no plan is told once, counts as none, and is replaced by the next', async () => {
    const path = freshPath();
    const lease = leaseAt([zookeeper], path);
    const standing = stand(lease);
    await until(() => standing.leads(), 'it leads');
    const session = await sessionAt([zookeeper]);
    await create(session, `${path}/plan`, { data: Buffer.from('{"v":9}') });
    await until(() => lease.log.some(({ level }) => level === 'warn'), 'it is told');
    await set(session, `${path}/plan`, Buffer.from('{"v":9}'));
    expect(lease.plans.current()).toBeNull();
    const [tenure] = standing.tenures;
    if (!tenure) throw new Error('no tenure');
    expect(await lease.plans.write(draftOf('ab'), tenure)).toMatchObject({ version: 1 });
    expect(lease.log.filter(({ level }) => level === 'warn')).toMatchObject([
      { fields: { path: `${path}/plan`, reason: expect.stringContaining('format 9') } },
    ]);
    await session.close();
    await standing.leave();
  });
});
