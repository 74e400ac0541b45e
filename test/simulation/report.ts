import type { Outcome } from './simulation.ts';
import { fates } from './verdict.ts';
import type { Fates } from './verdict.ts';

/** What many runs add up to. */
export interface Report {
  seeds: number;
  bytesWritten: number;
  streams: number;
  lives: number;
  fates: Fates;
  failed: { seed: number; kind: string; detail: string }[];
}

const failuresShownMax = 20;

export function emptyReport(): Report {
  return {
    seeds: 0,
    bytesWritten: 0,
    streams: 0,
    lives: 0,
    fates: Object.fromEntries(fates.map((fate) => [fate, 0])) as Fates,
    failed: [],
  };
}

export function addOutcome(report: Report, outcome: Outcome): void {
  const [violation] = outcome.violations;
  addTo(report, {
    ...outcome,
    seeds: 1,
    failed: violation ? [{ seed: outcome.seed, ...violation }] : [],
  });
}

export function addTo(total: Report, part: Report): void {
  total.seeds += part.seeds;
  total.bytesWritten += part.bytesWritten;
  total.streams += part.streams;
  total.lives += part.lives;
  for (const fate of fates) total.fates[fate] += part.fates[fate];
  total.failed.push(...part.failed);
}

export function reportText(report: Report, seconds: number): string {
  const { seeds, bytesWritten, streams, lives, failed } = report;
  const perSecond = (seeds / seconds).toFixed(1);
  return [
    `${seeds} seeds in ${seconds.toFixed(0)} s (${perSecond} a second): ${failed.length} failed`,
    `${bytesWritten} bytes written, ${streams} streams, ${lives} lives of the agent`,
    fates.map((fate) => `${fate} ${report.fates[fate]}`).join(', '),
    ...failed
      .slice(0, failuresShownMax)
      .flatMap(({ seed, kind, detail }) => [
        `failed: seed ${seed}: ${kind}: ${detail}`,
        `again: npm run soak -- simulation --seed ${seed} --verbose`,
      ]),
  ].join('\n');
}
