/**
 * Points as their sources tell them. A source is one name in one family of files of one rank: `train.log` with its rotations, the event files
 * of a directory, `attempt_0/0/stdout.log` with `attempt_1/0/stdout.log`. What tells the lives of a run apart in it:
 *
 * - the attempt;
 * - the file, where a later one of the family begins after the earlier one has ended, and behind its last step;
 * - `restart`, where an attempt appends to the file of the one before (train/restarts.ts).
 */
import type { PointBody } from '../fact.ts';
import { digitsOf } from './precision.ts';

/** A point as a reader has it, from a file or from an index. */
export interface SeriesPoint extends Pick<PointBody, 'step' | 'value' | 'decimals' | 'restart' | 'name'> {
  run: string;
  attempt: number;
  rank: number | null;
  path: string;
  canonical: string | null;
  /** ms since epoch */
  time: number;
}

export interface SourcePoint {
  /** Its place in the list that was given. */
  no: number;
  point: SeriesPoint;
}

/** What one life of the run told in a source; their order is that of time. */
export interface Life {
  attempt: number;
  points: SourcePoint[];
  /** Of the points with a step. */
  first: number;
  last: number;
  begun: number;
  ended: number;
}

export interface Source {
  run: string;
  rank: number | null;
  /** What its points are about: by the canonical name, or by the raw one without what spelling and loggers add to it. */
  about: string;
  /** The canonical name, or the raw one where there is none. */
  called: string;
  name: string;
  /** The first in the alphabet. */
  path: string;
  lives: Life[];
  /** The most significant digits of a value, and whether they come from a text that was printed. */
  digits: number;
  isPrinted: boolean;
}

export function sourcesOf(points: readonly SeriesPoint[]): Source[] {
  const byKey = new Map<string, SourcePoint[]>();
  points.forEach((point, no) => {
    const { run, rank, name, canonical } = point;
    const key = JSON.stringify([run, rank, canonical, name, familyOf(point.path)]);
    const held = byKey.get(key);
    if (held) held.push({ no, point });
    else byKey.set(key, [{ no, point }]);
  });
  return [...byKey.values()].map(sourceOf);
}

/** Hugging Face's logger for event files puts `train/` before what is `train_runtime` elsewhere. Never a canonical name. */
function plainName(name: string): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '_')
    .replace(/^(?:train_)+(?=.)/, '');
  return `/${plain === '_' ? name : plain}`;
}

/** Files whose paths differ only in numbers. */
function familyOf(path: string): string {
  return path
    .replace(/\.(?:gz|zst)$/, '')
    .replaceAll(/\d+/g, '#')
    .replace(/(?:[._-]#)+$/, '');
}

function sourceOf(points: SourcePoint[]): Source {
  const { run, rank, canonical, name } = points[0]!.point;
  points.sort(({ point: a }, { point: b }) => inTime(a, b));
  const most = (number: (point: SeriesPoint) => number) =>
    points.reduce((most, { point }) => Math.max(most, number(point)), 0);
  const isPrinted = points.some(({ point }) => point.decimals !== undefined);
  return {
    run,
    rank,
    about: canonical ?? plainName(name),
    called: canonical ?? name,
    name,
    path: points.reduce((least, { point: { path } }) => (path < least ? path : least), points[0]!.point.path),
    lives: livesOf(points),
    digits: most(digitsOf),
    isPrinted,
  };
}

/** Of one time those without a step keep their order; of others it is not known which was told first. */
function inTime(a: SeriesPoint, b: SeriesPoint): number {
  const order =
    a.time - b.time || compare(a.path, b.path) || Number(a.step === null) - Number(b.step === null);
  if (order !== 0 || a.step === null || b.step === null) return order;
  const [digits, others] = [a.decimals ?? Infinity, b.decimals ?? Infinity];
  return a.step - b.step || byNumber(a.value, b.value) || byNumber(others, digits);
}

/** NaN comes last. */
function byNumber(a: number, b: number): number {
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b)) || Number(a > b) - Number(a < b);
}

function livesOf(points: readonly SourcePoint[]): Life[] {
  const files = new Map<string, SourcePoint[]>();
  for (const each of points) {
    const { attempt, restart = 0, path } = each.point;
    const key = `${attempt} ${restart} ${path}`;
    const held = files.get(key);
    if (held) held.push(each);
    else files.set(key, [each]);
  }
  const pieces = [...files.values()].map((of) => ({ restart: of[0]!.point.restart ?? 0, life: lifeOf(of) }));
  pieces.sort(
    (a, b) =>
      a.life.attempt - b.life.attempt ||
      a.restart - b.restart ||
      a.life.begun - b.life.begun ||
      a.life.first - b.life.first,
  );
  const lives: { restart: number; life: Life }[] = [];
  for (const piece of pieces) {
    const before = lives.at(-1);
    if (before === undefined || isLater(before, piece)) lives.push(piece);
    else join(before.life, piece.life);
  }
  return lives.map(({ life }) => life);
}

type Piece = { restart: number; life: Life };

function isLater(before: Piece, after: Piece): boolean {
  if (after.life.attempt !== before.life.attempt || after.restart !== before.restart) return true;
  // Files that have one time only are not known to follow each other.
  const isTimed = before.life.ended > before.life.begun || after.life.ended > after.life.begun;
  return isTimed && after.life.begun > before.life.ended && after.life.first <= before.life.last;
}

function lifeOf(points: SourcePoint[]): Life {
  const life: Life = {
    attempt: points[0]!.point.attempt,
    points,
    first: Infinity,
    last: -Infinity,
    begun: Infinity,
    ended: -Infinity,
  };
  for (const { point } of points) {
    if (point.step !== null) {
      life.first = Math.min(life.first, point.step);
      life.last = Math.max(life.last, point.step);
    }
    life.begun = Math.min(life.begun, point.time);
    life.ended = Math.max(life.ended, point.time);
  }
  return life;
}

function join(life: Life, more: Life): void {
  for (const point of more.points) life.points.push(point);
  life.first = Math.min(life.first, more.first);
  life.last = Math.max(life.last, more.last);
  life.begun = Math.min(life.begun, more.begun);
  life.ended = Math.max(life.ended, more.ended);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
