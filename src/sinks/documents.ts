/** What both indices have in common: the names of dated parts, the documents of points and streams, run summaries. */
import { versionOf } from '../core/event.ts';
import type { RunProgress, RunSummary, StoredPoint } from '../core/event-index.ts';
import type { PointFact } from '../core/fact.ts';
import { numberFromJson, numberToJson } from '../core/fact.ts';
import { deviceOf, groupOf, holdsResources, isResource } from '../core/resources.ts';
import type { StreamDocument } from '../core/stream-document.ts';

const dayMs = 86_400_000;

/** `2026.11.23`: the UTC day of `observed`, in the name of a dated index of events. */
export function dayOf(observed: number): string {
  const number = Math.floor(validTime(observed) / dayMs);
  if (number !== lastDay.number) {
    lastDay = { number, name: new Date(number * dayMs).toISOString().slice(0, 10).replaceAll('-', '.') };
  }
  return lastDay.name;
}

/** Asked for every event, and nearly always for the same day. */
let lastDay = { number: 0, name: '1970.01.01' };

/** ms since epoch at which the day `2026.11.23` begins. */
export function startOfDay(day: string): number {
  const [year = 0, month = 1, date = 1] = day.split('.').map(Number);
  return Date.UTC(year, month - 1, date);
}

/** `2026.11`: the UTC month of `observed`, in the name of a dated index of points. */
export function monthOf(observed: number): string {
  return dayOf(observed).slice(0, 7);
}

/** Whether all of the day `2026.11.23` or the month `2026.11` is more than `days` days ago. */
export function isExpired(period: string, days: number, now: number): boolean {
  const [year = 0, month = 1, day] = period.split('.').map(Number);
  const end = day === undefined ? Date.UTC(year, month, 1) : Date.UTC(year, month - 1, day + 1);
  return end <= now - days * dayMs;
}

/** What a nanosecond date of Elasticsearch can hold: 1970 to April 2262. */
const timeMax = Date.UTC(2262, 0, 1);

/** ms since epoch in whole microseconds (a float holds no finer) and within what an index can hold. */
export function validTime(time: number): number {
  if (!(time > 0)) return 0;
  return Math.min(timeMax, Math.round(time * 1000) / 1000);
}

/** The points of one event and step, or of one device of a sample: one document. */
export interface PointsDocument {
  id: string;
  version: number;
  end: number;
  points: readonly [PointFact, ...PointFact[]];
}

export function pointsDocuments(points: readonly PointFact[]): PointsDocument[] {
  const byId = new Map<string, PointsDocument & { points: [PointFact, ...PointFact[]] }>();
  for (const point of points) {
    const part = isResource(point) ? `${groupOf(point)}-${deviceOf(point) ?? ''}` : (point.step ?? 'none');
    const id = `${point.event}-${part}`;
    const known = byId.get(id);
    if (known) known.points.push(point);
    else byId.set(id, { id, version: versionOf(point), end: point.end, points: [point] });
  }
  return [...byId.values()];
}

/** How the points of a document are kept in JSON: name, canonical name or null, value, and what is not absent of decimals and restart. */
export type PointEntry = [
  name: string,
  canonical: string | null,
  value: number | string,
  decimals?: number | null,
  restart?: number,
];

export function pointEntries(points: readonly PointFact[]): PointEntry[] {
  return points.map(({ name, canonical, value, decimals, restart }) => {
    const entry: PointEntry = [name, canonical, numberToJson(value)];
    if (decimals !== undefined || restart !== undefined) entry.push(decimals ?? null);
    if (restart !== undefined) entry.push(restart);
    return entry;
  });
}

export function storedPoints(
  common: Omit<StoredPoint, 'name' | 'canonical' | 'value' | 'decimals' | 'restart'>,
  entries: readonly PointEntry[],
  wanted: string | undefined,
): StoredPoint[] {
  return entries
    .filter(([name, canonical]) => wanted === undefined || wanted === name || wanted === canonical)
    .map(([name, canonical, value, decimals = null, restart]) => ({
      ...common,
      name,
      canonical,
      value: numberFromJson(value) ?? NaN,
      ...(decimals !== null && { decimals }),
      ...(restart !== undefined && { restart }),
    }));
}

/** Of each rank and name the newest, by attempt, then time. */
export function newestPoints(
  points: Iterable<StoredPoint>,
  canonicalNames: readonly string[],
): StoredPoint[] {
  const newest = new Map<string, StoredPoint>();
  for (const point of points) {
    if (point.canonical === null || !canonicalNames.includes(point.canonical)) continue;
    const key = JSON.stringify([point.rank, point.name]);
    const held = newest.get(key);
    if (!held || (point.attempt - held.attempt || point.time - held.time) > 0) newest.set(key, point);
  }
  return [...newest.values()];
}

