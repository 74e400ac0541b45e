/**
 * How processes ended, as whoever started them says it: torchrun, torch.multiprocessing, DeepSpeed's launcher, Lightning, srun, mpirun,
 * subprocess, shells, containers. A signal's class is that of what it means; an exit code by itself only says that the process failed.
 */
import type { ObservationBody, ObservationDetails } from '../../core/fact.ts';

interface ExitForm {
  /** Every match holds one of these texts. */
  hints: readonly string[];
  pattern: RegExp;
}

/** Groups: host, rank, ranks, localRank (which is the rank on a single machine), pid, code, signal (a number, a name, or the shell's words). */
const forms: readonly ExitForm[] = [
  {
    // torch/distributed/elastic/multiprocessing/errors/__init__.py
    hints: ['exitcode  : '],
    pattern:
      /^(?:\s{0,16}host {1,8}: (?<host>\S{1,200})\n)?\s{0,16}rank {1,8}: (?<rank>\d{1,8}) \(local_rank: \d{1,8}\)\s{1,16}exitcode {1,8}: (?<code>-?\d{1,5}) \(pid: (?<pid>\d{1,10})\)/m,
  },
  {
    hints: ['failed (exitcode: '],
    pattern:
      /failed \(exitcode: (?<code>-?\d{1,5})\) local_rank: \d{1,8} \(pid: (?<pid>\d{1,10})\) of binary/,
  },
  {
    // torch/multiprocessing/spawn.py
    hints: ['process '],
    pattern:
      /\bprocess (?<rank>\d{1,8}) terminated with (?:signal (?<signal>SIG[A-Z]{2,6})|exit code (?<code>\d{1,5}))/,
  },
  {
    // lightning/fabric/strategies/launchers/subprocess_script.py
    hints: ['Child process with PID'],
    pattern:
      /\[rank: (?<rank>\d{1,8})\] Child process with PID (?<pid>\d{1,10}) terminated with code (?<code>-?\d{1,5})/,
  },
  {
    // deepspeed/launcher/launch.py
    hints: ['exits with return code = '],
    pattern: /exits with return code = (?<code>-?\d{1,5})/,
  },
  {
    // Slurm, src/srun/libsrun/task_state.c: tasks are ranks.
    hints: ['srun: error: '],
    pattern:
      /srun: error: (?<host>\S{1,200}): tasks? (?<ranks>[\d,-]{1,400}): (?:Exited with exit code (?<code>\d{1,5})|(?<signal>[A-Z][a-z]{1,20}(?: [A-Za-z]{1,20}){0,3}))/,
  },
  {
    // Open MPI, PRRTE
    hints: [' noticed that process rank '],
    pattern:
      /noticed that process rank (?<rank>\d{1,8}) with PID (?<pid>\d{1,10}) on node (?<host>\S{1,200}) exited on signal (?<signal>\d{1,2})/,
  },
  {
    // MPICH's Hydra
    hints: ['APPLICATION TERMINATED WITH THE EXIT STRING'],
    pattern: /TERMINATED WITH THE EXIT STRING: [\w ]{1,40} \(signal (?<signal>\d{1,2})\)/,
  },
  {
    // Lib/subprocess.py
    hints: ['died with <Signals.', 'returned non-zero exit status '],
    pattern:
      /died with <Signals\.(?<signal>SIG[A-Z]{2,6}): |returned non-zero exit status (?<code>-?\d{1,5})/,
  },
  {
    // wandb/sdk/wandb_run.py
    hints: ['process to finish... (failed '],
    pattern: /W&B process to finish\.\.\. \(failed (?<code>-?\d{1,5})\)/,
  },
  {
    // bash and dash: `job.sh: line 3:  7431 Killed   python train.py`, or the word alone.
    hints: [
      'Killed',
      'Terminated',
      'Segmentation fault',
      'Aborted',
      'Bus error',
      'Floating point exception',
      'Illegal instruction',
      'Abort trap',
    ],
    // Of a job: `[1]+  Killed`. On macOS with the signal's number: `Killed: 9`.
    pattern:
      /^(?:\S.{0,300}: line \d{1,7}: {1,8}(?<pid>\d{1,10}) {1,4}|\[\d{1,4}\][ +-] {1,4})?(?<signal>Killed|Terminated|Segmentation fault|Abort(?:ed| trap)|Bus error|Floating point exception|Illegal instruction)(?:: \d{1,2})?(?: {1,4}\(core dumped\))?(?: {2,64}\S.{0,2000})?$/m,
  },
  {
    // zsh, fish
    hints: ['zsh: ', ' killed  ', ' segmentation fault  ', 'terminated by signal '],
    pattern:
      /^(?:zsh: |\[\d{1,4}\]  [ +-] (?<pid>\d{1,10}) )(?<signal>killed|terminated|segmentation fault|abort|bus error)(?: {1,4}\(core dumped\))? {1,64}\S|^fish: Job \d{1,6}, '.{1,1000}' terminated by signal (?<signalToo>SIG[A-Z]{2,6}) \(/m,
  },
  {
    hints: [
      'xit code',
      'xit Code',
      'xit status',
      'exited with code',
      'xited with status',
      'non-zero status of',
    ],
    pattern:
      /^.{0,200}\b[Ee]xit(?:ed|s)?(?: with)?(?: a)?(?: non-zero)? (?:[Cc]ode|status)(?:[:=]| of)? {0,8}\(?(?<code>-?\d{1,3})\)?\.?\s{0,4}$/m,
  },
];

export const exitHints: readonly string[] = forms.flatMap(({ hints }) => hints);

const signals: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  Interrupt: 2,
  SIGILL: 4,
  'Illegal instruction': 4,
  SIGABRT: 6,
  Aborted: 6,
  'Abort trap': 6,
  abort: 6,
  SIGBUS: 7,
  'Bus error': 7,
  'bus error': 7,
  SIGFPE: 8,
  'Floating point exception': 8,
  SIGKILL: 9,
  Killed: 9,
  killed: 9,
  SIGSEGV: 11,
  'Segmentation fault': 11,
  'segmentation fault': 11,
  SIGTERM: 15,
  Terminated: 15,
  terminated: 15,
};
export const signalNames: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  4: 'SIGILL',
  6: 'SIGABRT',
  7: 'SIGBUS',
  8: 'SIGFPE',
  9: 'SIGKILL',
  11: 'SIGSEGV',
  15: 'SIGTERM',
};
const classes: Readonly<Record<number, string>> = {
  1: 'terminated',
  2: 'interrupted',
  4: 'crash',
  6: 'crash',
  7: 'crash',
  8: 'crash',
  9: 'killed',
  11: 'crash',
  15: 'terminated',
};
const ranksMax = 4096;

