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
import { isExpired, newestPoints, summarizeRuns, summaryFields } from '../documents.ts';
import { AuditQuestions } from './audit-questions.ts';
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
  timestamp,
  toSearchHit,
  toStoredPoints,
  toStreamDocument,
} from './documents.ts';
import { Health } from './health.ts';
import { IndexNames } from './names.ts';
import { toElasticsearchQuery } from './queries.ts';
import { documentsOf, Questions } from './questions.ts';
import type { Hit } from './questions.ts';
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

const hitsMax = 10_000;
const streamsPerRequest = 500;
/** For what somebody waits to find, the index is refreshed at most so often per `refreshIntervalMs`. */
const refreshesPerInterval = 4;
/** The server's cached clock, by which it forgets deletes, steps every 200 ms. */
const forgetDeletesMs = 300;

/** Their product stays far below a server's default of 65,536 buckets. */
const latestRanksMax = 512;
const latestDevicesMax = 17;

interface LatestBucket {
  ranks: { buckets: { devices: { buckets: { newest: { hits: { hits: Hit[] } } }[] } }[] };
}

export function createElasticsearchIndex(options: ElasticsearchIndexOptions): EventIndex {
  return new ElasticsearchIndex(options);
}

class ElasticsearchIndex implements EventIndex {
  readonly refreshIntervalMs: number;
  readonly #client: ElasticsearchClient;
  readonly #names: IndexNames;
  readonly #questions: Questions;
  readonly #audit: AuditQuestions;
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
    this.#names = new IndexNames(options.indexPrefix ?? 'caboose', options.routedPrefixes ?? []);
    this.#node = nodeName(options.node);
    this.#client = createClient(options);
    this.#questions = new Questions(this.#client, this.#node, options.logger);
    this.#audit = new AuditQuestions(this.#client, this.#questions, this.#names);
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
        async () => await this.#client.mget({ index: this.#names.of('streams'), ids: some }, { signal }),
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
    const hits = this.#questions.hits({
      index: this.#names.dated('logs'),
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
    const hits = this.#questions.hits({
      index: this.#names.dated('metrics'),
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
    const { aggregations } = await this.#questions.asked(() =>
      this.#client.search<unknown, { names: { buckets: Record<string, LatestBucket> } }>({
        index: this.#names.dated('metrics'),
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
    const hits = this.#questions.hits({
      index: this.#names.of('streams'),
      query: { match_all: {} },
      source: fields,
    });
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
    for await (const { _source: source } of this.#questions.hits({
      index: this.#names.of('streams'),
      query,
      pageSize: 100,
    })) {
      yield toStreamDocument(source);
    }
  }

  async refresh(): Promise<void> {
    const index = [...this.#names.dated('logs'), this.#names.of('streams'), this.#names.of('incidents')];
    try {
      await this.#client.indices.refresh({ index, ignore_unavailable: true });
    } catch (error) {
      const failure = toFailure(error, this.#node);
      if (failure.kind !== 'refused') throw failure.error;
      // A user that may only read waits for the refreshes that come by themselves.
      await this.#options.clock.sleep(2 * this.refreshIntervalMs);
    }
  }

  streamSummaries(scope: AuditScope): AsyncIterable<StreamSummary> {
    return this.#audit.streamSummaries(scope);
  }

  eventTotals(scope: AuditScope): AsyncIterable<{ stream: string; events: number }> {
    return this.#audit.eventTotals(scope);
  }

  async eventCounts(streams: readonly string[] | ReadonlyMap<string, number>): Promise<Map<string, number>> {
    return await this.#audit.eventCounts(streams);
  }

  storedRanges(scope: AuditScope): AsyncIterable<StoredRange & { stream: string }> {
    return this.#audit.storedRanges(scope);
  }

  ranges(stream: string, within?: { start: number; end: number }): AsyncIterable<StoredRange> {
    return this.#audit.ranges(stream, within);
  }

  async heldSince(): Promise<number | null> {
    return await this.#audit.heldSince();
  }

  async writeIncident(incident: IncidentDocument): Promise<'stored' | 'stale'> {
    const index = this.#names.of('incidents');
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
    const hits = this.#questions.hits({
      index: this.#names.of('incidents'),
      query: run === undefined ? { match_all: {} } : { term: { 'run.id': run } },
      source: ['document'],
    });
    const found = await Array.fromAsync(documentsOf<IncidentDocument>(hits));
    return found.sort((a, b) => a.opened - b.opened || (a.id < b.id ? -1 : 1));
  }

  async deleteRun(run: string): Promise<number> {
    const refresh = async (index: string | string[]) =>
      await this.#questions.asked(() => this.#client.indices.refresh({ index, ignore_unavailable: true }));
    await refresh(this.#names.of('streams'));
    for await (const { indexPrefix } of this.streams({ run })) this.#names.know(indexPrefix);
    const index = [...this.#names.dated('logs'), ...this.#names.dated('metrics'), this.#names.of('streams')];
    await refresh(index);
    let deleted = 0;
    let page: BulkAction[] = [];
    const query = { term: { 'run.id': run } };
    const hits = this.#questions.hits({ index, query, source: false, version: true, pageSize: 2_000 });
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
    const found = await this.#questions.asked(() =>
      this.#client.indices.get({
        index: [...this.#names.dated('logs'), ...this.#names.dated('metrics')],
        expand_wildcards: ['open', 'closed'],
        features: ['aliases'],
      }),
    );
    const expired = Object.keys(found)
      .filter((index) => {
        const [, prefix = '', kind, period] =
          /^(.+)-(logs-(?=.{10}$)|metrics-(?=.{7}$))(\d{4}\.\d\d(?:\.\d\d)?)$/.exec(index) ?? [];
        if (!this.#names.prefixes.has(prefix)) return false;
        return period !== undefined && isExpired(period, kind === 'logs-' ? logsDays : metricsDays, now);
      })
      .sort();
    for (const index of expired) {
      await this.#questions.asked(() => this.#client.indices.delete({ index, ignore_unavailable: true }));
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
      if (item.kind !== 'stream') this.#names.know(item.indexPrefix);
      for (const action of itemActions(item, this.#names.prefix, this.#mapped)) {
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
    for (const indexPrefix of this.#names.prefixes) {
      const names = indexPrefix === this.#names.prefix ? templateNames : datedTemplates;
      await installTemplates(this.#client, { indexPrefix, refreshIntervalMs, logger }, names, signal);
    }
  }

  async #delete(actions: readonly BulkAction[]): Promise<number> {
    const results = await sendBulk(this.#bulk, actions, AbortSignal.timeout(600_000));
    return results.filter(({ status }) => status === 'stored').length;
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