/** A stream document as plain JSON: the open event's bytes as base64. */
export function streamToJson(document: StreamDocument): Record<string, unknown> {
  const { open, ...rest } = document;
  return { ...rest, open: open && { ...open, bytes: open.bytes.toString('base64') } };
}

/** The inverse of streamToJson, of JSON that this program has written. */
export function streamFromJson(json: Record<string, unknown>): StreamDocument {
  const document = json as unknown as StreamDocument;
  const open = json['open'] as (Record<string, unknown> & { bytes: string }) | null;
  return {
    ...document,
    open:
      open && ({ ...open, bytes: Buffer.from(open.bytes, 'base64') } as unknown as StreamDocument['open']),
  };
}

/** What a summary needs of a stream document. */
export const summaryFields = [
  'origin',
  'snapshot',
  'end',
  'events',
  'created',
  'observed',
  'gaps',
  'progress',
] as const;

/** The runs of these stream documents, the one observed last first. Of a rewritten file only the latest state's events count. */
export async function summarizeRuns(
  streams: AsyncIterable<Pick<StreamDocument, (typeof summaryFields)[number]>>,
): Promise<RunSummary[]> {
  const runs = new Map<string, RunSummary & { rankSet: Set<number>; hostSet: Set<string> }>();
  const latest = new Map<string, { created: number; events: number }>();
  const furthest = new Map<string, ProgressOfAttempt>();
  for await (const { origin, snapshot, end, events, created, observed, gaps, progress } of streams) {
    // Written by the agent, also while the run is silent.
    if (holdsResources(origin)) continue;
    let run = runs.get(origin.run);
    if (!run) {
      run = { ...emptySummary(origin.run), rankSet: new Set(), hostSet: new Set() };
      runs.set(origin.run, run);
    }
    run.attempt = Math.max(run.attempt, origin.attempt);
    if (origin.rank !== null) run.rankSet.add(origin.rank);
    run.hostSet.add(origin.host);
    run.streams += 1;
    run.bytes += end;
    run.events += snapshot ? eventsOfState(latest, origin, { created, events }) : events;
    run.first = Math.min(run.first, created);
    run.last = Math.max(run.last, observed);
    run.gapBytes += gaps.reduce((sum, gap) => sum + gap.end - gap.start, 0);
    if (progress) {
      const told = { progress, attempt: origin.attempt };
      const known = furthest.get(origin.run);
      if (known === undefined || tellsMore(told, known)) furthest.set(origin.run, told);
    }
  }
  return [...runs.values()]
    .map(({ rankSet, hostSet, ...run }) => ({
      ...run,
      ranks: [...rankSet].sort((a, b) => a - b),
      hosts: [...hostSet].sort(),
      ...progressOfRun(run, furthest.get(run.run)),
    }))
    .sort((a, b) => b.last - a.last || (a.run < b.run ? -1 : 1));
}

interface ProgressOfAttempt {
  progress: NonNullable<StreamDocument['progress']>;
  attempt: number;
}

/** Streams that tell it within so long of each other tell of the same moment. */
const sameMomentMs = 60_000;

function tellsMore({ progress: one, attempt }: ProgressOfAttempt, other: ProgressOfAttempt): boolean {
  if (attempt !== other.attempt) return attempt > other.attempt;
  const laterMs = one.time - other.progress.time;
  if (Math.abs(laterMs) > sameMomentMs) return laterMs > 0;
  return (one.total - other.progress.total || one.step - other.progress.step || laterMs) > 0;
}

/** What an attempt before the last has told is of the past. */
function progressOfRun(
  { attempt }: Pick<RunSummary, 'attempt'>,
  told: ProgressOfAttempt | undefined,
): { progress?: RunProgress } {
  if (told?.attempt !== attempt) return {};
  const { step, total, label, rate, etaMs, time } = told.progress;
  return { progress: { step, total, label, rate, etaMs, time } };
}

/** What the state adds to the count of its file's events. */
function eventsOfState(
  latest: Map<string, { created: number; events: number }>,
  { source, run, path }: StreamDocument['origin'],
  state: { created: number; events: number },
): number {
  const key = JSON.stringify([source, run, path]);
  const known = latest.get(key);
  if (known !== undefined && known.created > state.created) return 0;
  latest.set(key, state);
  return state.events - (known?.events ?? 0);
}

function emptySummary(run: string): RunSummary {
  return {
    run,
    attempt: 0,
    ranks: [],
    hosts: [],
    streams: 0,
    bytes: 0,
    events: 0,
    first: Infinity,
    last: 0,
    gapBytes: 0,
  };
}
