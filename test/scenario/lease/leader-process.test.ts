/** What happens to a leader's process: killed, stopped and continued, ended politely. */
import { afterEach, expect, test } from 'vitest';
import { until } from '../../fakes/clock.ts';
import { describeWith } from '../../servers/servers.ts';
import { CandidateProcess, candidateCount, freshPath } from './harness.ts';

/** Three ticks of the server: it lets a session live up to one tick longer than its timeout. */
const sessionTimeoutMs = 1500;

await describeWith(['zookeeper'], 'the process of a leader', ({ zookeeper }) => {
  const processes: CandidateProcess[] = [];

  afterEach(async () => {
    await Promise.all(processes.splice(0).map((p) => p.end()));
  });

  const candidate = (path: string): CandidateProcess => {
    const p = new CandidateProcess([zookeeper], path, sessionTimeoutMs);
    processes.push(p);
    return p;
  };

  test('is killed with -9: another leads within 1.5 session timeouts, under a larger token', async () => {
    const path = freshPath();
    const first = candidate(path);
    const before = await first.leads();
    const second = candidate(path);
    await until(async () => (await candidateCount(zookeeper, path)) === 2, 'the second is enrolled');
    const killedAt = Date.now();
    first.signal('SIGKILL');
    const after = await second.leads();
    console.log(`failover after kill -9: ${after.at - killedAt} ms, session timeout ${sessionTimeoutMs} ms`);
    expect(after.at - killedAt).toBeLessThan(1.5 * sessionTimeoutMs);
    expect(after.token).toBeGreaterThan(before.token);
  });

  test('is stopped for three sessions and continued: it acts no more after the successor has begun', async () => {
    const path = freshPath();
    const first = candidate(path);
    const before = await first.leads();
    const second = candidate(path);
    await until(async () => (await candidateCount(zookeeper, path)) === 2, 'the second is enrolled');
    await until(() => first.of('acts').length > 5, 'the first acts');
    first.signal('SIGSTOP');
    const after = await second.leads();
    await until(() => Date.now() - after.at > 2 * sessionTimeoutMs, 'three sessions have passed');
    const continuedAt = Date.now();
    first.signal('SIGCONT');
    await until(() => first.of('ended').length > 0, 'the first knows that it has ended');
    // Enrolled anew, behind the successor.
    await until(async () => (await candidateCount(zookeeper, path)) === 2, 'the first is enrolled again');
    expect(first.of('acts').filter(({ at }) => at >= after.at)).toEqual([]);
    expect(first.of('acts').filter(({ at }) => at >= continuedAt)).toEqual([]);
    expect(after.token).toBeGreaterThan(before.token);
    expect(second.of('ended')).toEqual([]);
    expect(first.of('leads').length).toBe(1);
  });

  test('leaves politely: a successor leads at once', async () => {
    const path = freshPath();
    const first = candidate(path);
    await first.leads();
    const second = candidate(path);
    await until(async () => (await candidateCount(zookeeper, path)) === 2, 'the second is enrolled');
    const leftAt = Date.now();
    first.signal('SIGTERM');
    const after = await second.leads();
    expect(after.at - leftAt).toBeLessThan(sessionTimeoutMs / 2);
    expect(first.of('acts').filter(({ at }) => at >= after.at)).toEqual([]);
    await until(() => first.of('left').length > 0, 'the first has left');
  });
});
