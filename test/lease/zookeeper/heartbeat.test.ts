import { expect, test } from 'vitest';
import { Heartbeat } from '../../../src/lease/zookeeper/heartbeat.ts';
import { FakeClock } from '../../fakes/clock.ts';

class PausingClock extends FakeClock {
  /** ms that have gone by without a timer firing. */
  paused = 0;

  override monotonic(): number {
    return super.monotonic() + this.paused;
  }
}

function start(sessionTimeoutMs = 6000) {
  const clock = new PausingClock();
  const stop = new AbortController();
  const pings: number[] = [];
  const silences: number[] = [];
  const heartbeat = new Heartbeat({
    clock,
    sessionTimeoutMs,
    handshakeSentMs: 0,
    sendPing: () => pings.push(clock.monotonic()),
    onSilent: (ms) => silences.push(ms),
  });
  const running = heartbeat.run(stop.signal);
  return { clock, stop, pings, silences, heartbeat, running };
}

test('trust runs from the sending of the last answered ping', async () => {
  const { clock, heartbeat, pings } = start();
  expect(heartbeat.trustedUntilMs).toBe(4000);
  await clock.advance(1000);
  expect(pings).toEqual([1000]);
  await clock.advance(500);
  expect(heartbeat.trustedUntilMs).toBe(4000);
  heartbeat.answered();
  expect(heartbeat.trustedUntilMs).toBe(5000);
});

test('an answer that nobody asked for extends nothing', async () => {
  const { clock, heartbeat } = start();
  await clock.advance(900);
  heartbeat.answered();
  expect(heartbeat.trustedUntilMs).toBe(4000);
});

test('one ping at a time, and silence is found after a third of the session', async () => {
  const { clock, pings, silences, running } = start();
  await clock.advance(2900);
  expect(pings).toEqual([1000]);
  expect(silences).toEqual([]);
  await clock.advance(200);
  expect(silences).toEqual([2000]);
  await running;
});

test('after a pause of the process, what has arrived is read before the link is judged', async () => {
  const { clock, heartbeat, pings, silences } = start();
  await clock.advance(1000);
  expect(pings).toEqual([1000]);
  // The process stands still: when it goes on, the timer is long overdue and the answer lies unread in the socket.
  clock.paused = 5000;
  await clock.advance(1000);
  expect(silences).toEqual([]);
  heartbeat.answered();
  await clock.advance(300);
  expect(silences).toEqual([]);
  expect(pings.length).toBe(2);
});

test('confirm shares the ping that is under way', async () => {
  const { clock, heartbeat, pings } = start();
  let confirmed = 0;
  heartbeat.confirm(() => (confirmed += 1));
  heartbeat.confirm(() => (confirmed += 1));
  expect(pings).toEqual([0]);
  await clock.advance(10);
  heartbeat.answered();
  expect(confirmed).toBe(2);
});

test('no timer outlives the connection', async () => {
  const { clock, stop, running } = start();
  stop.abort();
  await running;
  expect(clock.sleeping).toBe(0);
});
