/**
 * Which run, attempt and rank a file belongs to. The order, first found wins:
 * line prefix (read by events/, per line) > path pattern > config > environment > default.
 * docs/CONFIG.md holds the same table for users.
 */
import { basename } from 'node:path';
import { launchedAs } from './launchers.ts';
import { compilePathPattern, type PathPattern } from './path-pattern.ts';

export interface OriginOfFile {
  run: string;
  attempt: number;
  rank: number | null;
  labels: Record<string, string>;
}

export interface OriginConfig {
  run?: string | undefined;
  attempt?: number | undefined;
  rank?: number | undefined;
  pathPatterns?: readonly string[];
  labels?: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that name the run, first found wins. torchrun sets `none` when it was given no --rdzv-id. */
export const runVariables = [
  'CABOOSE_RUN',
  'TORCHELASTIC_RUN_ID',
  'SLURM_JOB_ID',
  'PBS_JOBID',
  'LSB_JOBID',
] as const;
export const attemptVariables = [
  'CABOOSE_ATTEMPT',
  'TORCHELASTIC_RESTART_COUNT',
  'SLURM_RESTART_COUNT',
] as const;
export const rankVariables = [
  'CABOOSE_RANK',
  'RANK',
  'OMPI_COMM_WORLD_RANK',
  'PMIX_RANK',
  'PMI_RANK',
  'SLURM_PROCID',
  'JOB_COMPLETION_INDEX',
] as const;
/** Variables that become labels, unless the config sets the label. */
export const labelVariables: Readonly<Record<string, readonly string[]>> = {
  world_size: ['WORLD_SIZE', 'OMPI_COMM_WORLD_SIZE', 'SLURM_NTASKS'],
  node_rank: ['GROUP_RANK', 'NODE_RANK', 'SLURM_NODEID'],
  job_id: ['SLURM_JOB_ID', 'PBS_JOBID', 'LSB_JOBID'],
  job_name: ['SLURM_JOB_NAME', 'PBS_JOBNAME', 'LSB_JOBNAME'],
  namespace: ['POD_NAMESPACE'],
  pod: ['POD_NAME'],
  node: ['NODE_NAME'],
};

/** Pure. `path` is absolute; `root` is the directory which is followed: its name is the run if nothing names one. */
export function originOf(path: string, root: string, config: OriginConfig, env: Environment): OriginOfFile {
  const fromPattern = userMatch(path, config.pathPatterns ?? []);
  const fromLauncher = launchedAs(path);
  const folder = basename(root);
  return {
    run:
      fromPattern.run ??
      fromLauncher.run ??
      config.run ??
      variable(env, runVariables, (value) => value !== 'none') ??
      fromLauncher.folder ??
      (folder === '' ? 'default' : folder),
    attempt:
      whole(fromPattern.attempt) ??
      whole(fromLauncher.attempt) ??
      config.attempt ??
      whole(variable(env, attemptVariables, isWhole)) ??
      0,
    rank:
      whole(fromPattern.rank) ??
      whole(fromLauncher.rank) ??
      config.rank ??
      whole(variable(env, rankVariables, isWhole)) ??
      null,
    labels: { ...labelsOf(env), ...config.labels },
  };
}

interface PathMatch {
  run?: string | undefined;
  attempt?: string | undefined;
  rank?: string | undefined;
}

/** Later patterns add what earlier ones left open. Patterns that do not compile were refused with the config. */
function userMatch(path: string, patterns: readonly string[]): PathMatch {
  const found: PathMatch = {};
  for (const pattern of patterns) {
    const match = compiled(pattern)?.(path);
    if (!match) continue;
    found.run ??= match.run;
    found.attempt ??= match.attempt;
    found.rank ??= match.rank;
  }
  return found;
}

const cache = new Map<string, PathPattern | null>();

function compiled(pattern: string): PathPattern | null {
  let known = cache.get(pattern);
  if (known === undefined) {
    const result = compilePathPattern(pattern);
    known = typeof result === 'string' ? null : result;
    if (cache.size < 1_000) cache.set(pattern, known);
  }
  return known;
}

function labelsOf(env: Environment): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [label, names] of Object.entries(labelVariables)) {
    const value = variable(env, names, () => true);
    if (value !== undefined) labels[label] = value.slice(0, 1_024);
  }
  return labels;
}

function variable(
  env: Environment,
  names: readonly string[],
  accept: (value: string) => boolean,
): string | undefined {
  for (const name of names) {
    const value = env[name];
    if (value !== undefined && value !== '' && accept(value)) return value;
  }
  return undefined;
}

function isWhole(value: string): boolean {
  return /^\d{1,8}$/.test(value);
}

function whole(value: string | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
