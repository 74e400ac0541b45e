/** An index that refuses one mapping, from the refusal to the mend, on a real server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@elastic/elasticsearch';
import { expect, test } from 'vitest';
import { replayLetters } from '../../src/commands/dead-letters/replay.ts';
import { readBook } from '../../src/commands/dead-letters/select.ts';
import { Indexing } from '../../src/commands/wiring/indexing.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createElasticsearchIndex } from '../../src/sinks/elasticsearch/index.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { createLocalTransport } from '../../src/transport/local/transport.ts';
import { until } from '../fakes/clock.ts';
import { segmentOf } from '../fakes/segments.ts';
import { describeWith } from '../servers/servers.ts';

const options = { clock: systemClock, logger: silentLogger };
const signal = AbortSignal.timeout(100_000);
/** In the design: the letter is there by then. */
const letterMsMax = 10_000;

await describeWith(['elasticsearch'], 'a mapping that somebody changed', ({ elasticsearch: node }) => {
  test('makes a dead letter within seconds, holds up nothing else, and replay brings it in after the mend', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'caboose-letters-'));
    const indexPrefix = `letters-${process.pid}-${Math.trunc(performance.now())}`;
    const client = new Client({ node });
    const transport = createLocalTransport({ dir, pollIntervalMs: 20, ...options });
    const index = createElasticsearchIndex({ node, indexPrefix, refreshIntervalMs: 100, ...options });
    const stop = new AbortController();
    const indexing = new Indexing({
      subscriber: transport.subscriber(),
      index,
      facts: transport.facts,
      deadLetters: transport.deadLetters,
      onFacts: () => undefined,
      onRevoked: () => undefined,
      timeZone: 'UTC',
      provisionalAfterMs: 1_000,
      refusedInARowMax: 100,
      metrics: createMetrics(),
      ...options,
    });
    try {
      await index.prepare(signal);
      const wrong = `${indexPrefix}-metrics-2026.11`;
      // The price of a mapping by hand: `loss` is a date, and no number is one.
      await client.indices.create({
        index: wrong,
        mappings: { properties: { metric: { subobjects: false, properties: { loss: { type: 'ip' } } } } },
      } as never);
      const running = indexing.run(stop.signal);
      const first = '{"step": 1, "loss": 2.5}\n{"step": 2, "other": 1}\n';
      const began = performance.now();
      await transport.publisher.publish('bulk', 0, segmentOf(first, { path: '/logs/m.jsonl' }));
      await until(
        async () => (await readBook(transport.deadLetters, signal)).open.length === 1,
        'a letter',
        30_000,
      );
      expect(performance.now() - began).toBeLessThan(letterMsMax);
      const second = '{"step": 3, "other": 2}\n{"step": 4, "other": 3}\n';
      const next = segmentOf(second, { path: '/logs/m.jsonl', start: first.length, final: true });
      await transport.publisher.publish('bulk', 0, next);
      const names = async () => (await index.points('r')).map(({ step, name }) => `${step} ${name}`);
      await expect.poll(names, { timeout: 20_000 }).toEqual(['2 other', '3 other', '4 other']);
      stop.abort();
      await running;

      const { open } = await readBook(transport.deadLetters, signal);
      expect(open).toMatchObject([{ kind: 'document', run: 'r', path: '/logs/m.jsonl', start: 0, end: 24 }]);
      expect(open[0]?.reason).toContain('parsing_exception');
      const again = async () =>
        await Array.fromAsync(
          replayLetters(transport.deadLetters, open, {
            ...options,
            index,
            publisher: transport.publisher,
            signal,
          }),
        );
      expect(await again()).toMatchObject([{ outcome: { status: 'refused' } }]);
      expect((await readBook(transport.deadLetters, signal)).open).toHaveLength(1);

      // The mend: the index is made anew by the template, from what is in it.
      await client.indices.delete({ index: wrong });
      expect(await again()).toMatchObject([{ outcome: { status: 'replayed' } }]);
      expect((await readBook(transport.deadLetters, signal)).open).toEqual([]);
      await index.refresh();
      await expect.poll(names, { timeout: 20_000 }).toEqual(['1 loss']);
    } finally {
      stop.abort();
      await transport.close();
      await index.close();
      await client.indices.delete({ index: `${indexPrefix}-*` }, { ignore: [404] }).catch(() => undefined);
      await client.close();
      await rm(dir, { recursive: true, force: true });
    }
  });
});
