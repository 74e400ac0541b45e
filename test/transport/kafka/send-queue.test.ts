import type { Kafka, ProducerRecord } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import type { Lane } from '../../../src/core/segment.ts';
import { Connectivity } from '../../../src/transport/kafka/connectivity.ts';
import { SendQueue } from '../../../src/transport/kafka/send-queue.ts';
import type { Topics } from '../../../src/transport/kafka/topics.ts';
import { FakeClock, settle, until } from '../../fakes/clock.ts';

/** A broker in memory; the test says when it answers, and with what. */
class Broker {
  readonly sends: string[][] = [];
  failure: Error | null = null;
  refuses = (_names: readonly string[]): Error | null => this.failure;
  #held: (() => void)[] = [];
  holds = false;

  readonly client = {
    producer: () => ({
      connect: async () => await Promise.resolve(),
      disconnect: async () => await Promise.resolve(),
      send: async ({ topic, messages }: ProducerRecord) => {
        const names = messages.map(({ key }) => String(key));
        this.sends.push(names);
        if (this.holds) await new Promise<void>((resolve) => void this.#held.push(resolve));
        const refusal = this.refuses(names);
        if (refusal) throw refusal;
        return [{ topicName: topic, partition: messages[0]?.partition ?? 0, errorCode: 0 }];
      },
    }),
  } as unknown as Kafka;

  answer(): void {
    this.holds = false;
    for (const resolve of this.#held.splice(0)) resolve();
  }
}

let broker: Broker;
let clock: FakeClock;
let queue: SendQueue;
let acked: string[];

beforeEach(() => {
  broker = new Broker();
  clock = new FakeClock();
  acked = [];
  const counts = new Map([
    ['t.fast', 4],
    ['t.bulk', 4],
  ]);
  queue = new SendQueue({
    createClient: () => broker.client,
    topics: {
      counts: async () => await Promise.resolve(counts),
      forget: () => undefined,
    } as unknown as Topics,
    connectivity: new Connectivity({ brokers: ['b'], clock, logger: silentLogger }),
    logger: silentLogger,
  });
});
afterEach(async () => {
  broker.answer();
  await queue.stop(AbortSignal.abort());
});

function send(lane: Lane, name: string, bytes = 500 * 1024, partition = 0): Promise<void> {
  const message = () => ({ key: name, value: Buffer.alloc(bytes), headers: { codec: 'none' } });
  return queue.send(lane, `t.${lane}`, partition, message).then(() => void acked.push(name));
}

describe('the send queue', () => {
  test('puts what is short and of one partition into one send, in order', async () => {
    await Promise.all(['a', 'b', 'c'].map(async (name) => await send('bulk', name, 10)));
    expect(broker.sends).toEqual([['a', 'b', 'c']]);
    expect(acked).toEqual(['a', 'b', 'c']);
  });

  test('the fast lane goes first, whatever waits before it', async () => {
    broker.holds = true;
    const all = ['b1', 'b2', 'b3', 'b4'].map(async (name) => await send('bulk', name));
    await until(() => broker.sends.length === 1, 'the first is on its way');
    all.push(send('fast', 'f1', 100));
    await settle();
    broker.answer();
    await Promise.all(all);
    // b2 was encoded already when the news came, and waits all the same.
    expect(broker.sends.flat()).toEqual(['b1', 'f1', 'b2', 'b3', 'b4']);
  });

  test('bulk has a quarter of the bytes while the fast lane is busy', async () => {
    const all: Promise<void>[] = [];
    for (let i = 0; i < 40; i += 1) all.push(send('bulk', `b${i}`), send('fast', `f${i}`));
    await Promise.all(all);
    const whileBoth = broker.sends.flat().slice(0, 40);
    const bulk = whileBoth.filter((name) => name.startsWith('b')).length;
    expect(bulk).toBeGreaterThanOrEqual(8);
    expect(bulk).toBeLessThanOrEqual(11);
  });

  test('after an outage the fast lane goes first, before the bulk that was being sent', async () => {
    await send('bulk', 'b0');
    broker.failure = Object.assign(new Error('down'), { name: 'KafkaJSConnectionError' });
    const all = ['b1', 'b2'].map(async (name) => await send('bulk', name));
    await until(() => broker.sends.length > 1, 'a send that fails');
    all.push(send('fast', 'f1', 100));
    await settle();
    broker.failure = null;
    const before = broker.sends.length;
    await clock.advance(5000);
    await Promise.all(all);
    expect(broker.sends.slice(before).flat()).toEqual(['f1', 'b1', 'b2']);
  });

  test('a send that is too large as a whole goes record by record; only the one at fault is refused', async () => {
    const tooLarge = Object.assign(new Error('too large'), { type: 'MESSAGE_TOO_LARGE' });
    broker.refuses = (names) => (names.length > 1 || names.includes('b') ? tooLarge : null);
    const all = await Promise.allSettled(['a', 'b', 'c'].map(async (name) => await send('bulk', name, 10)));
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(broker.sends).toEqual([['a', 'b', 'c'], ['a'], ['b'], ['c']]);
  });

  test('stopped, refuses what waits in both lanes', async () => {
    broker.holds = true;
    const all = Promise.allSettled([send('bulk', 'b1'), send('bulk', 'b2'), send('fast', 'f1')]);
    await until(() => broker.sends.length === 1, 'a send is on its way');
    broker.failure = new Error('cut');
    const stopped = queue.stop(AbortSignal.abort());
    broker.answer();
    await stopped;
    for (const outcome of await all)
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'TRANSPORT_STOPPED' } });
  });
});
