/**
 * The index in Elasticsearch 8 or 9.
 *
 * States: not connected → connected ⇄ failing (an outage, missing rights, a block), as `state` tells. Failure rule: a write
 * waits for the server for as long as its caller does; a document that the server will never take is answered as
 * rejected; asking (`search` and the like) fails at once with what to do.
 *
 * Exactly once: `_id` and `version` are functions of the bytes, `version_type: external_gte`, and the dated index is a
 * function of `observed` and of the stream; so whatever is written again lands on itself, and an older state never replaces a newer one.
 */
import type { estypes } from '@elastic/elasticsearch';
import { errors } from '@elastic/elasticsearch';
import type { Clock } from '../../core/clock.ts';
import type {
  AuditScope,
  EventIndex,
  IndexItem,
  ItemResult,
  PointsQuery,
  RunSummary,
  SearchHit,
  StoredPoint,
  StoredRange,
  StreamFilter,
  WriteOptions,
} from '../../core/event-index.ts';
import type { IncidentDocument } from '../../core/incident.ts';
import type { Logger } from '../../core/logger.ts';
import { resourcesKind } from '../../core/resources.ts';
import type { SearchQuery } from '../../core/search-query.ts';
import type { StreamDocument, StreamSummary } from '../../core/stream-document.ts';
import type { ConnectionState } from '../../core/transport.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { isExpired, newestPoints, startOfDay, summarizeRuns, summaryFields } from '../documents.ts';
import type { BulkAction, BulkContext } from './bulk.ts';
import { pause, sendBulk } from './bulk.ts';
import type { ElasticsearchAddress, ElasticsearchClient } from './client.ts';
import { createClient, nodeName, toFailure } from './client.ts';
import type { MappedMetrics } from './documents.ts';
import {
  deleteAction,
  incidentSource,
  itemActions,
  pointFields,
  rangeFields,
  auditFields,
  scopeQuery,
  timestamp,
  toSearchHit,
  toStoredPoints,
  toStoredRange,
  toStreamDocument,
  toStreamSummary,
} from './documents.ts';
import { Health } from './health.ts';
import { toElasticsearchQuery } from './queries.ts';
import { Refresher } from './refresher.ts';
import { createIndex, datedTemplates, installTemplates, templateNames } from './templates.ts';

export interface ElasticsearchIndexOptions extends ElasticsearchAddress {
  clock: Clock;
  logger: Logger;
  metrics?: Pick<Metrics, 'indexRetries'>;
  /** Default `caboose`. */
  indexPrefix?: string;
  /** Of further indices of events and points. Stream documents and incidents are in those of `indexPrefix`. */
  routedPrefixes?: readonly string[];
  /** Default 1,000. */
  refreshIntervalMs?: number;
}

const pageHits = 500;
const hitsMax = 10_000;
const streamsPerRequest = 500;
/** For what somebody waits to find, the index is refreshed at most so often per `refreshIntervalMs`. */
const refreshesPerInterval = 4;
/** Below a server's default of 65,536 buckets. */
const totalsPerRequest = 10_000;
const pointInTimeKeepAlive = '2m';
/** The server's cached clock, by which it forgets deletes, steps every 200 ms. */
const forgetDeletesMs = 300;

/** Their product stays far below a server's default of 65,536 buckets. */
const latestRanksMax = 512;
const latestDevicesMax = 17;

type Hit = estypes.SearchHit<Record<string, unknown>>;

interface LatestBucket {
  ranks: { buckets: { devices: { buckets: { newest: { hits: { hits: Hit[] } } }[] } }[] };
}

export function createElasticsearchIndex(options: ElasticsearchIndexOptions): EventIndex {
  return new ElasticsearchIndex(options);
}

class ElasticsearchIndex implements EventIndex {
  readonly refreshIntervalMs: number;
  readonly #client: ElasticsearchClient;
  readonly #prefix: string;
  /** All that are known: its own, those of the config, and those that stream documents have named. */
  readonly #prefixes: Set<string>;
  readonly #node: string;
  readonly #options: ElasticsearchIndexOptions;
  readonly #health: Health;
  readonly #bulk: BulkContext;
  readonly #mapped: MappedMetrics = new Set();
  readonly #refresher: Refresher;
  /** Indices before whose first write the templates were seen to be there. */
  #writtenIndices = new Set<string>();

