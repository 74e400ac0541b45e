/**
 * From what was observed over all ranks of an attempt to what went wrong, first cause first. Pure.
 *
 * 1. What was survived is left out (survival.ts), and what the machine did while the run did not exist.
 * 2. Of each rank the first root counts; what the rank says later follows from it. How a process ended, as its launcher says, counts
 *    where the process itself says nothing.
 * 3. What explains another takes it in: a machine without memory a killed process, a scheduler's end of the job a SIGTERM, a failing
 *    GPU a CUDA error.
 * 4. The same on several ranks is one. Roots come by what they are and then by time; the rest is their echo.
 * 5. Without any root, the rank is named that the others wait for (waited-for.ts).
 */
import { compare, normalized } from './attempt-record.ts';
import type { AttemptRecord, Kept } from './attempt-record.ts';
import { causeOf, isExitStatus, sortedRanks } from './cause.ts';
import type { Cause, Echo } from './cause.ts';
import { isStreak, isStreamOfRun, survived } from './survival.ts';
import { waitedFor } from './waited-for.ts';

const causesMax = 16;
const echoMax = 16;
/** How long before its first step, and after its last one, what a machine does may be a run's doing. */
const beforeRunMs = 600_000;
const afterRunMs = 7_200_000;

/** What was observed and not survived, in its order. */
export function liveOf(record: AttemptRecord): Kept[] {
  return [...record.kept.values()]
    .filter((kept) => !survived(kept, record) && isOfRun(kept, record))
    .sort((a, b) => compare(a.first, b.first));
}

/** `live`: of the same record. */
export function causesOf(record: AttemptRecord, live: readonly Kept[]): Cause[] {
  const suspects = absorb(suspectsOf(live));
  const roots = merged(suspects).sort(bySeverityAndTime);
  for (const root of roots) nameRank(root, live);
  const cascades = live.filter(({ first }) => first.role === 'cascade');
  const causes = roots.length > 0 ? withoutEndings(roots) : waitedFor(cascades, live, record);
  // Hardware that computes two results is to be known, whatever else happens.
  const warnings = live.filter(({ first }) => first.class === 'sdc');
  const all = [...causes, ...warnings.map((kept) => causeOf([kept], kept.rank))].slice(0, causesMax);
  const [first] = causes;
  if (first !== undefined) first.echo = echoOf(live, all);
  for (const cause of causes) cause.startedAgain = hasBegunAnew(cause, record);
  return all;
}

/** A launcher has started the processes again, and all of them write to one file. */
function hasBegunAnew({ details, evidence: [first] }: Cause, { ranks }: AttemptRecord): boolean {
  if (first === undefined || details.end === undefined) return false;
  return [...ranks.values()].some(({ streams }) => (streams.get(first.stream)?.backAt ?? -1) >= first.end);
}

/** Whoever ends the rest of a run that has failed says so, too. */
function withoutEndings(roots: readonly Cause[]): Cause[] {
  return roots.filter(({ class: name }, i) => i === 0 || name !== 'terminated');
}

/** Something that may be the cause, with the rank that it is about. */
export interface Suspect {
  kept: Kept;
  rank: number | null;
  /** How a process ended, as another one says. */
  isExit: boolean;
  /** What it explains. */
  explains: Kept[];
}

/** The first root of each rank. */
function suspectsOf(live: readonly Kept[]): Suspect[] {
  const closing = new Set<number>();
  for (const { first } of live)
    if (first.class === 'worker-death' && first.role === 'evidence' && first.details?.pid !== undefined)
      closing.add(first.details.pid);
  const own: Suspect[] = [];
  const exits: Suspect[] = [];
  for (const kept of live) {
    const { first } = kept;
    if ((first.role !== 'root' && !isStreak(kept)) || isStepEnded(first, live)) continue;
    const isExit = isExitStatus(first);
    if (isExit && closing.has(first.details?.pid ?? -1)) continue;
    const ranks = first.details?.ranks ?? [kept.rank];
    for (const rank of isExit ? ranks : [ranks[0] ?? null])
      (isExit ? exits : own).push({ kept, rank, isExit, explains: [] });
  }
  const firstOf = new Map<string, Suspect>();
  for (const suspect of own) {
    const process = processOf(suspect);
    const known = firstOf.get(process);
    if (known === undefined) firstOf.set(process, suspect);
    else if (
      explained[suspect.kept.first.class]?.includes(known.kept.first.class) === true ||
      completes(suspect, known)
    ) {
      // Who ends a job may say so behind what the job says of it.
      suspect.explains.push(known.kept, ...known.explains);
      firstOf.set(process, suspect);
    } else known.explains.push(suspect.kept);
  }
  const processes = withoutEchoes([...firstOf.values()]);
  return [...processes, ...unexplained(exits, processes, live)];
}

