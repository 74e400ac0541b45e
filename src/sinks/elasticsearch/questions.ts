import type { estypes } from '@elastic/elasticsearch';
import type { Logger } from '../../core/logger.ts';
import type { ElasticsearchClient } from './client.ts';
import { toFailure } from './client.ts';

export type Hit = estypes.SearchHit<Record<string, unknown>>;

export interface HitsSearch {
  index: string | string[];
  query: estypes.QueryDslQueryContainer;
  sort?: estypes.SortCombinations[];
  source?: string[] | false;
  version?: boolean;
  limit?: number;
  pageSize?: number;
}

const pageHits = 500;
const pointInTimeKeepAlive = '2m';

/** Asking the server, which fails at once with what to do. */
export class Questions {
  readonly #client: ElasticsearchClient;
  readonly #node: string;
  readonly #logger: Logger;

  /** `node`: its name in errors. */
  constructor(client: ElasticsearchClient, node: string, logger: Logger) {
    this.#client = client;
    this.#node = node;
    this.#logger = logger;
  }

  /** One try, with an error that says what to do. */
  async asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw toFailure(error, this.#node).error;
    }
  }

  /** All hits, or the first `limit`, page by page over one point in time. */
  async *hits(search: HitsSearch): AsyncIterable<Hit> {
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
    const { id } = await this.asked(() =>
      this.#client.openPointInTime({ index, keep_alive: pointInTimeKeepAlive, ignore_unavailable: true }),
    );
    let pit = id;
    try {
      let after: estypes.SortResults | undefined;
      for (let left = limit; left > 0; left -= pageSize) {
        const { hits, pit_id: next } = await this.asked(() =>
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
        this.#logger.debug({ error: String(error) }, 'A point in time could not be closed.');
      });
    }
  }
}

export async function* documentsOf<T>(hits: AsyncIterable<Hit>): AsyncIterable<T> {
  for await (const { _source: source } of hits) yield (source as { document: T }).document;
}
