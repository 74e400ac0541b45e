import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CabooseError } from '../../src/core/errors.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { CutLog } from '../../src/tail/cut-log.ts';
import type { StreamState } from '../../src/tail/cut-state.ts';
import type { JournalStore } from '../../src/tail/journal-store.ts';
import { ReadBuffers } from '../../src/tail/read-buffers.ts';
import { Sender } from '../../src/tail/sender.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { FakeClock, settle } from '../fakes/clock.ts';
import { FakePublisher } from '../fakes/publisher.ts';
import { redactor } from './redactors.ts';
import { cutOf, recordOf } from './stream-state.ts';

/** A state directory of which nothing is kept. */
const store: JournalStore = {
  names: async () => await Promise.resolve([]),
  read: () => Promise.reject(new Error('there is nothing')),
  replace: async () => await Promise.resolve(),
  append: async () =>
    await Promise.resolve({
      write: () => Promise.resolve(),
      sync: async () => undefined,
      close: async () => undefined,
    }),
  rename: async () => await Promise.resolve(),
  remove: async () => await Promise.resolve(),
};

let publisher: FakePublisher;
let cutLog: CutLog;
let clock: FakeClock;
let sender: Sender;
let errors: string[];

beforeEach(async () => {
  publisher = new FakePublisher();
  clock = new FakeClock();
  errors = [];
  const logger = { ...silentLogger, error: (_: object, message: string) => void errors.push(message) };
  cutLog = await CutLog.open({ store, source: 's', logger });
  const metrics = createMetrics();
  const buffers = new ReadBuffers();
  const parts = { publisher, cutLog, redactor: redactor({ metrics }), buffers, clock, logger, metrics };
  sender = new Sender({ ...parts, source: 's', bytesMax: 20 });
});
afterEach(() => sender.stop());

const stream = (letter = 'a'): StreamState => cutLog.register(recordOf(letter.repeat(32)), 0);

/** Cuts the next so many bytes and sends them. */
function send(state: StreamState, length: number): void {
  const cut = cutOf(state.end, state.end + length);
  cutLog.cut(state, cut);
  sender.send({ state, cut, bytes: Buffer.alloc(length, 'x') });
}

const published = () => publisher.published.map(({ segment: { stream, start } }) => `${stream[0]}${start}`);
const refusal = () => new CabooseError('TOO_LARGE', 'too large');

describe('Sender', () => {
  it('hands the cuts of a stream over in order, without waiting for acks', async () => {
    publisher.acks = false;
    const [a, b] = [stream('a'), stream('b')];
    for (const state of [a, b, a, a]) send(state, 1);
    await settle();
    expect(published().filter((name) => name.startsWith('a'))).toEqual(['a0', 'a1', 'a2']);
    expect(published()).toHaveLength(4);
    expect(publisher.published[0]).toMatchObject({ lane: 'bulk', partition: 3 });
  });

  it('moves the position with the ack, and not before', async () => {
    publisher.acks = false;
    const state = stream();
    send(state, 5);
    await settle();
    expect({ acked: state.acked, pending: state.pending.length }).toEqual({ acked: 0, pending: 1 });
    publisher.release();
    expect(await sender.drained()).toBe(true);
    expect({ acked: state.acked, pending: state.pending.length }).toEqual({ acked: 5, pending: 0 });
  });

  it('has room for so many bytes that are not acknowledged, and never less than none', async () => {
    publisher.acks = false;
    const state = stream();
    expect(sender.room.left('bulk')).toBe(15);
    send(state, 10);
    expect({ left: sender.room.left('bulk'), underWay: sender.room.taken }).toEqual({
      left: 5,
      underWay: 10,
    });
    send(state, 15);
    expect(sender.room.left('bulk')).toBe(0);
    await settle();
    publisher.release();
    await sender.drained();
    expect({ left: sender.room.left('bulk'), underWay: sender.room.taken }).toEqual({
      left: 15,
      underWay: 0,
    });
  });

  it('asks for the partition of a stream once, and keeps it in the state', async () => {
    const state = stream();
    send(state, 1);
    await sender.drained();
    publisher.unreachable = new Error('not asked again');
    send(state, 1);
    expect(await sender.drained()).toBe(true);
    expect(state.record.partition).toBe(3);
  });

  describe('nextAck', () => {
    it('does not wait when nothing is under way', async () => {
      await expect(sender.nextAck()).resolves.toBeUndefined();
    });

    it('waits for an ack', async () => {
      publisher.acks = false;
      send(stream(), 1);
      let woken = false;
      const waiting = sender.nextAck().then(() => (woken = true));
      await settle();
      expect(woken).toBe(false);
      publisher.release();
      await waiting;
    });

    it('does not outwait its signal', async () => {
      publisher.acks = false;
      send(stream(), 1);
      const abort = new AbortController();
      const waiting = sender.nextAck(abort.signal);
      abort.abort();
      await waiting;
      expect(await sender.drained(abort.signal)).toBe(false);
    });
  });

  it('tells of a refusal once, holds back its stream and no other, and goes on when it is taken', async () => {
    const [a, b] = [stream('a'), stream('b')];
    publisher.refuse = (segment) => (segment.stream.startsWith('a') ? refusal() : null);
    for (const state of [a, b]) send(state, 1);
    await settle();
    send(a, 1);
    send(b, 1);
    await settle();
    expect(published()).toEqual(['b0', 'b1']);
    expect(sender.refusal).toMatchObject({ code: 'TOO_LARGE' });
    expect(sender.refusedSignal.aborted).toBe(true);
    publisher.refuse = null;
    await clock.advance(60_000);
    expect(await sender.drained()).toBe(true);
    expect(published()).toEqual(['b0', 'b1', 'a0', 'a1']);
    expect(sender.refusal).toBeNull();
    expect(errors).toHaveLength(1);
  });

  it('stopped, gives up on what is refused, and moves no position', async () => {
    const state = stream();
    publisher.refuse = refusal;
    send(state, 4);
    await settle();
    sender.stop();
    await sender.drained();
    expect({ acked: state.acked, pending: state.pending.length }).toEqual({ acked: 0, pending: 1 });
    expect(sender.room.taken).toBe(0);
  });

  it('stopped, sends nothing that follows what was refused', async () => {
    const state = stream();
    publisher.refuse = (segment) => (segment.start === 0 ? refusal() : null);
    send(state, 4);
    await settle();
    send(state, 4);
    await settle();
    sender.stop();
    await sender.drained();
    expect(published()).toEqual([]);
    expect(state.pending).toHaveLength(2);
  });
});
