/**
 * Which machines and GPUs fail again and again, over runs: how often each was where a first cause was seen. What no machine can help, as an
 * exception of the program or the end of its time, does not count.
 */
import type { RunCause } from './run-failures.ts';

export interface Blame {
  host: string;
  /** A PCI address or an index; null for the machine as a whole. */
  gpu: string | null;
  /** Attempts that failed there first. */
  failures: number;
  runs: string[];
  classes: string[];
}

const ofMachines: ReadonlySet<string> = new Set([
  'collective-timeout',
  'watchdog-hang',
  'nccl-generic',
  'ib',
  'ecc',
  'cuda-error',
  'cuda-unavailable',
  'xid',
  'sxid',
  'host-oom',
  'disk-full',
  'storage',
  'killed',
  'crash',
  'sdc',
  'worker-death',
  'straggler',
]);
const blamesMax = 64;
const namesMax = 16;

/** The worst first. `localhost` is no machine's name. */
export function blameOf(runs: readonly { run: string; causes: readonly RunCause[] }[]): Blame[] {
  const blames = new Map<string, Blame>();
  for (const { run, causes } of runs) {
    const attempts = new Set<number>();
    for (const cause of causes) {
      const host = cause.details.host ?? cause.evidence[0]?.host ?? 'localhost';
      if (host === 'localhost' || !ofMachines.has(cause.class)) continue;
      // The first cause of an attempt, not what comes after it.
      const failed = cause.attempts.filter((attempt) => !attempts.has(attempt));
      for (const attempt of failed) attempts.add(attempt);
      if (failed.length > 0) add(blames, { run, host, cause, failures: failed.length });
    }
  }
  return [...blames.values()]
    .sort((a, b) => b.failures - a.failures || (a.host < b.host ? -1 : 1))
    .slice(0, blamesMax);
}

interface Failure {
  run: string;
  host: string;
  cause: RunCause;
  failures: number;
}

function add(blames: Map<string, Blame>, { run, host, cause, failures }: Failure): void {
  const gpu = cause.details.gpu ?? null;
  const key = `${host} ${gpu}`;
  const blame = blames.get(key) ?? { host, gpu, failures: 0, runs: [], classes: [] };
  blames.set(key, blame);
  blame.failures += failures;
  note(blame.runs, run);
  note(blame.classes, cause.class);
}

function note(names: string[], name: string): void {
  if (!names.includes(name) && names.length < namesMax) names.push(name);
}
