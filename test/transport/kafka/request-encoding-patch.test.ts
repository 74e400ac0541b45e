import { createRequire } from 'node:module';
import { beforeAll, describe, expect, it } from 'vitest';
import { patchRequestEncoding } from '../../../src/transport/kafka/request-encoding-patch.ts';

const require = createRequire(import.meta.url);
const produce = 'kafkajs/src/protocol/requests/produce/v7/request';

describe('a produce request of the patched kafkajs', () => {
  const sizes = [[0], [10], [8191], [8192], [900_000], [10, 200_000, 1, 150_000, 8192], [200_000, 10]];
  const plain: Buffer[] = [];
  let isPatched = false;

  beforeAll(async () => {
    for (const each of sizes) plain.push(await requestBytes(each));
    // The patch is for a kafkajs that has sent nothing yet.
    for (const path of Object.keys(require.cache)) if (path.includes('kafkajs')) delete require.cache[path];
    isPatched = patchRequestEncoding();
  });

  it('is patched', () => {
    expect(isPatched).toBe(true);
  });

  it.each(sizes.map((each, i) => [each.join(', '), i] as const))(
    'has the bytes that it had before, with values of %s bytes',
    async (_, i) => {
      const patched = await requestBytes(sizes[i] ?? []);
      expect(patched.equals(plain[i] ?? Buffer.alloc(0))).toBe(true);
    },
  );
});

/** The whole request, by kafkajs as it is in the module cache at this time. */
async function requestBytes(values: readonly number[]): Promise<Buffer> {
  const { request } = load();
  const messages = values.map((bytes, i) => ({
    key: 'a'.repeat(32),
    value: Buffer.alloc(bytes, i + 1),
    headers: { v: '1', path: '/logs/ä' },
    timestamp: '1700000000000',
  }));
  const topicData = [{ topic: 't', partitions: [{ partition: 3, firstSequence: 0, messages }] }];
  const encoder = await request({ correlationId: 7, clientId: 'c', request: produceRequest(topicData) });
  return Buffer.from(encoder.buffer);
}

interface Loaded {
  request: (parts: object) => Promise<{ buffer: Buffer }>;
}

function load(): Loaded {
  return { request: require('kafkajs/src/protocol/request') as Loaded['request'] };
}

function produceRequest(topicData: object): object {
  const make = require(produce) as (parts: object) => object;
  return make({ acks: -1, timeout: 1000, topicData });
}