/** Slurm's srun ends the other tasks of a step when one has failed (`--kill-on-bad-exit`), and slurmstepd tells of it as if somebody had cancelled the step. */
function isStepEnded({ class: name, message, stream, start }: Kept['first'], live: readonly Kept[]): boolean {
  if (name !== 'terminated' || !message.includes('*** STEP ')) return false;
  return live.some(
    ({ first }) =>
      isExitStatus(first) &&
      first.class !== 'terminated' &&
      first.details?.ranks !== undefined &&
      first.stream === stream &&
      first.start < start,
  );
}

/** TensorFlow says what was wrong behind the exception, which says nothing. */
function completes({ kept: { first } }: Suspect, { kept: known }: Suspect): boolean {
  const { details, message, stream } = known.first;
  return (
    message.includes(': Graph execution error:') &&
    first.details?.exception !== undefined &&
    first.details.exception === details?.exception &&
    first.stream === stream
  );
}

/** What is raised without a name behind what a rank has raised in the same text passes it on, as drivers and launchers do. */
function withoutEchoes(suspects: readonly Suspect[]): Suspect[] {
  const named = suspects.filter(({ rank, kept }) => rank !== null && raises(kept));
  return suspects.filter((suspect) => {
    const { rank, kept } = suspect;
    if (rank !== null || kept.first.class !== 'python' || !raises(kept)) return true;
    const cause = named.find(
      ({ kept: { first } }) => first.stream === kept.first.stream && first.start < kept.first.start,
    );
    cause?.explains.push(kept, ...suspect.explains);
    return cause === undefined;
  });
}

function raises({ first }: Kept): boolean {
  return first.details?.exception !== undefined;
}

/** Files without a rank are processes of their own. */
function processOf({ kept, rank }: Suspect): string {
  return rank === null ? kept.first.stream : String(rank);
}

/** The ends of processes that say nothing themselves. A signal that ends all of them is no cause while there is another one, or an error. */
function unexplained(exits: readonly Suspect[], own: readonly Suspect[], live: readonly Kept[]): Suspect[] {
  const speaking = new Set(own.map(({ rank }) => rank));
  const named = new Set(
    exits.flatMap(({ kept: { first } }) => (first.details?.ranks ? [first.details.pid] : [])),
  );
  const left = exits.filter(({ kept: { first }, rank }) => {
    // Who was killed has not written the traceback that nobody's name is on.
    const isKilled = rank === null && first.details?.signal === 9 && first.details.pid !== undefined;
    if (speaking.has(rank) && !isKilled) return false;
    // The launcher's one line about a process that its report names as a rank.
    if (rank === null && named.has(first.details?.pid)) return false;
    if (rank === null && own.some(({ kept }) => kept.first.class === first.class)) return false;
    return !(first.details?.signal === 6 && hasCascade(live, rank));
  });
  const others = left.filter(({ kept }) => kept.first.class !== 'terminated');
  return own.length > 0 || others.length > 0 || live.some(isFailedExit) ? others : left;
}

/** A rank ended with an error, and without a signal, as its launcher says: then the others are ended. */
function isFailedExit({ first }: Kept): boolean {
  return first.role === 'cascade' && isExitStatus(first) && first.details?.ranks !== undefined;
}

/** PyTorch's watchdog aborts its process (SIGABRT) after a collective operation has timed out; a shell does not say whose end it tells. */
function hasCascade(live: readonly Kept[], rank: number | null): boolean {
  return live.some(
    ({ first, rank: by }) =>
      first.role === 'cascade' && (rank === null || by === rank) && !isExitStatus(first),
  );
}

const explained: Readonly<Record<string, readonly string[]>> = {
  'host-oom': ['killed', 'dataloader', 'worker-died'],
  scheduler: ['terminated', 'killed', 'interrupted'],
  terminated: ['killed', 'interrupted'],
  xid: ['cuda-error', 'ecc'],
  sxid: ['cuda-error', 'xid'],
  ecc: ['cuda-error'],
  'watchdog-hang': ['crash', 'killed'],
};
/** Xids that a program's own fault causes: a CUDA error says more of it (NVIDIA's Xid catalogue). */
const programXids: ReadonlySet<number> = new Set([13, 31]);

