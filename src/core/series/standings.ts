/**
 * One series, however many sources and attempts told it: what each point is to whoever reads the series. Pure; nothing is taken away, for a point
 * that does not stand is one that somebody may still ask for.
 *
 * docs/CLI.md, `caboose points`, says it to users.
 */
import { mergeSources } from './merging.ts';
import type { SeriesPoint } from './sources.ts';
import { sourcesOf } from './sources.ts';
import { supersededPoints } from './stitching.ts';

/**
 * - `stands`: the value of its series at its step;
 * - `same`: told again, more precisely or in a file: by the point that stands;
 * - `superseded`: a later life of the run has told this step anew.
 */
export type Standing = 'stands' | 'same' | 'superseded';

export interface Placed {
  standing: Standing;
  /** `loss`; `loss (train_loss)` for another series of that rank which tells a loss, too. */
  series: string;
  /** Of its series: a source without a rank may tell that of one. */
  rank: number | null;
}

/** One answer for each point, in their order. A function of the set of points: their order changes no standing. */
export function standingsOf(points: readonly SeriesPoint[]): Placed[] {
  const sources = sourcesOf(points);
  const superseded = supersededPoints(sources);
  const placed: Placed[] = points.map(({ canonical, name, rank }, no) => ({
    standing: superseded.has(no) ? 'superseded' : 'stands',
    series: canonical ?? name,
    rank,
  }));
  for (const { label, rank, sources: told, same, apart } of mergeSources(sources, superseded)) {
    for (const { name, lives } of told) {
      for (const { points: own } of lives) {
        for (const { no } of own) {
          const each = placed[no]!;
          each.series = apart.has(no) ? `${label} (${name}, differs)` : label;
          each.rank = rank;
          if (same.has(no)) each.standing = 'same';
        }
      }
    }
  }
  return placed;
}