  constructor(options: ElasticsearchIndexOptions) {
    this.#options = options;
    this.refreshIntervalMs = options.refreshIntervalMs ?? 1_000;
    this.#prefix = options.indexPrefix ?? 'caboose';
    this.#prefixes = new Set([this.#prefix, ...(options.routedPrefixes ?? [])]);
    this.#node = nodeName(options.node);
    this.#client = createClient(options);
    this.#health = new Health(options.logger, this.#node);
    this.#refresher = new Refresher({
      refresh: async (index) =>
        void (await this.#client.indices.refresh({ index, ignore_unavailable: true })),
      intervalMs: this.refreshIntervalMs / refreshesPerInterval,
      clock: options.clock,
      logger: options.logger,
    });
    this.#bulk = {
      client: this.#client,
      node: this.#node,
      clock: options.clock,
      health: this.#health,
      metrics: options.metrics,
      createIndex: async (index, signal) => void (await createIndex(this.#client, index, signal)),
    };
  }

  async prepare(signal?: AbortSignal): Promise<void> {
    await this.#untilDone(async () => await this.#install(signal), signal, { wrongServerThrows: true });
  }

  async write(
    items: readonly IndexItem[],
    signal: AbortSignal,
    { soon = false }: WriteOptions = {},
  ): Promise<ItemResult[]> {
    signal.throwIfAborted();
    const results = Array.from<ItemResult>({ length: items.length });
    // Stream documents speak of the events, so they are written when those are stored.
    const written = await this.#writePart(items, (item) => item.kind !== 'stream', results, signal);
    if (soon) this.#refresher.request([...written].filter((name) => name.includes('-logs-')));
    await this.#writePart(items, (item) => item.kind === 'stream', results, signal);
    return results;
  }

