/**
 * What an exception's type and message say, where they say more than that a Python program failed. `texts` is `Type: message`; a
 * signature of signatures.ts counts in it as well, and comes after these.
 */
import type { ObservationRole } from '../../core/fact.ts';

export interface ExceptionKind {
  class: string;
  role: ObservationRole;
  pattern: RegExp;
}

export const exceptionKinds: readonly ExceptionKind[] = [
  // Launchers, which report what happened to their processes: torch/distributed/elastic, torch/multiprocessing, subprocess, Ray, Horovod.
  {
    class: 'terminated',
    role: 'root',
    pattern: /^[\w.]*SignalException: Process \d{1,10} got signal: (?:1|15)\b/,
  },
  { class: 'interrupted', role: 'root', pattern: /^[\w.]*SignalException: Process \d{1,10} got signal: 2\b/ },
  {
    class: 'worker-death',
    role: 'cascade',
    pattern:
      /^[\w.]*(?:ChildFailedError|CalledProcessError|ProcessRaisedException|ProcessExitedException|HorovodInternalError|RendezvousConnectionError)\b|^ray\.exceptions\.(?:RayActorError|ActorDiedError|ActorUnavailableError|WorkerCrashedError|NodeDiedError|OwnerDiedError)\b|^ray\.train\.(?:[\w.]{0,80}\.)?(?:WorkerGroupError|TrainingFailedError)\b/,
  },
  // wandb/sdk/mailbox: its service has ended, as it does with the run; debug.log tells so of runs that failed for other reasons.
  { class: 'worker-death', role: 'cascade', pattern: /^[\w.]*\bHandleAbandonedError\b/ },
  { class: 'interrupted', role: 'root', pattern: /^KeyboardInterrupt\b/ },
  {
    class: 'cuda-oom',
    role: 'root',
    // PaddlePaddle and TensorFlow's graphs say what was exhausted behind a blank line.
    pattern:
      /^torch\.(?:cuda\.)?OutOfMemoryError\b|^cupy\.\S{0,60}OutOfMemoryError\b|^(?:[\w.]{1,80}\.)?ResourceExhaustedError: ?(?:Graph execution error:)?\s*$/,
  },
  {
    class: 'host-oom',
    role: 'root',
    pattern: /^(?:[\w.]{0,80}\.)?_?(?:Array)?MemoryError\b|^ray\.\S{0,40}OutOfMemoryError\b/,
  },
  { class: 'worker-died', role: 'root', pattern: /^[\w.]*(?:BrokenProcessPool|TerminatedWorkerError)\b/ },
];
