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
} from '../../src/core/event-index.ts';
import { levels, versionOf } from '../../src/core/event.ts';
import type { LogEvent } from '../../src/core/event.ts';
import { isResource } from '../../src/core/resources.ts';
import type { PointFact } from '../../src/core/fact.ts';
import type { IncidentDocument } from '../../src/core/incident.ts';
import type { SearchClause, SearchQuery } from '../../src/core/search-query.ts';
import { streamVersion } from '../../src/core/stream-document.ts';
import type { StreamDocument, StreamSummary } from '../../src/core/stream-document.ts';
import { newestPoints } from '../../src/sinks/documents.ts';

/** An index in memory, small and slow: for tests of what asks an index. Words match as parts of the message. */
export class FakeEventIndex implements EventIndex {
  readonly refreshIntervalMs = 0;
  readonly events = new Map<string, LogEvent>();
  readonly stored = new Map<string, readonly PointFact[]>();
  readonly documents = new Map<string, StreamDocument>();
  readonly verdicts = new Map<string, IncidentDocument>();
  /** All items, as they were given. */
  readonly written: IndexItem[] = [];
  /** Thrown by every question while it is set. */
  failure: Error | null = null;
  /** Questions asked so far. */
  asked = 0;

  prepare(): Promise<void> {
    return Promise.resolve();
  }

  write(items: readonly IndexItem[]): Promise<ItemResult[]> {
    this.written.push(...items);
    for (const item of items) {
      if (item.kind === 'event') this.#put(this.events, item.event.id, item.event, versionOf);
      else if (item.kind === 'stream')
        this.#put(this.documents, item.document.stream, item.document, streamVersion);
      else {
        for (const point of item.points) {
          const version = ([first]: readonly PointFact[]) => (first ? versionOf(first) : 0);
          this.#put(this.stored, `${point.event}:${point.step}`, item.points, version);
        }
      }
    }
    return Promise.resolve(items.map(() => ({ status: 'stored' })));
  }