function absorb(suspects: readonly Suspect[]): Suspect[] {
  const absorbed = new Set<Suspect>();
  for (const cause of suspects) {
    const { first } = cause.kept;
    const takes = explained[first.class] ?? [];
    if (takes.length === 0 || (first.class === 'host-oom' && first.details?.exception !== undefined))
      continue;
    for (const effect of suspects) {
      if (effect === cause || absorbed.has(effect) || !takes.includes(effect.kept.first.class)) continue;
      if (programXids.has(first.details?.xid ?? -1)) {
        absorbed.add(cause);
        effect.explains.push(cause.kept);
        break;
      }
      if (contradicts(first.details?.pid, effect.kept.first.details?.pid)) continue;
      absorbed.add(effect);
      cause.explains.push(effect.kept, ...effect.explains);
      // Who ends a job means no rank of it.
      if (first.class !== 'scheduler') cause.rank ??= effect.rank;
    }
  }
  return suspects.filter((suspect) => !absorbed.has(suspect));
}

/** Both name a process, and not the same one. In containers the kernel's numbers are others: then neither is known to be it. */
function contradicts(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b && a > 4096 === b > 4096;
}

/** The same on several ranks, or in several files, is one cause. */
function merged(suspects: readonly Suspect[]): Cause[] {
  const groups = new Map<string, Suspect[]>();
  for (const suspect of suspects) {
    const { class: name, message } = suspect.kept.first;
    const key = suspect.isExit || isOnce(name) ? name : `${name} ${normalized(message)}`;
    groups.set(key, [...(groups.get(key) ?? []), suspect]);
  }
  return [...groups.values()].map((group) => {
    const cause = causeOf(
      group.flatMap(({ kept, explains }) => [kept, ...explains]),
      group.find(({ rank }) => rank !== null)?.rank ?? null,
    );
    cause.ranks = sortedRanks(group.map(({ rank }) => rank));
    return cause;
  });
}

/** An exception that ended a program without a name: whose it is where the launcher says of one process only that it failed. */
function nameRank(cause: Cause, live: readonly Kept[]): void {
  if (cause.rank !== null || cause.details.exception === undefined || cause.details.end !== 'likely') return;
  const failed = live
    .filter(({ first }) => (isExitStatus(first) ? (first.details?.exitCode ?? 0) > 0 : isAbort(first)))
    .flatMap(({ first }) => first.details?.ranks ?? []);
  const [rank, ...others] = sortedRanks(failed);
  if (rank === undefined || others.length > 0) return;
  cause.rank = rank;
  cause.ranks = [rank];
}

/** Of MPI: the process itself has ended all of them. */
function isAbort({ class: name, details }: Kept['first']): boolean {
  return name === 'worker-death' && details?.end === 'sure' && details.ranks !== undefined;
}

/** However often it is told, and in whatever words. */
function isOnce(name: string): boolean {
  return [
    'host-oom',
    'scheduler',
    'terminated',
    'interrupted',
    'nan',
    'nan-hidden',
    'crash',
    'killed',
  ].includes(name);
}

/**
 * What says exactly what happened comes before the end of a process that could say nothing, and that before an exception, which may
 * well be what such an end does to another rank.
 */
function bySeverityAndTime(a: Cause, b: Cause): number {
  return severity(a) - severity(b) || a.time - b.time || (a.rank ?? Infinity) - (b.rank ?? Infinity);
}

function severity({ class: name, evidence: [first] }: Cause): number {
  const isExit = first !== undefined && isExitStatus(first);
  if (name === 'terminated' && isExit) return 3;
  if (['python', 'java', 'r', 'julia', 'not-started', 'terminated', 'interrupted'].includes(name)) return 2;
  return isExit ? 1 : 0;
}

/** What was observed besides the causes, one line a kind. */
function echoOf(live: readonly Kept[], causes: readonly Cause[]): Echo[] {
  const told = new Set(causes.flatMap(({ evidence }) => evidence));
  const groups = new Map<string, { echo: Echo; ranks: (number | null)[] }>();
  for (const { first, rank } of live) {
    if (told.has(first) || first.role === 'evidence') continue;
    const known = groups.get(first.class);
    const ranks = first.details?.ranks ?? [rank];
    if (known !== undefined) known.ranks.push(...ranks);
    else if (groups.size < echoMax) {
      const { class: name, message } = first;
      groups.set(name, { echo: { class: name, ranks: [], message, evidence: first }, ranks: [...ranks] });
    }
  }
  return [...groups.values()].map(({ echo, ranks }) => ({ ...echo, ranks: sortedRanks(ranks) }));
}

/** A machine's log reaches back further than the run. */
function isOfRun({ first }: Kept, { ranks }: AttemptRecord): boolean {
  if (first.rank !== null || isStreamOfRun(first.stream, ranks)) return true;
  let from = Infinity;
  let to = -Infinity;
  for (const { streams } of ranks.values())
    for (const { firstTime, lastTime } of streams.values())
      if (lastTime > firstTime) {
        from = Math.min(from, firstTime);
        to = Math.max(to, lastTime);
      }
  return from > to || (first.time >= from - beforeRunMs && first.time <= to + afterRunMs);
}
