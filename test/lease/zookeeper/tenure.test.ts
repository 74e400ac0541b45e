import { expect, test } from 'vitest';
import { beginTenure } from '../../../src/lease/zookeeper/tenure.ts';
import { FakeClock, settle } from '../../fakes/clock.ts';

function begin(trustedUntilMs = 4000) {
  const clock = new FakeClock();
  const over = new AbortController();
  const nodeChanged = Promise.withResolvers<void>();
  const trust = { untilMs: trustedUntilMs };
  const tenure = beginTenure({
    token: 7,
    clock,
    trustedUntilMs: () => trust.untilMs,
    over: over.signal,
    nodeChanged: nodeChanged.promise,
  });
  return { clock, over, nodeChanged, trust, tenure };
}

test('trust ends exactly when the clock reaches its limit, and the signal aborts', async () => {
  const { clock, tenure } = begin();
  await clock.advance(3999);
  expect(tenure.isTrusted()).toBe(true);
  await clock.advance(1);
  expect(tenure.signal.aborted).toBe(true);
  expect(tenure.isTrusted()).toBe(false);
});

test('answered pings move the limit on', async () => {
  const { clock, tenure, trust } = begin();
  await clock.advance(3000);
  trust.untilMs = 7000;
  await clock.advance(3999);
  expect(tenure.isTrusted()).toBe(true);
  await clock.advance(1);
  expect(tenure.signal.aborted).toBe(true);
});

test('the first question after a pause is answered by the clock, not by a timer; lapsed trust does not come back', async () => {
  const { clock, tenure, trust } = begin(0);
  // No timer has fired yet.
  expect(tenure.isTrusted()).toBe(false);
  trust.untilMs = 60_000;
  expect(tenure.isTrusted()).toBe(false);
  expect(tenure.signal.aborted).toBe(true);
  await clock.advance(1);
});

test('the end of the link, the session or the candidacy ends it at once', () => {
  const { over, tenure } = begin();
  over.abort(new Error('link lost'));
  expect(tenure.signal.aborted).toBe(true);
  expect(tenure.isTrusted()).toBe(false);
});

test('a node that somebody touched ends it', async () => {
  const { nodeChanged, tenure, clock } = begin();
  nodeChanged.resolve();
  await settle();
  expect(tenure.signal.aborted).toBe(true);
  expect(clock.sleeping).toBe(0);
});
