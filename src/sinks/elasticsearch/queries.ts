/** A SearchQuery in Elasticsearch's query language. All in filter context: nothing is scored. */
import type { estypes } from '@elastic/elasticsearch';
import { levels } from '../../core/event.ts';
import type { SearchClause, SearchQuery } from '../../core/search-query.ts';
import { timestamp } from './documents.ts';

type Query = estypes.QueryDslQueryContainer;

const fieldNames: Readonly<Record<string, string>> = {
  run: 'run.id',
  rank: 'rank',
  level: 'log.level',
  host: 'host.name',
  path: 'log.file.path',
  kind: 'caboose.kind',
  logger: 'log.logger',
  iostream: 'log.iostream',
  stream: 'caboose.stream',
};

export function toElasticsearchQuery({ clauses, run, rank, level, since, until }: SearchQuery): Query {
  const filter: Query[] = clauses.filter(({ negated }) => !negated).map(clauseQuery);
  if (run !== undefined) filter.push({ term: { 'run.id': run } });
  if (rank !== undefined) filter.push({ term: { rank } });
  if (level !== undefined) {
    const least = levels.indexOf(level as (typeof levels)[number]);
    filter.push({ terms: { 'log.level': levels.slice(Math.max(0, least)) } });
  }
  if (since !== undefined) filter.push({ range: { '@timestamp': { gte: timestamp(since) } } });
  if (until !== undefined) filter.push({ range: { '@timestamp': { lte: timestamp(until) } } });
  return { bool: { filter, must_not: clauses.filter(({ negated }) => negated).map(clauseQuery) } };
}

function clauseQuery({ field, words }: SearchClause): Query {
  if (field === 'message') return { match_phrase: { message: words.join(' ') } };
  const name = fieldNames[field] ?? field;
  const [value = ''] = words;
  if (field === 'rank') return { term: { rank: Number(value) } };
  if (field === 'path') {
    return {
      bool: { should: [valueQuery(name, value), wildcardQuery(name, `*/${value}`)], minimum_should_match: 1 },
    };
  }
  return valueQuery(name, value);
}

function valueQuery(name: string, value: string): Query {
  if (value.includes('*')) return wildcardQuery(name, value);
  return { term: { [name]: { value, case_insensitive: true } } };
}

/** Only `*` is ours; Elasticsearch's own `?` and `\` are taken literally. */
function wildcardQuery(name: string, pattern: string): Query {
  const value = pattern.replaceAll(/[\\?]/g, String.raw`\$&`);
  return { wildcard: { [name]: { value, case_insensitive: true } } };
}
