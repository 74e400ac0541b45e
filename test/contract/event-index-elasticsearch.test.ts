/** The suite and what only Elasticsearch does, on a real server. */
import { Client } from '@elastic/elasticsearch';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import type { EventIndex } from '../../src/core/event-index.ts';
import type { PointFact } from '../../src/core/fact.ts';
import { silentLogger } from '../../src/core/logger.ts';
import { createElasticsearchIndex } from '../../src/sinks/elasticsearch/index.ts';
import { templateVersion } from '../../src/sinks/elasticsearch/templates.ts';
import { tokenize } from '../../src/sinks/tokens.ts';
import { describeWith } from '../servers/servers.ts';
import {
  eventIndexSuite,
  patience,
  makeEvent,
  makePoint,
  newStream,
  signal,
  startTime,
} from './event-index.suite.ts';

await describeWith(['elasticsearch'], 'the index in Elasticsearch', ({ elasticsearch: node }) => {
  let client: Client;
  let prefixes = 0;
  beforeAll(() => {
    client = new Client({
      node,
      headers: { accept: 'application/json', 'content-type': 'application/json' },
    });
  });
  afterAll(async () => {
    await client.close();
  });

  function open(indexPrefix = newPrefix(), logger = silentLogger, refreshIntervalMs = 100) {
    const index = createElasticsearchIndex({
      node,
      clock: systemClock,
      logger,
      indexPrefix,
      routedPrefixes: [`${indexPrefix}-eval`],
      refreshIntervalMs,
    });
    return {
      index,
      indexPrefix,
      routedPrefix: `${indexPrefix}-eval`,
      remove: () => remove(index, indexPrefix),
    };
  }

  function newPrefix(): string {
    prefixes += 1;
    return `suite-${process.pid}-${Date.now()}-${prefixes}`;
  }

  async function remove(index: EventIndex, prefix: string): Promise<void> {
    await index.close();
    const names = Object.keys(await client.indices.get({ index: `${prefix}-*` }));
    for (const name of names) await client.indices.delete({ index: name });
    await client.indices.deleteIndexTemplate({ name: `${prefix}-*` }, { ignore: [404] });
  }

  eventIndexSuite('the suite', async () => open());

  test('of each step the point with the greatest weight is of the last attempt, and the most precise', async () => {
    const { index, indexPrefix, remove } = open();
    const run = `weights-${indexPrefix}`;
    const tell = async (over: Partial<PointFact>) =>
      await index.write(
        [
          {
            kind: 'points',
            points: [makePoint({ ...over, stream: newStream(), run })],
          },
        ],
        signal,
      );
    for (const step of [1, 2, 3]) {
      await tell({ step, value: 4.25, decimals: 2 });
      await tell({ step, value: 4.251_234_5 });
    }
    await tell({ step: 3, value: 3.5, decimals: 1, restart: 1 });
    await tell({ step: 2, value: 1.5, attempt: 1, decimals: 1 });
    await tell({ step: 4, value: NaN, decimals: 0 });
    await client.indices.refresh({ index: `${indexPrefix}-metrics-*` });
    const { hits } = await client.search<{
      step: number;
      point: { source: string };
      metric: { loss?: number };
    }>({
      index: `${indexPrefix}-metrics-*`,
      query: { bool: { filter: [{ term: { 'run.id': run } }, { term: { metric_names: 'loss' } }] } },
      collapse: { field: 'step' },
      sort: [{ 'point.weight': 'desc' }],
      size: 100,
    });
    const found = hits.hits.map(({ _source: source }) => [
      source?.step,
      source?.metric.loss,
      source?.point.source,
    ]);
    expect(found.sort(([a], [b]) => Number(a) - Number(b))).toEqual([
      [1, 4.251_234_5, 'file'],
      [2, 1.5, 'console'],
      [3, 3.5, 'console'],
      [4, undefined, 'console'],
    ]);
    await remove();
  });

  test('what a route leads to a prefix is in indices of that prefix alone, with their templates', async () => {
    const { index, indexPrefix, routedPrefix, remove } = open();
    const stream = newStream();
    await index.write(
      [
        { kind: 'event', event: makeEvent({ stream }), indexPrefix: routedPrefix },
        { kind: 'points', points: [makePoint({ stream, run: 'r' })], indexPrefix: routedPrefix },
        { kind: 'event', event: makeEvent({ stream, start: 100 }), indexPrefix: `${indexPrefix}-unheard` },
      ],
      signal,
    );
    const names = Object.keys(await client.indices.get({ index: `${indexPrefix}-*` })).sort();
    expect(names.map((name) => name.slice(indexPrefix.length))).toEqual([
      '-eval-logs-2026.11.23',
      '-eval-metrics-2026.11',
      '-incidents',
      '-streams',
      '-unheard-logs-2026.11.23',
    ]);
    const mappings = await client.indices.getMapping({ index: `${indexPrefix}-*-logs-*` });
    expect(Object.values(mappings).map((found) => found.mappings)).toEqual([
      expect.objectContaining({ _meta: { caboose: templateVersion } }),
      expect.objectContaining({ _meta: { caboose: templateVersion } }),
    ]);
    await remove();
  });

  test('its words are those of tokens.ts', async () => {
    const texts = [
      "[2026-11-23 10:00:00,123] INFO torch.nn.Linear loss=2.31 lr:1e-5 cuda:0 a:b don't _x_ __ ___a 1__2 a._b",
      "/data/x.py:42: UserWarning: foo_bar.baz(1,000;5) \"q\" 'single' it's rock'n'roll 1.2.3.4:80 ::1 a..b a.:b 1:2 1.a a.1",
      'Epoch 1:  45%|████▌     | 450/1000 [00:12<00:15, 36.2it/s] →done ✅ 🚀go 🤗 Trainer ⚠️ warn ★ ™ ½ ² №5 10µs 5Å',
      'naïve café ÜBER Straße ΣΑΣ İstanbul ı 损失loss下降 カタカナ ひらがな 한국어 русский עברית العربية ไทย e\u0301x a\u200bb',
      `${'x'.repeat(300)} ${'a.'.repeat(200)} ${'7'.repeat(254)}.5 ${'é'.repeat(256)}`,
      'user@host.com https://a.b/c?d=e&f=g#h {"k": [1, 2.5e-3, null]} <tag attr="v"> C++ c# $VAR ${x} ~/.cache 0x7ffe 1_000',
      'tab\tnul\0bell\u0007 soft\u00adhyphen nb\u00a0sp zero\u200dwidth · a·b ’tis o’clock 1٫5 fullＷidth １２３',
      '\u{1f1e9}\u{1f1ea} \u{1f468}\u200d\u{1f469}\u200d\u{1f467} \u{1f44d}\u{1f3fd} 1\ufe0f\u20e3 \u2764\ufe0f',
    ];
    for (const text of texts) {
      const { tokens } = await client.indices.analyze({ analyzer: 'standard', text: [text] });
      expect(tokenize(text)).toEqual(tokens?.map(({ token }) => token));
    }
  });

  test('the templates map what they promise, and nothing else grows', async () => {
    const { index, indexPrefix, remove } = open();
    const stream = newStream();
    const points = [
      makePoint({ stream, run: 'mapped', value: NaN }),
      makePoint({ stream, run: 'mapped', name: 'a', canonical: null, value: 1 }),
      makePoint({ stream, run: 'mapped', name: 'a.b', canonical: null, value: 2 }),
      makePoint({ stream, run: 'mapped', name: 'odd..name', canonical: null, value: 3 }),
      ...Array.from({ length: 1500 }, (_, n) =>
        makePoint({ stream, run: 'mapped', name: `gate/${n}`, canonical: null, value: n }),
      ),
    ];
    const event = makeEvent({ stream, run: 'mapped', fields: { loss: NaN, unknown: { deep: 1 } } });
    await index.write(
      [
        { kind: 'event', event },
        { kind: 'points', points },
      ],
      signal,
    );
    await client.indices.refresh({ index: `${indexPrefix}-*` });

    const count = async (query: Record<string, unknown>) =>
      (await client.count({ index: `${indexPrefix}-*`, query })).count;
    expect(await count({ term: { 'metric_text.loss': 'NaN' } })).toBe(1);
    expect(await count({ exists: { field: 'metric.loss' } })).toBe(0);
    expect(await count({ range: { 'metric.a': { gte: 1 } } })).toBe(1);
    expect(await count({ term: { 'metric.a.b': 2 } })).toBe(1);
    expect(await count({ term: { 'metric_overflow.odd..name': '3' } })).toBe(1);
    expect(await count({ term: { 'metric_overflow.gate/1499': '1499' } })).toBe(1);
    expect(await count({ term: { 'fields.loss': 'NaN' } })).toBe(1);
    expect(await count({ term: { 'fields.unknown.deep': '1' } })).toBe(1);
    const { [`${indexPrefix}-logs-2026.11.23`]: logs } = await client.indices.getMapping({
      index: `${indexPrefix}-logs-*`,
    });
    expect(Object.keys(logs?.mappings.properties ?? {}).sort()).toEqual(
      [
        '@timestamp',
        'agent',
        'caboose',
        'event',
        'fields',
        'host',
        'labels',
        'log',
        'message',
        'rank',
        'run',
      ].sort(),
    );
    await remove();
  });

  test('templates are replaced when older and left when newer', async () => {
    const { index, indexPrefix, remove } = open();
    const put = async (version: number) => {
      const name = `${indexPrefix}-logs`;
      await client.indices.putIndexTemplate({ name, index_patterns: [`${name}-*`], version, template: {} });
    };
    const held = async () =>
      (await client.indices.getIndexTemplate({ name: `${indexPrefix}-logs` })).index_templates[0]
        ?.index_template.version;
    await put(templateVersion - 1);
    await index.prepare(signal);
    expect(await held()).toBe(templateVersion);
    await put(templateVersion + 1);
    await index.prepare(signal);
    expect(await held()).toBe(templateVersion + 1);
    await remove();
  });

  test.each([
    [1_000, 'only events are refreshed unasked', undefined],
    [500, 'all are, where it is to be sooner than by the server itself', '500ms'],
  ])('each %d ms: %s; so are older indices from then on', async (intervalMs, _, others) => {
    const { index, indexPrefix, remove } = open(newPrefix(), silentLogger, intervalMs);
    const streams = `${indexPrefix}-streams`;
    await client.indices.putIndexTemplate({
      name: streams,
      index_patterns: [streams],
      version: templateVersion - 1,
      template: {},
    });
    await client.indices.create({ index: streams, settings: { refresh_interval: '77ms' } });
    const stream = newStream();
    const event = makeEvent({ stream });
    const points = [makePoint({ stream, run: 'r' })];
    await index.write(
      [
        { kind: 'event', event },
        { kind: 'points', points },
      ],
      signal,
    );
    const found = await client.indices.getSettings({ index: `${indexPrefix}-*` });
    const intervals = Object.entries(found).map(([name, { settings }]) => [
      name.slice(indexPrefix.length),
      settings?.index?.refresh_interval,
    ]);
    expect(Object.fromEntries(intervals)).toEqual({
      '-logs-2026.11.23': `${intervalMs}ms`,
      '-metrics-2026.11': others,
      '-incidents': others,
      '-streams': others,
    });
    await remove();
  });

  test('templates that were deleted come back before the first write to a new index', async () => {
    const { index, indexPrefix, remove } = open();
    await index.prepare(signal);
    await client.indices.deleteIndexTemplate({ name: `${indexPrefix}-*` });
    const event = makeEvent({ stream: newStream() });
    await index.write([{ kind: 'event', event }], signal);
    const found = await client.indices.getFieldMapping({ index: `${indexPrefix}-logs-*`, fields: 'fields' });
    expect(JSON.stringify(found)).toContain('flattened');
    await remove();
  });

  test('an index with a wrong mapping rejects items with the reason, and does not stall the others', async () => {
    const { index, indexPrefix, remove } = open();
    await index.prepare(signal);
    await client.indices.create({
      index: `${indexPrefix}-logs-2026.11.23`,
      mappings: { properties: { message: { type: 'long' } } },
    });
    const stream = newStream();
    const other = makeEvent({ stream, start: 100, observed: startTime + 86_400_000 });
    const results = await index.write(
      [
        { kind: 'event', event: makeEvent({ stream }) },
        { kind: 'event', event: other },
      ],
      signal,
    );
    expect(results[0]).toMatchObject({ status: 'rejected', reason: expect.stringContaining('message') });
    expect(results[1]).toEqual({ status: 'stored' });
    await remove();
  });

  test('a read-only index is waited for, with one line in the log', async () => {
    const lines: string[] = [];
    const record = (_: object, text: string) => void lines.push(text);
    const { index, indexPrefix, remove } = open(newPrefix(), {
      debug: record,
      info: record,
      warn: record,
      error: record,
    });
    const stream = newStream();
    await index.write([{ kind: 'event', event: makeEvent({ stream }) }], signal);
    const block = async (value: boolean) =>
      await client.indices.putSettings({
        index: `${indexPrefix}-logs-*`,
        settings: { 'index.blocks.write': value },
      });
    await block(true);
    lines.length = 0;
    const writing = index.write([{ kind: 'event', event: makeEvent({ stream, start: 100 }) }], signal);
    await expect.poll(async () => index.state().connected, patience(index)).toEqual(false);
    await block(false);
    expect(await writing).toEqual([{ status: 'stored' }]);
    expect(lines).toEqual([
      'The index refuses writes and an operator is needed; trying again slowly.',
      'The index takes writes again.',
    ]);
    await remove();
  });
});
