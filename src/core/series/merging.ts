/**
 * Which sources tell the same series. The most precise comes first; a source joins the first series that it agrees with at the steps which both
 * tell. One that disagrees is a series of its own: a mean over the epoch beside the value of the step, `train_loss` over the whole run beside
 * `loss`. So is one that has no step in common, unless it tells, under the same name, what lies before or behind: a log and its rotations.
 *
 * A source without a rank joins that of a rank which it agrees with. One without steps (a printed dict) is the same where all of its values
 * are found again in their order.
 */
import { agree } from './precision.ts';
import type { Source, SourcePoint } from './sources.ts';

export interface Series {
  run: string;
  /** The canonical name, or that of its most precise source. */
  called: string;
  rank: number | null;
  /** How people tell it from others that are called so. */
  label: string;
  /** The first is the most precise. */
  sources: Source[];
  /** How many steps are told. */
  size: number;
  /** Numbers of points that tell again what another one does. */
  same: Set<number>;
  /** Those that a less precise source tells otherwise at a step that is represented already. */
  apart: Set<number>;
}

/** Of a hundred steps in common so many may differ: one that was printed before it was corrected does not part two series. */
const differingShareMax = 0.05;

/** `ignored`: points that count no more. */
export function mergeSources(sources: readonly Source[], ignored: ReadonlySet<number>): Series[] {
  const groups = new Map<string, Group[]>();
  const sorted = [...sources].sort(
    (a, b) =>
      Number(a.rank === null) - Number(b.rank === null) || byPrecision(a, b) || (a.rank ?? 0) - (b.rank ?? 0),
  );
  for (const source of sorted) {
    const key = JSON.stringify([source.run, source.about]);
    const known = groups.get(key) ?? [];
    groups.set(key, known);
    const told = { source, points: pointsOf(source, ignored) };
    const group = known.find((group) => fits(told, group));
    if (group === undefined) known.push({ rank: source.rank, told: [told], steps: stepsOf(told.points) });
    else {
      group.told.push(told);
      for (const [step, point] of stepsOf(told.points))
        if (!group.steps.has(step)) group.steps.set(step, point);
    }
  }
  return [...groups.values()].flatMap((of) => {
    const series = of.map(represented);
    nameApart(series);
    return series;
  });
}

/** A source with those of its points that count. */
interface Told {
  source: Source;
  points: SourcePoint[];
}

interface Group {
  rank: number | null;
  told: Told[];
  steps: Map<number, SourcePoint>;
}

/** Sources without steps come when those with steps are known; of the rest the most precise first, and what a file tells before a print. */
function byPrecision(a: Source, b: Source): number {
  return (
    Number(isStepless(a)) - Number(isStepless(b)) ||
    b.digits - a.digits ||
    Number(a.isPrinted) - Number(b.isPrinted) ||
    compare(a.path, b.path) ||
    compare(a.name, b.name)
  );
}

function isStepless({ lives }: Source): boolean {
  return lives.every(({ first, last }) => first > last);
}

function pointsOf({ lives }: Source, ignored: ReadonlySet<number>): SourcePoint[] {
  return lives.flatMap(({ points }) => points.filter(({ no }) => !ignored.has(no)));
}

/** The last that is told of each step. */
function stepsOf(points: readonly SourcePoint[]): Map<number, SourcePoint> {
  const steps = new Map<number, SourcePoint>();
  for (const each of points) if (each.point.step !== null) steps.set(each.point.step, each);
  return steps;
}

function fits({ source, points }: Told, { rank, told, steps }: Group): boolean {
  if (rank !== source.rank && source.rank !== null) return false;
  if (isStepless(source)) return points.length > 0 && retold(points, told, steps).length === points.length;
  let same = 0;
  let different = 0;
  for (const { point } of points) {
    const held = point.step === null ? undefined : steps.get(point.step);
    if (held === undefined) continue;
    if (agree(held.point, point)) same += 1;
    else different += 1;
  }
  if (same + different > 0) return same > 0 && different <= (same + different) * differingShareMax;
  const sameName = told.find(({ source: { name } }) => name === source.name);
  return rank === source.rank && sameName !== undefined && !overlap(points, sameName.points);
}

