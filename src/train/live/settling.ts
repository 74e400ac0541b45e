/**
 * When a cause that has been found is sure enough to wake somebody. Other ranks' logs may come late and tell of an earlier cause; a process that
 * printed an exception may go on. So a cause has to stand for a while:
 *
 * - somebody says that the process has ended (an exit status, a watchdog that aborts): `settleMs`;
 * - else: without another step of the rank for as long as three of its steps take, at most ten minutes, at least `settleMs`; and if it
 *   has made steps for a minute since, it has not died of it. Six times `settleMs` where no steps are known and nothing says that an
 *   exception was not caught: a server may well log one;
 * - where what the run says comes late, what takes the cause back may be as late: longer by that, at most ten minutes;
 * - what is the matter with a run that lives (a loss that is no number): as long as three steps take, whether it makes any or not.
 */
import type { Cause } from '../incidents/cause.ts';
import { isExitStatus } from '../incidents/cause.ts';
import type { RunFacts } from './run-facts.ts';

const stepsOfPatience = 3;
/** Of `settleMs`. */
const patienceWithoutSteps = 6;
export const patienceMsMax = 600_000;
const survivedMsMin = 60_000;
/** What a process wrote before it died may be read so much later than what it wrote last: buffers, and turns of the agent. */
const readLaterMs = 5_000;
const ofLivingRun: ReadonlySet<string> = new Set(['nan', 'nan-hidden', 'overflow']);

/** Clocks of machines differ, and agents and indexers take their time. */
const lateMsMin = 30_000;

/** Monotonic ms, as `since`, when the cause was first found; Infinity while the rank goes on. */
export function settlesAt(cause: Cause, since: number, facts: RunFacts, settleMs: number): number {
  const lateMs = facts.delayMs < lateMsMin ? 0 : Math.min(patienceMsMax, facts.delayMs);
  return settlesInTime(cause, since, facts, settleMs) + lateMs;
}

function settlesInTime(cause: Cause, since: number, facts: RunFacts, settleMs: number): number {
  const [evidence] = cause.evidence;
  if (evidence === undefined || cause.evidence.some(hasEnded)) return since + settleMs;
  const paces = facts.paces(cause.attempt, evidence.rank);
  const stepsMs = stepsOfPatience * Math.max(0, ...paces.map(({ intervalMs }) => intervalMs));
  const isUnsure = stepsMs === 0 && evidence.details?.end === undefined;
  const leastMs = isUnsure ? patienceWithoutSteps * settleMs : settleMs;
  const patienceMs = Math.max(leastMs, Math.min(patienceMsMax, stepsMs));
  if (cause.role === 'warning' || ofLivingRun.has(cause.class)) return since + patienceMs;
  const stepsSinceMs = Math.max(...paces.map(({ observed }) => observed)) - evidence.observed;
  if (stepsSinceMs > Math.max(survivedMsMin, stepsMs)) return Infinity;
  const lastStepAt = stepsSinceMs > readLaterMs ? Math.max(...paces.map(({ takenAt }) => takenAt)) : since;
  return Math.max(since, lastStepAt) + patienceMs;
}

function hasEnded(text: Cause['evidence'][number]): boolean {
  return text.details?.end === 'sure' || isExitStatus(text);
}
