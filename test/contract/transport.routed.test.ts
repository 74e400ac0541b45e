import { randomUUID } from 'node:crypto';
import { appendFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Transport } from '../../src/core/transport.ts';
import { createLocalTransport } from '../../src/transport/local/transport.ts';
import { createRoutedTransport } from '../../src/transport/routed.ts';
import { until } from '../fakes/clock.ts';
import { Consumer, series, source, transportSuite } from './transport.suite.ts';

const others = ['eval', 'vision'];

/** Routed over embedded logs, one for each prefix. */
function openRouted(dir: string, reading: readonly string[] = others): Transport {
  return createRoutedTransport({
    topicPrefix: 'own',
    others: reading,
    open: (prefix) =>
      createLocalTransport({
        dir: join(dir, prefix),
        pollIntervalMs: 20,
        clock: systemClock,
        logger: silentLogger,
      }),
  });
}

transportSuite('routed transport', async () => {
  const dir = await mkdtemp(join(tmpdir(), `caboose-routed-${randomUUID().slice(0, 4)}`));
  const opened: Transport[] = [];
  return {
    open: () => {
      const transport = openRouted(dir);
      opened.push(transport);
      return transport;
    },
    publishGarbage: async (lane) => {
      const log = join(dir, 'own', `segments.${lane}`);
      const last = (await readdir(log)).toSorted().at(-1)!;
      await appendFile(join(log, last), 'rubbish, but not a torn record'.repeat(10));
      await opened[0]?.close();
      Object.defineProperties(opened[0]!, Object.getOwnPropertyDescriptors(openRouted(dir)));
    },
    dispose: async () => {
      for (const transport of opened) await transport.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
});

describe('the routed transport', () => {
  let dir: string;
  let writer: Transport;
  const abort: Consumer[] = [];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'caboose-routed-'));
    writer = openRouted(dir);
  });
  afterEach(async () => {
    for (const consumer of abort.splice(0)) await consumer.stop();
    await writer.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function publish(name: string, topicPrefix?: string): Promise<void> {
    const partition = await writer.publisher.partitionFor('bulk', source, undefined, topicPrefix);
    for (const segment of series(name, 3))
      await writer.publisher.publish('bulk', partition, segment, topicPrefix);
  }

  const placesOf = async (transport: Transport) =>
    (await Array.fromAsync(transport.scanner.scan())).map(
      ({ topicPrefix, segment }) => `${segment.path} in ${topicPrefix}`,
    );

  test('consumes, scans and reports all prefixes, and says which', async () => {
    await publish('a');
    await publish('b', 'eval');
    await publish('c', 'vision');
    const each = ['/logs/a in own', '/logs/b in eval', '/logs/c in vision'];
    const consumer = new Consumer(writer);
    abort.push(consumer);
    await until(() => consumer.segments.length === 9, 'all segments', 30_000);
    const found = consumer.batches.flatMap(({ segments }) =>
      segments.map(({ topicPrefix, segment }) => `${segment.path} in ${topicPrefix}`),
    );
    expect([...new Set(found)].sort()).toEqual(each);
    expect(new Set(await placesOf(writer))).toEqual(new Set(each));
    const isCommitted = async () => {
      const reports = await writer.partitions(AbortSignal.timeout(5_000));
      const bulk = reports.filter(({ lane }) => lane === 'bulk');
      expect(bulk.map(({ topicPrefix }) => topicPrefix)).toEqual(['own', 'eval', 'vision']);
      return bulk.every(({ end, committed }) => committed === end);
    };
    await until(isCommitted, 'all is committed', 30_000);
    expect((await consumer.subscriber.lag()).reduce((sum, { records }) => sum + records, 0)).toBe(0);
  });

  test('publishes to a prefix that it does not read: a stream keeps its topic', async () => {
    await publish('a', 'former');
    expect(await placesOf(writer)).toEqual([]);
    const again = openRouted(dir, ['former']);
    expect(new Set(await placesOf(again))).toEqual(new Set(['/logs/a in former']));
    await again.close();
  });

  test('follows all prefixes at once', async () => {
    await publish('a');
    const stop = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      for await (const { segment } of writer.scanner.scan({ follow: true, signal: stop.signal }))
        seen.push(segment.path);
    })();
    await until(() => seen.length === 3, 'what is there', 30_000);
    await publish('b', 'eval');
    await publish('c');
    await until(() => seen.length === 9, 'what comes', 30_000);
    stop.abort();
    await following;
    expect(seen.filter((path) => path === '/logs/b')).toHaveLength(3);
  });
});