/** Whether the steps of one reach into those of the other. Without one in common they may be counted in different units: steps, samples. */
function overlap(a: readonly SourcePoint[], b: readonly SourcePoint[]): boolean {
  const [first, last] = boundsOf(a);
  const [otherFirst, otherLast] = boundsOf(b);
  return first <= otherLast && otherFirst <= last;
}

function boundsOf(points: readonly SourcePoint[]): [first: number, last: number] {
  let first = Infinity;
  let last = -Infinity;
  for (const { point } of points) {
    if (point.step === null) continue;
    first = Math.min(first, point.step);
    last = Math.max(last, point.step);
  }
  return [first, last];
}

/** So many values that are not found end the search, which is through all that is told for each. */
const missesMax = 100;

/** Which of the points are found in the series, in their order. */
function retold(
  points: readonly SourcePoint[],
  told: readonly Told[],
  steps: ReadonlyMap<number, SourcePoint>,
): SourcePoint[] {
  const series =
    steps.size > 0
      ? [...steps].sort(([a], [b]) => a - b).map(([, each]) => each)
      : (told[0]?.points.filter(({ point }) => point.step === null) ?? []);
  const found: SourcePoint[] = [];
  let from = 0;
  let misses = 0;
  for (const each of points) {
    let at = from;
    while (at < series.length && !agree(series[at]!.point, each.point)) at += 1;
    if (at < series.length) {
      found.push(each);
      from = at + 1;
    } else if ((misses += 1) > missesMax) break;
  }
  return found;
}

function represented({ rank, told }: Group): Series {
  const sorted = [...told].sort((a, b) => byPrecision(a.source, b.source));
  const { run, called } = sorted[0]!.source;
  const same = new Set<number>();
  const apart = new Set<number>();
  const steps = new Map<number, SourcePoint>();
  sorted.forEach(({ points }, i) => {
    const before = new Map(steps);
    for (const each of points) {
      const { step } = each.point;
      const held = step === null ? undefined : steps.get(step);
      if (step === null) continue;
      if (held === undefined) steps.set(step, each);
      else if (before.has(step)) (agree(held.point, each.point) ? same : apart).add(each.no);
      else if (Object.is(held.point.value, each.point.value)) same.add(each.no);
    }
    if (i === 0) return;
    const stepless = points.filter(({ point }) => point.step === null);
    for (const { no } of retold(stepless, sorted.slice(0, i), before)) same.add(no);
  });
  return {
    run,
    called,
    rank,
    label: called,
    sources: sorted.map(({ source }) => source),
    size: steps.size,
    same,
    apart,
  };
}

/** The one with the most steps has the plain name. */
function nameApart(all: readonly Series[]): void {
  const ofRank = new Map<number | null, Series[]>();
  for (const series of all) {
    const held = ofRank.get(series.rank);
    if (held) held.push(series);
    else ofRank.set(series.rank, [series]);
  }
  for (const several of ofRank.values()) {
    const [main, ...others] = several.sort((a, b) => b.size - a.size);
    const taken = new Set([main!.label]);
    for (const series of others) {
      const { name, path } = series.sources[0]!;
      const like = main!.sources.find((source) => source.name === name);
      const texts = [
        like === undefined ? name : differingPart(path, like.path),
        `${name}, ${path}`,
        `${taken.size + 1}`,
      ];
      const labels = texts.map((text) => `${series.called} (${text})`);
      series.label = labels.find((label) => !taken.has(label)) ?? series.called;
      taken.add(series.label);
    }
  }
}

/** The first directory in which the paths differ, else the name. */
function differingPart(path: string, other: string): string {
  const others = other.split('/');
  const parts = path.split('/');
  return parts.find((part, i) => part !== others[i]) ?? parts.at(-1) ?? path;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
