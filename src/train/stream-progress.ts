/**
 * How far a stream says that its training is: by its bars, or by points whose text tells the last step. One of them counts: the one with the most
 * steps in all, until it has come to its end or another one moves while it does not. Bars of evaluations never do.
 */
import type { Fact, FactBase, PointFact, ProgressBody } from '../core/fact.ts';
import type { StreamProgress } from '../core/stream-document.ts';
import { isEvaluationLabel } from './phases.ts';

/** One that has not moved for so long gives way to one that does. */
const staleMs = 60_000;
const labelMax = 80;

/** `held`: as it was before these facts. The facts of a closed event may be given again. */
export function progressAfter(
  held: StreamProgress | undefined,
  facts: readonly Fact[],
): StreamProgress | undefined {
  let progress = held;
  for (const fact of facts) {
    if (fact.kind === 'progress') progress = withBar(progress, fact);
    else if (fact.kind === 'point' && fact.total !== undefined) progress = withPoint(progress, fact);
  }
  return progress;
}

function withBar(
  held: StreamProgress | undefined,
  fact: FactBase & ProgressBody,
): StreamProgress | undefined {
  const { step, total, rate, etaMs, time } = fact;
  // A count to one is no progress, a total below the count is none.
  if (total === null || total <= 1 || step > total || isEvaluationLabel(fact.label)) return held;
  if (held !== undefined && !givesWay(held, total, time)) return held;
  const label = fact.label?.slice(0, labelMax) ?? null;
  const left = rate === null || rate === 0 ? null : Math.round(((total - step) * 1000) / rate);
  // A bar that is closed has the time at which it was drawn first.
  const toldAt = Math.max(time, held?.time ?? 0);
  return { step, total, label, rate, etaMs: step === total ? null : (etaMs ?? left), time: toldAt };
}

function withPoint(held: StreamProgress | undefined, fact: PointFact): StreamProgress | undefined {
  const { step, total, time } = fact;
  if (step === null || total === undefined || total <= 1 || step > total) return held;
  if (held !== undefined && !givesWay(held, total, time)) return held;
  const before = held?.from !== undefined && held.total === total && held.step <= step ? held : undefined;
  if (before?.step === step) return before;
  const from = before?.from ?? { step, time };
  const rate = time > from.time ? ((step - from.step) * 1000) / (time - from.time) : null;
  const etaMs = rate === null || step === total ? null : Math.round(((total - step) * 1000) / rate);
  return { step, total, label: null, rate, etaMs, time, from };
}

function givesWay({ step, total, time }: StreamProgress, otherTotal: number, now: number): boolean {
  return otherTotal >= total || step === total || now - time > staleMs;
}
