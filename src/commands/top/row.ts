import type { RunProgress, RunSummary, StoredPoint } from '../../core/event-index.ts';
import { isOpen, sortedIncidents } from '../../core/incident.ts';
import type { Incident } from '../../core/incident.ts';

/** What is asked of each run, by canonical name. */
export const shownNames = ['loss', 'tokens_per_second', 'resource.gpu.utilization_ratio'] as const;

/** A run at one moment. */
export interface RunState {
  summary: RunSummary;
  /** The newest of each rank and name. */
  points: readonly StoredPoint[];
  incidents: readonly Incident[];
}

/** Silent for longer than this, a run is quiet. */
const quietMs = 120_000;

export interface TopRow {
  run: string;
  attempt: number;
  ranks: number[];
  /** Of the rank that is furthest, and of the one that is least far, where ranks state steps. */
  step: number | null;
  stepLeast: number | null;
  loss: number | null;
  /** What a bar, or a text that tells the last step, says of how far it is. */
  progress: RunProgress | null;
  /** Steps a second, between this look and an earlier one. */
  stepsPerSecond: number | null;
  /** Sum over the ranks that state it. */
  tokensPerSecond: number | null;
  /** Mean over all GPUs, 0 to 1. */
  gpuUtilization: number | null;
  bytesPerSecond: number | null;
  /** ms since epoch */
  last: number;
  gapBytes: number;
  state: 'active' | 'quiet' | 'failed';
  /** The first cause of what is not resolved, in words; else null. */
  trouble: string | null;
}

/** `before`: the same run at an earlier look, whose time was `beforeAt`. */
export function rowOf(state: RunState, now: number, before?: { state: RunState; at: number }): TopRow {
  const { summary, points } = state;
  const losses = points.filter(({ canonical }) => canonical === 'loss');
  const steps = losses.flatMap(({ step }) => (step === null ? [] : [step]));
  const furthest = losses.find(({ step }) => step !== null && step === Math.max(...steps)) ?? losses[0];
  const tokens = valuesOf(points, 'tokens_per_second');
  const gpus = valuesOf(points, 'resource.gpu.utilization_ratio');
  const [worst] = sortedIncidents(state.incidents.filter(isOpen));
  const elapsedMs = before ? now - before.at : 0;
  return {
    run: summary.run,
    attempt: summary.attempt,
    ranks: summary.ranks,
    step: steps.length === 0 ? null : Math.max(...steps),
    stepLeast: steps.length === 0 ? null : Math.min(...steps),
    loss: furthest?.value ?? null,
    progress: summary.progress ?? null,
    stepsPerSecond: before ? pace(before.state.points, furthest) : null,
    tokensPerSecond: tokens.length === 0 ? null : sum(tokens),
    gpuUtilization: gpus.length === 0 ? null : sum(gpus) / gpus.length,
    bytesPerSecond:
      before && elapsedMs > 0
        ? Math.max(0, ((summary.bytes - before.state.summary.bytes) * 1_000) / elapsedMs)
        : null,
    last: summary.last,
    gapBytes: summary.gapBytes,
    state: worst?.role === 'root' ? 'failed' : now - summary.last > quietMs ? 'quiet' : 'active',
    trouble: worst
      ? `${worst.class}${worst.rank === null ? '' : `, rank ${worst.rank}`}: ${worst.message}`
      : null,
  };
}

function valuesOf(points: readonly StoredPoint[], wanted: (typeof shownNames)[number]): number[] {
  return points.flatMap(({ canonical, value }) =>
    canonical === wanted && Number.isFinite(value) ? [value] : [],
  );
}

/** By the times that the steps themselves have; null when the rank has made none since, or has begun again. */
function pace(before: readonly StoredPoint[], now: StoredPoint | undefined): number | null {
  if (now === undefined || now.step === null) return null;
  const then = before.find(
    ({ rank, name, attempt }) => rank === now.rank && name === now.name && attempt === now.attempt,
  );
  if (then === undefined || then.step === null || then.step >= now.step || then.time >= now.time) return null;
  return ((now.step - then.step) * 1_000) / (now.time - then.time);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
