import type { Kafka } from 'kafkajs';
import { expect, test } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import { Connectivity } from '../../../src/transport/kafka/connectivity.ts';
import { SendQueue } from '../../../src/transport/kafka/send-queue.ts';
import type { Topics } from '../../../src/transport/kafka/topics.ts';
import { FakeClock } from '../../fakes/clock.ts';

const topic = 'caboose.segments.bulk';
const acknowledged = [{ topicName: topic, partition: 0, errorCode: 0 }];

/** Clients whose first producer fails with these errors, one a send; all else is acknowledged. */
function clients(errors: Error[]) {
  const made: { sends: number; disconnected: boolean }[] = [];
  const createClient = (): Kafka => {
    const producer = { sends: 0, disconnected: false };
    made.push(producer);
    return {
      producer: () => ({
        connect: async () => await Promise.resolve(),
        disconnect: async () => await Promise.resolve(void (producer.disconnected = true)),
        async send() {
          producer.sends += 1;
          const error = made.length === 1 ? errors.shift() : undefined;
          if (error) throw error;
          return await Promise.resolve(acknowledged);
        },
      }),
    } as unknown as Kafka;
  };
  return { made, createClient };
}

async function sendThrough(errors: Error[]): Promise<{ sends: number; disconnected: boolean }[]> {
  const clock = new FakeClock();
  const { made, createClient } = clients(errors);
  const connectivity = new Connectivity({ brokers: ['b:9092'], clock, logger: silentLogger });
  const topics = { counts: async () => await Promise.resolve(new Map([[topic, 1]])) } as unknown as Topics;
  const queue = new SendQueue({ createClient, topics, connectivity, logger: silentLogger });
  const progress = { sent: false };
  const sending = queue.send(topic, 0, () => ({ value: 'x' })).then(() => (progress.sent = true));
  for (let i = 0; i < 10 && !progress.sent; i += 1) await clock.advance(5_000);
  await sending;
  await queue.stop();
  return made;
}

test('a link on which a request was never answered is not used again: the next attempt has another', async () => {
  const timeout = Object.assign(new Error('Request Produce timed out'), {
    name: 'KafkaJSRequestTimeoutError',
  });
  expect((await sendThrough([timeout])).map(({ sends }) => sends)).toEqual([1, 1]);
});

test('a broker that answers with an error is asked again on the same link', async () => {
  const moved = Object.assign(new Error('not the leader'), { type: 'NOT_LEADER_OR_FOLLOWER' });
  expect((await sendThrough([moved])).map(({ sends }) => sends)).toEqual([2]);
});
