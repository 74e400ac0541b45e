/** Stored points as the lines of a chart: pure. */
import { numberToJson } from '../core/fact.ts';
import type { StoredPoint } from '../core/event-index.ts';
import { deviceOf, isResource } from '../core/resources.ts';
import { digitsOf } from '../core/series/precision.ts';
import { standingsOf } from '../core/series/standings.ts';
import type { Placed } from '../core/series/standings.ts';

/** x (step, or ms since epoch), value, time in ms. Not-a-number and the infinities are the texts of core/fact.ts. */
export type ChartPoint = [x: number, value: number | 'NaN' | 'Infinity' | '-Infinity', time: number];

export interface ChartSeries {
  attempt: number;
  rank: number | null;
  /** Of resources: the machine, and its device. Of the training: what tells the series from the plain one, where sources disagree. */
  of?: string;
  /** What a later attempt has told anew. */
  superseded?: true;
  points: ChartPoint[];
}

export interface Chart {
  /** `time` when no point has a step. */
  x: 'step' | 'time';
  series: ChartSeries[];
  /** Points that the chart cannot place, lines past the bound: told, not hidden. */
  withoutStep: number;
  seriesLeftOut: number;
  /** Points before thinning. */
  total: number;
}

const seriesMax = 256;
/** In all series together, after thinning. */
const chartPointsMax = 40_000;
const seriesPointsMax = 2_000;

/**
 * One line per (attempt, rank, series or device) with one value per x: what several sources tell as one series is told once, as precisely as any
 * did, and what a later attempt has told anew is a line of its own (core/series/standings.ts).
 */
export function toSeries(points: readonly StoredPoint[]): Chart {
  const placed = points.some(isResource) ? [] : standingsOf(points);
  const x = points.length === 0 || points.some(({ step }) => step !== null) ? 'step' : 'time';
  const lines = new Map<string, Omit<ChartSeries, 'points'> & { values: Map<number, StoredPoint> }>();
  let withoutStep = 0;
  for (const [i, point] of points.entries()) {
    const place = placed[i];
    if (place?.standing === 'same') continue;
    const at = x === 'step' ? point.step : point.time;
    if (at === null) {
      withoutStep += 1;
      continue;
    }
    const { attempt } = point;
    const rank = place?.rank ?? point.rank;
    const of = whichOf(point, place);
    const superseded = place?.standing === 'superseded';
    const key = JSON.stringify([attempt, rank, of ?? '', superseded]);
    const line = lines.get(key) ?? {
      attempt,
      rank,
      ...(of !== undefined && { of }),
      ...(superseded && { superseded }),
      values: new Map(),
    };
    lines.set(key, line);
    const held = line.values.get(at);
    const isBetter = (other: StoredPoint) =>
      superseded ? digitsOf(point) > digitsOf(other) : point.time >= other.time;
    if (held === undefined || isBetter(held)) line.values.set(at, point);
  }
  const sorted = [...lines.values()].sort(
    (a, b) =>
      a.attempt - b.attempt ||
      (a.rank ?? -1) - (b.rank ?? -1) ||
      compare(a.of ?? '', b.of ?? '') ||
      Number(a.superseded === true) - Number(b.superseded === true),
  );
  const shown = sorted.slice(0, seriesMax);
  const perSeriesMax = Math.min(seriesPointsMax, Math.floor(chartPointsMax / Math.max(1, shown.length)));
  return {
    x,
    withoutStep,
    seriesLeftOut: sorted.length - shown.length,
    total: points.length,
    series: shown.map(({ values, ...line }) => ({
      ...line,
      points: thin(
        [...values].sort(([a], [b]) => a - b),
        perSeriesMax,
      ).map(([at, { value, time }]) => [at, numberToJson(value), time]),
    })),
  };
}

/** What a line is of, beside its attempt and rank; nothing where it is the plain series. */
function whichOf(point: StoredPoint, place: Placed | undefined): string | undefined {
  if (isResource(point)) return [point.host, deviceOf(point) ?? ''].join(' ').trim();
  if (place === undefined || place.series === (point.canonical ?? point.name)) return undefined;
  return place.series;
}

/**
 * At most `max` points in the same order: of each stretch the lowest, the highest and one that is no finite number, so
 * that neither a spike nor a NaN is lost; the first and the last point stay.
 */
export function thin<P extends { value: number }>(
  points: readonly [number, P][],
  max: number,
): [number, P][] {
  if (points.length <= max) return [...points];
  const stretches = Math.max(1, Math.floor((max - 2) / 3));
  const kept = new Set<number>([0, points.length - 1]);
  for (let stretch = 0; stretch < stretches; stretch += 1) {
    const from = Math.floor((stretch * points.length) / stretches);
    const to = Math.floor(((stretch + 1) * points.length) / stretches);
    let low = -1;
    let high = -1;
    let strange = -1;
    for (let i = from; i < to; i += 1) {
      const value = points[i]![1].value;
      if (!Number.isFinite(value)) strange = i;
      else {
        if (low < 0 || value < points[low]![1].value) low = i;
        if (high < 0 || value > points[high]![1].value) high = i;
      }
    }
    for (const i of [low, high, strange]) if (i >= 0) kept.add(i);
  }
  return [...kept].sort((a, b) => a - b).map((i) => points[i]!);
}

/** Names as the page offers them: the canonical one where there is one, the most told first, `loss` before all. */
export function metricNames(points: readonly StoredPoint[]): { name: string; points: number }[] {
  const counts = new Map<string, number>();
  for (const { canonical, name } of points) {
    const shown = canonical ?? name;
    counts.set(shown, (counts.get(shown) ?? 0) + 1);
  }
  return [...counts]
    .map(([name, count]) => ({ name, points: count }))
    .sort(
      (a, b) =>
        Number(b.name === 'loss') - Number(a.name === 'loss') ||
        b.points - a.points ||
        compare(a.name, b.name),
    )
    .slice(0, 500);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
