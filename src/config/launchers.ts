/**
 * What the paths of known launchers say of a file's run, attempt and rank: pure, one table of layouts.
 *
 * A rank is only read where a whole part of the path is one (`rank_3/`), or where a file's name begins or ends with it as a whole word
 * (`rank_3.out`, `train-rank3.log`): a directory that is named after an experiment (`exp_rank1_hangs`) says nothing of a rank. Of several
 * parts the deepest counts.
 */
import { rotationFamily } from '../core/rotation-family.ts';

export interface LaunchedAs {
  run?: string | undefined;
  attempt?: string | undefined;
  rank?: string | undefined;
  /** The run's name unless the config or the environment has one. */
  folder?: string | undefined;
}

/**
 * - torchrun (torch/distributed/elastic/multiprocessing, LogsSpecs): `<log dir>/<run id>_<8 of mkdtemp>/attempt_<n>/<rank>/stdout.log`;
 * - the kubelet: `/var/log/pods/<namespace>_<pod>_<uid>/<container>/<restarts>.log`;
 * - submitit (submitit/core/utils.py, JobPaths): `<job>_<task>_log.out`, of an array `<job>_<index>_<task>_log.out`;
 * - PaddlePaddle (paddle/distributed/launch): `workerlog.<rank>`;
 * - Ray Train and Tune: `ray_results/<experiment>/<trainer>_<id>_<number>…/`, each trial a run.
 */
const layouts: readonly RegExp[] = [
  /(?:^|\/)(?<folder>(?<run>[^/]+)_[a-z0-9_]{8})\/attempt_(?<attempt>\d{1,6})\/(?<rank>\d{1,8})\/[^/]+$/,
  /\/attempt_(?<attempt>\d{1,6})\/(?<rank>\d{1,8})\/[^/]+$/,
  /\/pods\/[^/]+_[^/]+_[0-9a-f-]{32,36}\/[^/]+\/(?<attempt>\d{1,6})\.log/,
  /\/(?<folder>\d{1,12}(?:_\d{1,8})?)_(?<rank>\d{1,8})_log\.(?:out|err)$/,
  /\/workerlog\.(?<rank>\d{1,8})$/,
  /\/ray_results\/[^/]+\/(?<folder>[A-Za-z]\w{0,100}_[0-9a-f]{5,8}_\d{5}(?:_[^/]*)?)\//,
];

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Slurm's `%x-%j_%t.out` and its like: job name, job number, task; not Ray's `worker-<56 digits>-<job>-<pid>.out`. */
const slurmTask =
  /^(?!.*[0-9a-f]{32})(?<folder>(?<name>[A-Za-z][^/]*?)[-_.](?<job>\d{3,12})(?:[-_.]\d{1,8})??)(?<join>[-_.])(?<rank>\d{1,8})$/;
const date = /^(?:19|20)\d\d(?:\d{4}(?:\d{6})?)?$/;

/** Whole parts; Lightning's loggers make a `version_<n>` at each start, and name it by a job's number under Slurm, which is no attempt. */
const attemptPart = /^(?:(?:attempt|restart)[._=-]?(\d{1,6})|version_(\d{1,4}))$/i;
/** Open MPI's and Horovod's `rank.<n>`, MindSpore's `worker_<n>`, Ray Train's `rank_<n>`, and the habit; of a file, JAX's `process_<n>`. */
const rankPart = /^(?:(?:global[_-]?)?rank|worker)[._=-]?(\d{1,8})$/i;
const rankFirst = /^(?:(?:global[_-]?)?rank|worker|process)[._=-]?(\d{1,8})(?=[._-])/i;
/** Not `local_rank_3`, `mp_rank_00`: ranks within a machine or a group. A `job-worker-0` is a pod, whose number need not be its rank. */
const rankLast = /(?:^|[._-])(?<!(?:local|node|group|mp|tp|pp|dp|cp|ep)[._-]?)rank[._=-]?(\d{1,8})$/i;
/** NeMo: `nemo_log_globalrank-3_localrank-1.txt`. */
const globalRank = /(?:^|[._-])global[_-]?rank[._=-]?(\d{1,8})(?=[._-]|$)/i;
/** What says which of a process's outputs a file is, and not whose. */
const outputWord =
  /[._-](?:log|logs|txt|out|err|output|console|stdout|stderr|jsonl?|ndjson|csv|tsv|gz|zst)$/i;

const partsMax = 64;

export function launchedAs(path: string): LaunchedAs {
  const parts = path.split('/').slice(-partsMax);
  const name = parts.pop() ?? '';
  const stem = stemOf(name);
  const layout = layoutOf(path) ?? slurmOf(stem, name);
  return {
    ...layout,
    attempt: layout?.attempt ?? deepest(parts, attemptPart),
    rank: layout?.rank ?? rankOfName(name, stem) ?? deepest(parts, rankPart),
  };
}

function layoutOf(path: string): LaunchedAs | null {
  for (const layout of layouts) {
    const groups = layout.exec(path)?.groups;
    if (!groups) continue;
    const { run, attempt, rank, folder } = groups;
    // torchrun's ids of a run that was given none, of old and with --standalone: only the directory tells such runs apart.
    const unnamed = run === undefined || run === 'none' || uuid.test(run);
    return unnamed ? { attempt, rank, folder } : { run, attempt, rank };
  }
  return null;
}

function slurmOf(stem: string, name: string): LaunchedAs | null {
  const { folder, name: job = '', job: number = '', join, rank = '' } = slurmTask.exec(stem)?.groups ?? {};
  if (folder === undefined || !/\.(?:out|err)(?:$|[.-])/.test(name)) return null;
  // `2026_11` and `20261123_10` are dates; `resnet-500-123456.out` is a job's name that ends in a number, and a job.
  const isDate = date.test(number) && (number.length > 4 || /^(?:0\d|1[0-2])$/.test(rank));
  if (isDate || Number(rank) >= Number(number)) return null;
  // `slurm-%A_%a.out` is the default of an array, whose elements are runs.
  const isArray = job === 'slurm' && join === '_';
  return isArray ? { folder: stem } : { folder, rank };
}

function rankOfName(name: string, stem: string): string | undefined {
  for (const regex of [rankPart, rankFirst]) {
    const found = regex.exec(name)?.[1];
    if (found !== undefined) return found;
  }
  return (globalRank.exec(stem) ?? rankPart.exec(stem) ?? rankLast.exec(stem))?.[1];
}

function deepest(parts: readonly string[], part: RegExp): string | undefined {
  for (const each of parts.toReversed()) {
    const found = part.exec(each);
    if (found) return found[1] ?? found[2];
  }
  return undefined;
}

/** The name without what rotation, compression and the kind of the output have put behind it. */
function stemOf(name: string): string {
  let stem = /^rank\.\d+$/i.test(name) ? name : rotationFamily(name);
  for (let shorter = stem; ; stem = shorter) {
    shorter = stem.replace(outputWord, '');
    if (shorter === stem) return stem;
  }
}
