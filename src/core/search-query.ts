/** What `search` understands, the same on both indices: words, "phrases", -not, field:value. All clauses must hold. */
export interface SearchQuery {
  clauses: readonly SearchClause[];
  run?: string;
  rank?: number;
  /** At least this level. */
  level?: string;
  /** ms since epoch, inclusive. */
  since?: number;
  until?: number;
  /** Most hits, default 100. */
  limit?: number;
  order?: 'newest' | 'oldest';
}

export interface SearchClause {
  negated: boolean;
  /** `message` unless the clause names one of the fields in sinks/query.ts. */
  field: string;
  /** One word, or the words of a phrase in order. */
  words: readonly string[];
  phrase: boolean;
}
