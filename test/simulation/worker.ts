import { parentPort, workerData } from 'node:worker_threads';
import { addOutcome, emptyReport } from './report.ts';
import { simulate } from './simulation.ts';

/** Runs every `step`th seed from `from` to `to` and reports from time to time. */
const { from, to, step } = workerData as {
  from: number;
  to: number;
  step: number;
};
const seedsPerReport = 10;

// The stack of each abort costs more than what is aborted.
Error.stackTraceLimit = 0;

let report = emptyReport();
for (let seed = from; seed < to; seed += step) {
  addOutcome(report, await simulate(seed));
  const isOver = seed + step >= to;
  if (report.seeds < seedsPerReport && !isOver) continue;
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port, not a window
  parentPort?.postMessage(report);
  report = emptyReport();
  // Lets the message go out: a run never waits for anything real.
  await new Promise((resolve) => void setImmediate(resolve));
}
