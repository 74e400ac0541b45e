import { createRequire } from 'node:module';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { Logger } from '../../../src/core/logger.ts';
import type { Fact } from '../../../src/core/fact.ts';
import type { DeadLetter, Transport } from '../../../src/core/transport.ts';
import { kafkaProblem } from '../../../src/transport/kafka/problems.ts';
import { patchRequestQueue } from '../../../src/transport/kafka/request-queue-patch.ts';
import { topicSpecs } from '../../../src/transport/kafka/topics.ts';
import { createKafkaTransport } from '../../../src/transport/kafka/transport.ts';
import { exampleSegment } from '../../segment/arbitrary-segment.ts';
import { until } from '../../fakes/clock.ts';

const opened: Transport[] = [];
const servers: Server[] = [];
const told: { level: string; message: string; fields: object }[] = [];

afterEach(async () => {
  for (const transport of opened.splice(0)) await transport.close();
  for (const server of servers.splice(0)) server.close();
  told.length = 0;
});

const tell =
  (level: string) =>
  (fields: object, message: string): void =>
    void told.push({ level, message, fields });
const logger: Logger = {
  debug: () => undefined,
  info: tell('info'),
  warn: tell('warn'),
  error: tell('error'),
};

function open(port: number): Transport {
  const transport = createKafkaTransport({ brokers: [`127.0.0.1:${port}`], clock: systemClock, logger });
  opened.push(transport);
  return transport;
}

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', () => resolve()));
  return (server.address() as AddressInfo).port;
}

describe('an address that is no broker', () => {
  test('a web server is told by name', async () => {
    const port = await listen(createHttpServer((_request, response) => response.end('hello')));
    await expect(open(port).publisher.partitionFor('bulk', 's')).rejects.toMatchObject({
      code: 'KAFKA_NOT_A_BROKER',
      message: `127.0.0.1:${port} answers HTTP, not Kafka`,
      hint: 'check transport.kafka.brokers',
    });
  }, 20_000);

  test('so is what speaks first, and what speaks something else', async () => {
    const ssh = await listen(
      createServer((socket) => socket.on('error', () => undefined).write('SSH-2.0-x\r\n')),
    );
    await expect(open(ssh).publisher.publish('bulk', 0, exampleSegment())).rejects.toMatchObject({
      code: 'KAFKA_NOT_A_BROKER',
    });
    const redis = await listen(
      createServer((socket) => socket.on('error', () => undefined).write('-ERR what\r\n')),
    );
    const subscriber = open(redis).subscriber();
    const first = subscriber.batches(AbortSignal.timeout(10_000))[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ code: 'KAFKA_NOT_A_BROKER' });
  }, 20_000);
});

test('a broker that is down is told once and waited for, until the signal aborts', async () => {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => void server.close(resolve));
  const transport = open(port);
  const controller = new AbortController();
  const waiting = transport.publisher.partitionFor('bulk', 's', controller.signal);
  await until(() => told.length > 0, 'one line');
  const published = transport.publisher.publish('bulk', 0, exampleSegment());
  const settled = Promise.allSettled([waiting, published]);
  expect(transport.state()).toMatchObject({ name: 'kafka', connected: false });
  controller.abort();
  await transport.publisher.stop(AbortSignal.abort());
  const rejected = (code: string): object => ({ status: 'rejected', reason: { code } });
  expect(await settled).toMatchObject([rejected('KAFKA_UNAVAILABLE'), rejected('TRANSPORT_STOPPED')]);
  expect(told.map((line) => line.message)).toEqual(['Kafka cannot be reached, waiting']);
}, 20_000);

test('whatever waits for a broker that was never there ends when the publisher is stopped', async () => {
  const transport = open(1);
  const { publisher, facts, deadLetters } = transport;
  const asked = new AbortController();
  const waiting = Promise.allSettled([
    publisher.partitionFor('bulk', 's', asked.signal),
    publisher.publish('bulk', 0, exampleSegment()),
    facts.append([{ kind: 'lifecycle', run: 'r' } as unknown as Fact]),
    deadLetters.append([{ kind: 'late', stream: 's' } as unknown as DeadLetter]),
  ]);
  await until(() => told.length > 0, 'the outage to be told', 20_000);
  await publisher.stop(AbortSignal.abort());
  const ended = await waiting;
  expect(ended.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
  expect(asked.signal.aborted).toBe(false);
});

test('the patch keeps an idle request queue asleep, and a waiting one awake', () => {
  expect(patchRequestQueue(), 'kafkajs has changed: look at its request queue again').toBe(true);
  interface Queue {
    pending: unknown[];
    throttleCheckTimeoutId: unknown;
    checkPendingRequests(): void;
    scheduleCheckPendingRequests(): void;
    destroy(): void;
  }
  const require = createRequire(import.meta.url);
  const RequestQueue = require('kafkajs/src/network/requestQueue') as new (options: object) => Queue;
  const queue = new RequestQueue({ logger: { debug: () => undefined }, maxInFlightRequests: 0 });
  queue.checkPendingRequests();
  expect(queue.throttleCheckTimeoutId).toBeNull();
  queue.pending.push({});
  queue.scheduleCheckPendingRequests();
  expect(queue.throttleCheckTimeoutId).not.toBeNull();
  queue.destroy();
});

test('errors say what to do', () => {
  const problem = (error: object): string =>
    kafkaProblem(Object.assign(new Error('x'), error), new Map()).code;
  expect(problem({ type: 'MESSAGE_TOO_LARGE' })).toBe('KAFKA_MESSAGE_TOO_LARGE');
  expect(problem({ cause: Object.assign(new Error('y'), { type: 'TOPIC_AUTHORIZATION_FAILED' }) })).toBe(
    'KAFKA_AUTHORIZATION',
  );
  expect(problem({ name: 'KafkaJSSASLAuthenticationError' })).toBe('KAFKA_AUTHENTICATION');
  expect(problem({ code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })).toBe('KAFKA_TLS');
  expect(problem({ type: 'INVALID_TIMESTAMP' })).toBe('KAFKA_TIMESTAMP');
  expect(problem({ code: 'ECONNREFUSED' })).toBe('KAFKA_UNAVAILABLE');
});

test('topics: two lanes that take a whole send, incidents compacted', () => {
  const specs = topicSpecs({
    topicPrefix: 'caboose',
    partitions: 12,
    replicationFactor: null,
    createTopics: true,
    segmentsOnly: false,
    eventsTopic: true,
  });
  const settings = new Map(
    specs.map((spec) => [spec.topic, new Map(spec.configEntries?.map(({ name, value }) => [name, value]))]),
  );
  expect([...settings.keys()]).toEqual([
    'caboose.segments.fast',
    'caboose.segments.bulk',
    'caboose.facts',
    'caboose.incidents',
    'caboose.dead-letters',
    'caboose.events',
  ]);
  expect(settings.get('caboose.incidents')?.get('cleanup.policy')).toBe('compact');
  for (const topic of settings.values())
    expect(Number(topic.get('max.message.bytes'))).toBeGreaterThan(960 * 1024);
  for (const topic of settings.values()) expect(topic.get('message.timestamp.type')).toBe('LogAppendTime');
});