/** The first exit status that the text states, or null. `held`: the hints that are in it. */
export function readExit(text: string, held: ReadonlySet<string>): ObservationBody | null {
  for (const { hints, pattern } of forms) {
    if (!hints.some((hint) => held.has(hint))) continue;
    const groups = pattern.exec(text)?.groups;
    if (groups !== undefined) return exitOf(groups);
  }
  return null;
}

function exitOf(groups: Record<string, string | undefined>): ObservationBody | null {
  const code = groups['code'] === undefined ? undefined : Number(groups['code']);
  const signal = signalOf(groups['signal'] ?? groups['signalToo'], code);
  const details: ObservationDetails = { end: 'sure' };
  const ranks = ranksOf(groups['rank'] ?? groups['ranks'] ?? '');
  if (ranks.length > 0) details.ranks = ranks;
  if (groups['pid'] !== undefined) details.pid = Number(groups['pid']);
  if (groups['host'] !== undefined && groups['host'] !== 'localhost') details.host = groups['host'];
  if (code !== undefined) details.exitCode = code;
  if (signal !== null) details.signal = signal;
  if (groups['signal'] === 'Out Of Memory')
    return { kind: 'observation', class: 'host-oom', role: 'root', message: 'ended: out of memory', details };
  if (code === 0)
    return {
      kind: 'observation',
      class: 'finished',
      role: 'evidence',
      message: 'ended with exit code 0',
      details,
    };
  if (signal === null) {
    if (code === undefined) return null;
    const message = `ended with exit code ${code}`;
    return { kind: 'observation', class: 'worker-death', role: 'cascade', message, details };
  }
  const message = `ended by signal ${signal} (${signalNames[signal] ?? '?'})`;
  return { kind: 'observation', class: classes[signal] ?? 'crash', role: 'root', message, details };
}

/** A process that a signal ended has a negative exit code for Python, and 128 more than the signal for a shell. */
function signalOf(named: string | undefined, code: number | undefined): number | null {
  if (named !== undefined) return /^\d/.test(named) ? Number(named) : (signals[named] ?? null);
  if (code === undefined) return null;
  const signal = code < 0 ? -code : code - 128;
  return signal in signalNames ? signal : null;
}

/** `0-3,5` and `1, 3`. */
export function ranksOf(text: string): number[] {
  const ranks: number[] = [];
  for (const part of text.split(/[\s,]+/)) {
    const found = /^(\d{1,8})(?:-(\d{1,8}))?$/.exec(part);
    if (found === null) continue;
    const last = Number(found[2] ?? found[1]);
    for (let rank = Number(found[1]); rank <= last && ranks.length < ranksMax; rank += 1) ranks.push(rank);
  }
  return ranks;
}