  async loadStreams(ids: readonly string[], signal: AbortSignal): Promise<Map<string, StreamDocument>> {
    const streams = new Map<string, StreamDocument>();
    for (let from = 0; from < ids.length; from += streamsPerRequest) {
      const some = ids.slice(from, from + streamsPerRequest);
      const { docs } = await this.#untilDone(
        async () => await this.#client.mget({ index: this.#index('streams'), ids: some }, { signal }),
        signal,
      );
      for (const document of docs) {
        if (!('found' in document) || !document.found) continue;
        const { _id: id, _source: source } = document;
        streams.set(id, toStreamDocument(source));
      }
    }
    return streams;
  }

  async search(query: SearchQuery): Promise<SearchHit[]> {
    const limit = Math.max(0, Math.min(query.limit ?? 100, hitsMax));
    const order = query.order === 'oldest' ? 'asc' : 'desc';
    const hits = this.#hits({
      index: this.#dated('logs'),
      query: toElasticsearchQuery(query),
      sort: [
        {
          '@timestamp': {
            order,
            unmapped_type: 'date_nanos',
            numeric_type: 'date_nanos',
            format: 'strict_date_optional_time_nanos',
          },
        },
        { 'log.offset': { order, unmapped_type: 'long' } },
        { 'caboose.stream': { order, unmapped_type: 'keyword' } },
      ],
      limit,
    });
    const found: SearchHit[] = [];
    for await (const { _id: id, _source: source } of hits) found.push(toSearchHit(id ?? '', source));
    return found;
  }

  async points(run: string, { name, limit = 10_000, resources = false }: PointsQuery = {}) {
    const order = resources ? 'desc' : 'asc';
    const named = name === undefined ? [] : [{ term: { metric_names: name } }];
    const ofResources = { term: { 'caboose.kind': resourcesKind } };
    const hits = this.#hits({
      index: this.#dated('metrics'),
      query: {
        bool: {
          filter: [{ term: { 'run.id': run } }, ...named, ...(resources ? [ofResources] : [])],
          must_not: resources ? [] : [ofResources],
        },
      },
      sort: [
        ...(resources ? [] : [{ step: { order, missing: '_last', unmapped_type: 'double' } } as const]),
        {
          '@timestamp': {
            order,
            unmapped_type: 'date_nanos',
            numeric_type: 'date_nanos',
            format: 'strict_date_optional_time_nanos',
          },
        },
        { 'log.offset': { order, unmapped_type: 'long' } },
      ],
      source: pointFields,
    });
    const found: StoredPoint[] = [];
    for await (const { _source: source } of hits) {
      found.push(...toStoredPoints(source, name));
      if (found.length >= limit) break;
    }
    const most = found.slice(0, limit);
    return resources ? most.reverse() : most;
  }

  async latestPoints(run: string, canonicalNames: readonly string[]): Promise<StoredPoint[]> {
    const newest = {
      top_hits: {
        size: 1,
        sort: [{ 'run.attempt': 'desc' }, { '@timestamp': 'desc' }],
        _source: pointFields,
      },
    };
    const devices = { terms: { field: 'device', missing: '', size: latestDevicesMax }, aggs: { newest } };
    const ranks = { terms: { field: 'rank', missing: -1, size: latestRanksMax }, aggs: { devices } };
    const named = canonicalNames.map((name) => [name, { term: { metric_names: name } }]);
    const { aggregations } = await this.#asked(() =>
      this.#client.search<unknown, { names: { buckets: Record<string, LatestBucket> } }>({
        index: this.#dated('metrics'),
        ignore_unavailable: true,
        size: 0,
        query: { term: { 'run.id': run } },
        aggs: { names: { filters: { filters: Object.fromEntries(named) }, aggs: { ranks } } },
      }),
    );
    const found = Object.values(aggregations?.names.buckets ?? {}).flatMap((name) =>
      name.ranks.buckets.flatMap((rank) =>
        rank.devices.buckets.flatMap((device) =>
          device.newest.hits.hits.flatMap(({ _source: source }) => toStoredPoints(source, undefined)),
        ),
      ),
    );
    return newestPoints(found, canonicalNames);
  }

  async runs(): Promise<RunSummary[]> {
    const fields = summaryFields.map((field) => `document.${field}`);
    const hits = this.#hits({ index: this.#index('streams'), query: { match_all: {} }, source: fields });
    return await summarizeRuns(documentsOf<StreamDocument>(hits));
  }

  async *streams({ run, openSince }: StreamFilter = {}): AsyncIterable<StreamDocument> {
    const filter: estypes.QueryDslQueryContainer[] = [];
    if (run !== undefined) filter.push({ term: { 'run.id': run } });
    if (openSince !== undefined) {
      filter.push(
        { term: { 'caboose.open': true } },
        { range: { '@timestamp': { gte: timestamp(openSince) } } },
      );
    }
    const query = { bool: { filter } };
    for await (const { _source: source } of this.#hits({
      index: this.#index('streams'),
      query,
      pageSize: 100,
    })) {
      yield toStreamDocument(source);
    }
  }

  async refresh(): Promise<void> {
    const index = [...this.#dated('logs'), this.#index('streams')];
    try {
      await this.#client.indices.refresh({ index, ignore_unavailable: true });
    } catch (error) {
      const failure = toFailure(error, this.#node);
      if (failure.kind !== 'refused') throw failure.error;
      // A user that may only read waits for the refreshes that come by themselves.
      await this.#options.clock.sleep(2 * this.refreshIntervalMs);
    }
  }

  async *streamSummaries(scope: AuditScope): AsyncIterable<StreamSummary> {
    for await (const { _source: source } of this.#hits({
      index: this.#index('streams'),
      query: scopeQuery(scope),
      source: auditFields,
      pageSize: 5_000,
    })) {
      yield toStreamSummary(source);
    }
  }

  async *eventTotals(scope: AuditScope): AsyncIterable<{ stream: string; events: number }> {
    const sources = [{ stream: { terms: { field: 'caboose.stream' } } }];
    for (let after: Record<string, estypes.FieldValue> | undefined; ;) {
      const { aggregations } = await this.#asked(() =>
        this.#client.search<unknown, { streams: estypes.AggregationsCompositeAggregate }>({
          index: this.#dated('logs'),
          ignore_unavailable: true,
          size: 0,
          allow_partial_search_results: false,
          query: scopeQuery(scope),
          aggs: { streams: { composite: { size: totalsPerRequest, sources, ...(after && { after }) } } },
        } as estypes.SearchRequest),
      );
      const { buckets = [], after_key: next } = aggregations?.streams ?? {};
      for (const { key, doc_count: events } of Array.isArray(buckets) ? buckets : Object.values(buckets))
        yield { stream: String(key['stream']), events };
      if (next === undefined) return;
      after = next;
    }
  }

  async eventCounts(streams: readonly string[] | ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const bounds: [string, number | undefined][] = Array.isArray(streams)
      ? streams.map((stream) => [stream, undefined])
      : [...(streams as ReadonlyMap<string, number>)];
    const counts = new Map<string, number>(bounds.map(([stream]) => [stream, 0]));
    for (let from = 0; from < bounds.length; from += streamsPerRequest) {
      const some = bounds.slice(from, from + streamsPerRequest);
      const filters = some.map(([stream, before]): [string, estypes.QueryDslQueryContainer] => {
        const ofStream = { term: { 'caboose.stream': stream } };
        const isBefore = before === undefined ? [] : [{ range: { 'log.offset': { lt: before } } }];
        return [stream, { bool: { filter: [ofStream, ...isBefore] } }];
      });
      const { aggregations } = await this.#asked(() =>
        this.#client.search<unknown, { streams: { buckets: Record<string, { doc_count: number }> } }>({
          index: this.#dated('logs'),
          ignore_unavailable: true,
          size: 0,
          allow_partial_search_results: false,
          query: { terms: { 'caboose.stream': some.map(([stream]) => stream) } },
          aggs: { streams: { filters: { filters: Object.fromEntries(filters) } } },
        }),
      );
      for (const [stream, { doc_count: events }] of Object.entries(aggregations?.streams.buckets ?? {}))
        counts.set(stream, events);
    }
    return counts;
  }

  async *storedRanges(scope: AuditScope): AsyncIterable<StoredRange & { stream: string }> {
    const hits = this.#hits({
      index: this.#dated('logs'),
      query: scopeQuery(scope),
      source: [...rangeFields, 'caboose.stream'],
      pageSize: 5_000,
    });
    for await (const { _id: id, _source: source } of hits) {
      const { caboose } = source as { caboose: { stream: string } };
      yield { ...toStoredRange(id ?? '', source), stream: caboose.stream };
    }
  }

  async *ranges(stream: string, within?: { start: number; end: number }): AsyncIterable<StoredRange> {
    const filter: estypes.QueryDslQueryContainer[] = [{ term: { 'caboose.stream': stream } }];
    if (within) {
      filter.push({ range: { 'log.offset': { lt: within.end } } });
      filter.push({ range: { 'caboose.end': { gt: within.start } } });
    }
    const hits = this.#hits({
      index: this.#dated('logs'),
      query: { bool: { filter } },
      sort: [{ 'log.offset': { order: 'asc', unmapped_type: 'long' } }],
      source: rangeFields,
      pageSize: 5_000,
    });
    for await (const { _id: id, _source: source } of hits) yield toStoredRange(id ?? '', source);
  }

  async heldSince(): Promise<number | null> {
    const found = await this.#asked(() =>
      this.#client.indices.get({ index: this.#dated('logs'), features: ['aliases'] }),
    );
    const days = Object.keys(found).flatMap((index) => /\d{4}\.\d\d\.\d\d$/.exec(index) ?? []);
    const [oldest] = days.sort();
    return oldest === undefined ? null : startOfDay(oldest);
  }

  async writeIncident(incident: IncidentDocument): Promise<'stored' | 'stale'> {
    const index = this.#index('incidents');
    await this.#ensureTemplates([index]);
    try {
      await this.#client.index({
        index,
        id: incident.id,
        version: incident.token,
        version_type: 'external_gte',
        document: incidentSource(incident),
      });
      return 'stored';
    } catch (error) {
      if (error instanceof errors.ResponseError && error.statusCode === 409) return 'stale';
      throw toFailure(error, this.#node).error;
    }
  }

  async incidents(run?: string): Promise<IncidentDocument[]> {
    const hits = this.#hits({
      index: this.#index('incidents'),
      query: run === undefined ? { match_all: {} } : { term: { 'run.id': run } },
      source: ['document'],
    });
    const found = await Array.fromAsync(documentsOf<IncidentDocument>(hits));
    return found.sort((a, b) => a.opened - b.opened || (a.id < b.id ? -1 : 1));
  }

  async deleteRun(run: string): Promise<number> {
    const refresh = async (index: string | string[]) =>
      await this.#asked(() => this.#client.indices.refresh({ index, ignore_unavailable: true }));
    await refresh(this.#index('streams'));
    for await (const { indexPrefix } of this.streams({ run })) this.#know(indexPrefix);
    const index = [...this.#dated('logs'), ...this.#dated('metrics'), this.#index('streams')];
    await refresh(index);
    let deleted = 0;
    let page: BulkAction[] = [];
    const query = { term: { 'run.id': run } };
    const hits = this.#hits({ index, query, source: false, version: true, pageSize: 2_000 });
    for await (const { _index: dated, _id: id = '', _version: version = 0 } of hits) {
      page.push(deleteAction(dated, id, version));
      if (page.length === 2_000) deleted += await this.#delete(page.splice(0));
    }
    deleted += await this.#delete(page.splice(0));
    if (deleted === 0) return 0;
    // A delete leaves its version behind, which would refuse the run's shorter states until it is forgotten: with
    // `gc_deletes: 0s` that is the next refresh after the server's clock has moved.
    await this.#options.clock.sleep(forgetDeletesMs);
    await refresh(index);
    return deleted;
  }

  async applyRetention({ logsDays, metricsDays }: { logsDays: number; metricsDays: number }, now: number) {
    const found = await this.#asked(() =>
      this.#client.indices.get({
        index: [...this.#dated('logs'), ...this.#dated('metrics')],
        expand_wildcards: ['open', 'closed'],
        features: ['aliases'],
      }),
    );
    const expired = Object.keys(found)
      .filter((index) => {
        const [, prefix = '', kind, period] =
          /^(.+)-(logs-(?=.{10}$)|metrics-(?=.{7}$))(\d{4}\.\d\d(?:\.\d\d)?)$/.exec(index) ?? [];
        if (!this.#prefixes.has(prefix)) return false;
        return period !== undefined && isExpired(period, kind === 'logs-' ? logsDays : metricsDays, now);
      })
      .sort();
    for (const index of expired) {
      await this.#asked(() => this.#client.indices.delete({ index, ignore_unavailable: true }));
      this.#writtenIndices.delete(index);
    }
    return expired;
  }

  state(): ConnectionState {
    return this.#health.state;
  }

  async close(): Promise<void> {
    await this.#refresher.stop();
    await this.#client.close();
  }

  #index(name: string): string {
    return `${this.#prefix}-${name}`;
  }

  /** The dated indices of all prefixes. */
  #dated(name: 'logs' | 'metrics'): string[] {
    return [...this.#prefixes].map((prefix) => `${prefix}-${name}-*`);
  }

  /** A stream keeps its prefix when the config names it no more. */
  #know(prefix: string | undefined): void {
    if (prefix !== undefined) this.#prefixes.add(prefix);
  }

  async #writePart(
    items: readonly IndexItem[],
    belongs: (item: IndexItem) => boolean,
    results: ItemResult[],
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    const actions: BulkAction[] = [];
    const positions: number[] = [];
    for (const [position, item] of items.entries()) {
      if (!belongs(item)) continue;
      results[position] = { status: 'stored' };
      if (item.kind !== 'stream') this.#know(item.indexPrefix);
      for (const action of itemActions(item, this.#prefix, this.#mapped)) {
        actions.push(action);
        positions.push(position);
      }
    }
    const indices = new Set(actions.map(({ index }) => index));
    if (actions.length === 0) return indices;
    await this.#ensureTemplates(indices, signal);
    const answers = await sendBulk(this.#bulk, actions, signal);
    for (const [at, answer] of answers.entries()) {
      // An item of several documents is rejected with the first that is.
      const position = positions[at] ?? 0;
      if (answer.status === 'rejected' && results[position]?.status === 'stored') results[position] = answer;
    }
    return indices;
  }

  /** Looks at the templates again before an index is first written: they may have been deleted, or never made. */
  async #ensureTemplates(indices: Iterable<string>, signal?: AbortSignal): Promise<void> {
    const fresh = [...indices].filter((index) => !this.#writtenIndices.has(index));
    if (fresh.length === 0) return;
    await this.#untilDone(async () => await this.#install(signal), signal);
    this.#writtenIndices = new Set([...this.#writtenIndices, ...fresh].slice(-1_000));
  }

  async #install(signal: AbortSignal | undefined): Promise<void> {
    const { logger } = this.#options;
    const { refreshIntervalMs } = this;
    for (const indexPrefix of this.#prefixes) {
      const names = indexPrefix === this.#prefix ? templateNames : datedTemplates;
      await installTemplates(this.#client, { indexPrefix, refreshIntervalMs, logger }, names, signal);
    }
  }

  async #delete(actions: readonly BulkAction[]): Promise<number> {
    const results = await sendBulk(this.#bulk, actions, AbortSignal.timeout(600_000));
    return results.filter(({ status }) => status === 'stored').length;
  }

  /** All hits, or the first `limit`, page by page over one point in time. */
  async *#hits(search: {
    index: string | string[];
    query: estypes.QueryDslQueryContainer;
    sort?: estypes.SortCombinations[];
    source?: string[] | false;
    version?: boolean;
    limit?: number;
    pageSize?: number;
  }): AsyncIterable<Hit> {
    const {
      index,
      query,
      sort = [],
      source,
      version = false,
      limit = Infinity,
      pageSize = pageHits,
    } = search;
    if (limit <= 0) return;
    const { id } = await this.#asked(() =>
      this.#client.openPointInTime({ index, keep_alive: pointInTimeKeepAlive, ignore_unavailable: true }),
    );
    let pit = id;
    try {
      let after: estypes.SortResults | undefined;
      for (let left = limit; left > 0; left -= pageSize) {
        const { hits, pit_id: next } = await this.#asked(() =>
          this.#client.search<Record<string, unknown>>({
            pit: { id: pit, keep_alive: pointInTimeKeepAlive },
            query,
            sort: [...sort, { _shard_doc: 'asc' }],
            size: Math.min(pageSize, left),
            track_total_hits: false,
            // Half an answer would look like documents that are missing.
            allow_partial_search_results: false,
            version,
            ...(source !== undefined && { _source: source }),
            ...(after && { search_after: after }),
          } as estypes.SearchRequest),
        );
        pit = next ?? pit;
        yield* hits.hits;
        after = hits.hits.at(-1)?.sort;
        if (hits.hits.length < pageSize || after === undefined) return;
      }
    } finally {
      // It ends by itself, so failing to close it early harms nobody.
      await this.#client.closePointInTime({ id: pit }, { ignore: [404] }).catch((error: unknown) => {
        this.#options.logger.debug({ error: String(error) }, 'A point in time could not be closed.');
      });
    }
  }

  /** For questions: one try, with an error that says what to do. */
  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw toFailure(error, this.#node).error;
    }
  }

  /** For what indexing cannot go on without: waits out outages and missing rights until the signal aborts. */
  async #untilDone<T>(
    work: () => Promise<T>,
    signal?: AbortSignal,
    { wrongServerThrows = false } = {},
  ): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      signal?.throwIfAborted();
      try {
        const result = await work();
        this.#health.works();
        return result;
      } catch (error) {
        signal?.throwIfAborted();
        const failure = toFailure(error, this.#node);
        const isFatal = failure.kind === 'invalid' || (failure.kind === 'wrongServer' && wrongServerThrows);
        if (isFatal) throw failure.error;
        await pause(this.#bulk, failure, attempt, signal);
      }
    }
  }
}

async function* documentsOf<T>(hits: AsyncIterable<Hit>): AsyncIterable<T> {
  for await (const { _source: source } of hits) yield (source as { document: T }).document;
}
