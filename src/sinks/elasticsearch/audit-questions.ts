import type { estypes } from '@elastic/elasticsearch';
import type { AuditScope, EventIndex, StoredRange } from '../../core/event-index.ts';
import type { StreamSummary } from '../../core/stream-document.ts';
import { startOfDay } from '../documents.ts';
import type { ElasticsearchClient } from './client.ts';
import { auditFields, rangeFields, scopeQuery, toStoredRange, toStreamSummary } from './documents.ts';
import type { IndexNames } from './names.ts';
import type { Questions } from './questions.ts';

const streamsPerRequest = 500;
/** Below a server's default of 65,536 buckets. */
const totalsPerRequest = 10_000;
/** Of hits that are few fields each. */
const pageSize = 5_000;

type Audited = Pick<
  EventIndex,
  'streamSummaries' | 'eventTotals' | 'eventCounts' | 'storedRanges' | 'ranges' | 'heldSince'
>;

/** What an audit asks: which ranges of which streams are stored. */
export class AuditQuestions implements Audited {
  readonly #client: ElasticsearchClient;
  readonly #questions: Questions;
  readonly #names: IndexNames;

  constructor(client: ElasticsearchClient, questions: Questions, names: IndexNames) {
    this.#client = client;
    this.#questions = questions;
    this.#names = names;
  }

  async *streamSummaries(scope: AuditScope): AsyncIterable<StreamSummary> {
    for await (const { _source: source } of this.#questions.hits({
      index: this.#names.of('streams'),
      query: scopeQuery(scope),
      source: auditFields,
      pageSize,
    })) {
      yield toStreamSummary(source);
    }
  }

  async *eventTotals(scope: AuditScope): AsyncIterable<{ stream: string; events: number }> {
    const sources = [{ stream: { terms: { field: 'caboose.stream' } } }];
    for (let after: Record<string, estypes.FieldValue> | undefined; ;) {
      const { aggregations } = await this.#questions.asked(() =>
        this.#client.search<unknown, { streams: estypes.AggregationsCompositeAggregate }>({
          index: this.#names.dated('logs'),
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
      const { aggregations } = await this.#questions.asked(() =>
        this.#client.search<unknown, { streams: { buckets: Record<string, { doc_count: number }> } }>({
          index: this.#names.dated('logs'),
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
    const hits = this.#questions.hits({
      index: this.#names.dated('logs'),
      query: scopeQuery(scope),
      source: [...rangeFields, 'caboose.stream'],
      pageSize,
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
    const hits = this.#questions.hits({
      index: this.#names.dated('logs'),
      query: { bool: { filter } },
      sort: [{ 'log.offset': { order: 'asc', unmapped_type: 'long' } }],
      source: rangeFields,
      pageSize,
    });
    for await (const { _id: id, _source: source } of hits) yield toStoredRange(id ?? '', source);
  }

  async heldSince(): Promise<number | null> {
    const found = await this.#questions.asked(() =>
      this.#client.indices.get({ index: this.#names.dated('logs'), features: ['aliases'] }),
    );
    const days = Object.keys(found).flatMap((index) => /\d{4}\.\d\d\.\d\d$/.exec(index) ?? []);
    const [oldest] = days.sort();
    return oldest === undefined ? null : startOfDay(oldest);
  }
}
