/** The questions of the page, answered from an EventIndex. Pure but for the index: no state, no headers. */
import { CabooseError } from '../core/errors.ts';
import { levels } from '../core/event.ts';
import type { EventIndex, RunSummary } from '../core/event-index.ts';
import { isOpen, sortedIncidents } from '../core/incident.ts';
import type { IncidentDocument } from '../core/incident.ts';
import type { SearchQuery } from '../core/search-query.ts';
import { metricNames, toSeries } from './series.ts';
import type { WebOptions } from './web.ts';

/** A run without a byte for so long is quiet; the leader's incident says when that is wrong. */
const activeWithinMs = 30_000;
const hitsMax = 1000;
const pointsMax = 200_000;
/** Some samples of a machine with many devices. */
const sampledNamesFrom = 2_000;
const incidentsPerRunMax = 20;

/** The JSON text of the answer. Throws CabooseError NOT_FOUND, REQUEST_INVALID, QUERY_INVALID, or what the index throws. */
export async function answerApi(url: URL, options: WebOptions): Promise<string> {
  const parts = url.pathname.split('/').slice(2).map(decodePart);
  const [noun, run, question] = parts;
  if (noun === 'runs' && parts.length === 1) return JSON.stringify(await runs(options));
  if (noun === 'search' && parts.length === 1) return JSON.stringify(await search(url.searchParams, options));
  if (noun === 'runs' && parts.length === 3 && run !== undefined) {
    if (question === 'names') return JSON.stringify(await names(run, options.index));
    if (question === 'incidents') return JSON.stringify(await incidents(run, options));
    if (question === 'points') return JSON.stringify(await points(run, url.searchParams, options.index));
  }
  throw new CabooseError('NOT_FOUND', `There is no ${url.pathname} here.`, {
    hint: 'There are /api/runs, /api/runs/RUN/names, /api/runs/RUN/points?name=NAME, /api/runs/RUN/incidents and /api/search?q=QUERY.',
  });
}

async function runs({ index, clock, following }: WebOptions) {
  const [summaries, incidents] = await Promise.all([index.runs(), index.incidents()]);
  const now = clock.now();
  return {
    now,
    following: following ?? [],
    index: index.state(),
    runs: summaries.sort((a, b) => b.last - a.last).map((summary) => describeRun(summary, incidents, now)),
  };
}

function describeRun(summary: RunSummary, incidents: readonly IncidentDocument[], now: number) {
  const open = sortedIncidents(
    incidents.filter((incident) => incident.run === summary.run && isOpen(incident)),
  );
  return {
    ...summary,
    state: now - summary.last <= activeWithinMs ? 'active' : 'quiet',
    incidents: open
      .slice(0, incidentsPerRunMax)
      .map(({ class: name, role, rank, attempt, message, opened }) => ({
        class: name,
        role,
        rank,
        attempt,
        message,
        opened,
      })),
    incidentCount: open.length,
  };
}

async function incidents(run: string, { index, advise, clock }: WebOptions) {
  const found = sortedIncidents(await index.incidents(run));
  return {
    run,
    now: clock.now(),
    incidents: found.slice(0, incidentsPerRunMax).map(({ token: _token, told: _told, ...incident }) => ({
      ...incident,
      ...advise(incident.class, incident.details, incident.message),
    })),
    incidentCount: found.length,
  };
}

/** Names come from the run's points, as many as one question may read, and from its newest samples of resources. */
async function names(run: string, index: EventIndex) {
  const training = await index.points(run, { limit: pointsMax });
  const resources = await index.points(run, { limit: sampledNamesFrom, resources: true });
  const byName = metricNames(resources).sort((a, b) => (a.name < b.name ? -1 : 1));
  return { run, names: [...metricNames(training), ...byName] };
}

async function points(run: string, params: URLSearchParams, index: EventIndex) {
  const name = params.get('name') ?? 'loss';
  let found = await index.points(run, { name, limit: pointsMax });
  if (found.length === 0) found = await index.points(run, { name, limit: pointsMax, resources: true });
  return { run, name, truncated: found.length >= pointsMax, ...toSeries(found) };
}

async function search(params: URLSearchParams, { index, parseQuery, clock }: WebOptions) {
  const order = params.get('order') ?? 'newest';
  if (order !== 'newest' && order !== 'oldest') throw invalid('order', order, 'newest or oldest');
  const level = params.get('level') || null;
  if (level !== null && !levels.some((known) => known === level))
    throw invalid('level', level, levels.join(', '));
  const query: SearchQuery = {
    clauses: parseQuery(params.get('q') ?? ''),
    limit: whole(params, 'limit', 1, hitsMax) ?? 100,
    order,
    ...(params.get('run') ? { run: params.get('run') ?? '' } : {}),
    ...(level === null ? {} : { level }),
    ...optional('rank', whole(params, 'rank', 0, Number.MAX_SAFE_INTEGER)),
    ...optional('since', whole(params, 'since', 0, Number.MAX_SAFE_INTEGER)),
    ...optional('until', whole(params, 'until', 0, Number.MAX_SAFE_INTEGER)),
  };
  return { now: clock.now(), hits: await index.search(query) };
}

function optional<Key extends string>(key: Key, value: number | null): Partial<Record<Key, number>> {
  return value === null ? {} : ({ [key]: value } as Record<Key, number>);
}

function whole(params: URLSearchParams, name: string, min: number, max: number): number | null {
  const text = params.get(name);
  if (text === null || text === '') return null;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max)
    throw invalid(name, text, `a whole number from ${min} to ${max}`);
  return value;
}

function invalid(name: string, value: string, expected: string): CabooseError {
  return new CabooseError(
    'REQUEST_INVALID',
    `${name}=${value.slice(0, 100)} is not understood: it must be ${expected}.`,
  );
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw new CabooseError('REQUEST_INVALID', 'The path holds a percent sign that stands for nothing.', {
      cause: error,
      hint: 'Encode a percent sign as %25.',
    });
  }
}