  #put<T>(map: Map<string, T>, id: string, value: T, version: (value: T) => number): void {
    const held = map.get(id);
    if (held === undefined || version(value) >= version(held)) map.set(id, value);
  }

  loadStreams(ids: readonly string[]): Promise<Map<string, StreamDocument>> {
    return Promise.resolve(new Map([...this.documents].filter(([id]) => ids.includes(id))));
  }

  async search(query: SearchQuery): Promise<SearchHit[]> {
    await this.#ask();
    const least = levels.findIndex((level) => level === query.level);
    const direction = query.order === 'oldest' ? 1 : -1;
    return [...this.events.values()]
      .filter(
        (event) =>
          (query.run === undefined || event.origin.run === query.run) &&
          (query.rank === undefined || event.rank === query.rank) &&
          (least < 0 || (event.level !== null && levels.indexOf(event.level) >= least)) &&
          (query.since === undefined || event.time >= query.since) &&
          (query.until === undefined || event.time <= query.until) &&
          query.clauses.every((clause) => holds(clause, event)),
      )
      .sort((a, b) => direction * (a.time - b.time || a.start - b.start))
      .slice(0, query.limit ?? 100)
      .map(toHit);
  }

  async points(run: string, options: PointsQuery = {}): Promise<StoredPoint[]> {
    await this.#ask();
    return [...new Set(this.stored.values())]
      .flat()
      .filter(
        (p) =>
          p.run === run &&
          isResource(p) === (options.resources ?? false) &&
          (options.name === undefined || options.name === p.name || options.name === p.canonical),
      )
      .sort((a, b) => (a.step ?? 0) - (b.step ?? 0) || a.time - b.time)
      .slice(0, options.limit ?? 10_000)
      .map(({ attempt, rank, host = '', path, step, name, canonical, value, time }) => ({
        run,
        attempt,
        rank,
        host,
        path,
        step,
        name,
        canonical,
        value,
        time,
      }));
  }

  async latestPoints(run: string, canonicalNames: readonly string[]): Promise<StoredPoint[]> {
    const all = [...(await this.points(run)), ...(await this.points(run, { resources: true }))];
    return newestPoints(all, canonicalNames);
  }

  async runs(): Promise<RunSummary[]> {
    await this.#ask();
    const byRun = Map.groupBy(this.documents.values(), ({ origin }) => origin.run);
    return [...byRun].map(([run, documents]) => ({
      run,
      attempt: Math.max(...documents.map(({ origin }) => origin.attempt)),
      ranks: distinct(documents.map(({ origin }) => origin.rank))
        .filter((rank) => rank !== null)
        .sort((a, b) => a - b),
      hosts: distinct(documents.map(({ origin }) => origin.host)),
      streams: documents.length,
      bytes: sum(documents.map(({ end }) => end)),
      events: sum(documents.map(({ events }) => events)),
      first: Math.min(...documents.map(({ created }) => created)),
      last: Math.max(...documents.map(({ observed }) => observed)),
      gapBytes: sum(documents.flatMap(({ gaps }) => gaps.map(({ start, end }) => end - start))),
    }));
  }

  async *streams(
    filter: { run?: string | undefined; openSince?: number } = {},
  ): AsyncIterable<StreamDocument> {
    await this.#ask();
    const { run, openSince } = filter;
    for (const document of this.documents.values()) {
      if (run !== undefined && document.origin.run !== run) continue;
      if (openSince !== undefined && (document.open === null || document.observed < openSince)) continue;
      yield document;
    }
  }

  async refresh(): Promise<void> {
    await this.#ask();
  }

  async *streamSummaries({ run, source }: AuditScope): AsyncIterable<StreamSummary> {
    await this.#ask();
    for (const { open, recent: _r, context: _c, ...summary } of this.documents.values()) {
      if (
        run === undefined
          ? source !== undefined && summary.origin.source !== source
          : summary.origin.run !== run
      )
        continue;
      yield { ...summary, hasOpen: open !== null };
    }
  }

  async *eventTotals({ run }: AuditScope): AsyncIterable<{ stream: string; events: number }> {
    await this.#ask();
    for (const [stream, events] of Map.groupBy(this.events.values(), ({ stream }) => stream)) {
      if (run === undefined || events[0]?.origin.run === run) yield { stream, events: events.length };
    }
  }

  async eventCounts(streams: readonly string[] | ReadonlyMap<string, number>): Promise<Map<string, number>> {
    await this.#ask();
    const bounds = new Map(
      Array.isArray(streams)
        ? streams.map((stream: string) => [stream, Infinity] as const)
        : (streams as ReadonlyMap<string, number>),
    );
    const counts = new Map<string, number>([...bounds.keys()].map((stream) => [stream, 0]));
    for (const { stream, start } of this.events.values()) {
      if (start < (bounds.get(stream) ?? -Infinity)) counts.set(stream, (counts.get(stream) ?? 0) + 1);
    }
    return counts;
  }

  async *storedRanges({ run }: AuditScope): AsyncIterable<StoredRange & { stream: string }> {
    await this.#ask();
    for (const [id, { stream, start, end, sum, origin }] of this.events)
      if (run === undefined || origin.run === run) yield { id, stream, start, end, sum };
  }

  async *ranges(stream: string, within?: { start: number; end: number }): AsyncIterable<StoredRange> {
    await this.#ask();
    const { start: from = -1, end: to = Infinity } = within ?? {};
    const events = [...this.events].filter(
      ([, event]) => event.stream === stream && event.start < to && event.end > from,
    );
    for (const [id, { start, end, sum }] of events.sort(([, a], [, b]) => a.start - b.start))
      yield { id, start, end, sum };
  }

  async heldSince(): Promise<number | null> {
    await this.#ask();
    const observed = [...this.events.values()].map((event) => event.observed);
    return observed.length === 0 ? null : Math.min(...observed);
  }

  writeIncident(incident: IncidentDocument): Promise<'stored' | 'stale'> {
    const held = this.verdicts.get(incident.id);
    if (held !== undefined && held.token > incident.token) return Promise.resolve('stale');
    this.verdicts.set(incident.id, incident);
    return Promise.resolve('stored');
  }

  async incidents(run?: string): Promise<IncidentDocument[]> {
    await this.#ask();
    return [...this.verdicts.values()].filter((incident) => run === undefined || incident.run === run);
  }

  deleteRun(run: string): Promise<number> {
    const before = this.events.size;
    for (const [id, { origin }] of this.events) if (origin.run === run) this.events.delete(id);
    for (const [id, { origin }] of this.documents) if (origin.run === run) this.documents.delete(id);
    for (const [id, points] of this.stored) if (points[0]?.run === run) this.stored.delete(id);
    return Promise.resolve(before - this.events.size);
  }

  applyRetention(): Promise<string[]> {
    return Promise.resolve([]);
  }

  state() {
    return { name: 'local-index' as const, connected: this.failure === null };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #ask(): Promise<void> {
    this.asked += 1;
    return this.failure === null ? Promise.resolve() : Promise.reject(this.failure);
  }
}

function holds({ negated, field, words, phrase }: SearchClause, event: LogEvent): boolean {
  const message = event.message.toLowerCase();
  const wanted = words.map((word) => word.toLowerCase());
  const has =
    field === 'level'
      ? event.level === wanted[0]
      : phrase
        ? message.includes(wanted.join(' '))
        : wanted.every((word) => message.includes(word));
  return has !== negated;
}

function toHit({ id, time, origin, rank, stream, start, end, level, kind, message }: LogEvent): SearchHit {
  const { run, attempt, host, path } = origin;
  return { id, time, run, attempt, rank, host, path, stream, start, end, level, kind, message };
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
