/** Whole consoles of runs, as launchers, shells and schedulers leave them: what is told of each, and of which rank. */
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../../src/core/fact.ts';
import { RunFailures } from '../../../src/train/incidents/run-failures.ts';
import { readFacts } from '../../../src/train/read-facts.ts';
import { eventsOf } from '../../events/helpers.ts';

function told(...texts: string[]): string[] {
  const facts = texts.flatMap((text, i): Fact[] => {
    let context: Record<string, unknown> = {};
    const stream = String(i).padStart(32, '0');
    return eventsOf(text, { stream, path: `/logs/${i}.log` }).flatMap((event) => {
      const read = readFacts(event, context);
      context = JSON.parse(JSON.stringify(read.context)) as Record<string, unknown>;
      return read.facts;
    });
  });
  const failures = new RunFailures();
  failures.take(facts);
  return failures.causes().map(({ class: name, rank }) => `${name}@${rank}`);
}

const steps = (from = 1, to = 40) =>
  Array.from(
    { length: to - from + 1 },
    (_, i) => `step ${from + i} | loss 1.${from + i} | lr 1.0e-04\n`,
  ).join('');
const before = (prefix: string, text: string) => text.replaceAll(/^(?=.)/gm, prefix);
const raised = (exception: string, within = '<module>') =>
  `Traceback (most recent call last):\n  File "/w/train.py", line 9, in ${within}\n    main()\n${exception}\n`;
const bar = (epoch: number, loss: string) =>
  Array.from(
    { length: 20 },
    (_, i) => `\rEpoch ${epoch}: ${5 * (i + 1)}%|##| ${i + 1}/20 [00:01<00:01,  1.00it/s, loss=${loss}]`,
  ).join('') + '\n';
const box = (indent = '') =>
  [
    '╭──────────── Traceback (most recent call last) ────────────╮',
    '│ /w/train.py:12 in main                                    │',
    '│                                                           │',
    '│ ❱ 12 │   return x[3]                                      │',
    '╰───────────────────────────────────────────────────────────╯',
    'IndexError: list index out of range',
  ]
    .map((line) => `${indent}${line}\n`)
    .join('');
const notebook = (name: string, message: string) =>
  `${'-'.repeat(75)}\n${name.padEnd(42)}Traceback (most recent call last)\nCell In[5], line 3\n      1 x = 1\n----> 3 train(x)\n\nFile /w/train.py:10, in train(x)\n      9     z = x\n---> 10     fit(z)\n\n${name}: ${message}\n`;

describe('a run that fails is told', () => {
  test.each<[string, string[], string[]]>([
    [
      'interrupted at a terminal that shows the key',
      [`${steps()}^C${raised('KeyboardInterrupt')}`],
      ['interrupted@null'],
    ],
    ["a traceback in rich's box", [steps() + box()], ['python@null']],
    ['a traceback in a notebook', [steps() + notebook('RuntimeError', 'shapes differ')], ['python@null']],
    [
      'a notebook that has no memory on the GPU',
      [
        steps() +
          notebook(
            'OutOfMemoryError',
            'CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacty of 14.75 GiB',
          ),
      ],
      ['cuda-oom@null'],
    ],
    [
      'a traceback of which each line has its host before it',
      [
        before('worker-1: ', steps(1, 4) + raised('ValueError: bad')) +
          'pdsh@head: worker-1: ssh exited with exit code 1\n',
      ],
      ['python@null'],
    ],
    [
      'a traceback of which each line has its address before it',
      [before('10.0.4.7: ', steps(1, 4) + raised('ValueError: bad'))],
      ['python@null'],
    ],
    [
      'a task of Ray that nobody has asked for',
      [
        `${steps()}${before('(TaskRunner pid=892) ', "Unhandled error (suppress with 'RAY_IGNORE_UNHANDLED_ERRORS=1'): ray::Server.wake_up() (pid=913, ip=10.0.4.7)\n  File \"/w/server.py\", line 71, in wake_up\n    get(x)\nKeyError: 'x'\n")}`,
      ],
      ['python@null'],
    ],
    [
      'a process of torch.multiprocessing',
      [
        `${steps()}W0101 12:00:00.0 99 torch/multiprocessing/spawn.py:169] Terminating process 101 via signal SIGTERM\n${raised('torch.multiprocessing.spawn.ProcessRaisedException: ')}\n-- Process 1 terminated with the following error:\n${raised('ValueError: x', 'main')}`,
      ],
      ['python@1'],
    ],
    [
      "a watchdog's abort, of which the shell tells",
      [
        `${steps()}[rank0]:[E1123 12:00:00.0 ProcessGroupNCCL.cpp:632] [Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=12, OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600010 milliseconds before timing out.\nAborted (core dumped)\n`,
      ],
      ['collective-timeout@0'],
    ],
    [
      'another task of JAX that died, and the abort that follows',
      [
        `${steps()}F1123 12:00:00.2 99 client.h:80] Terminating process because the JAX distributed service detected fatal errors.\nAborted (core dumped)\n`,
      ],
      ['worker-death@null'],
    ],
    [
      'a rank that calls MPI_ABORT',
      [
        before('[1,0]<stdout>:', steps(1, 5)) +
          'MPI_ABORT was invoked on rank 2 in communicator MPI_COMM_WORLD\nwith errorcode 1.\n',
      ],
      ['worker-death@2'],
    ],
    [
      "a rank of Horovod's",
      [before('[1]<stdout>:', steps(1, 3)) + before('[1]<stderr>:', raised('ValueError: x'))],
      ['python@1'],
    ],
    [
      'a task that failed, after which Slurm cancels the step',
      [
        `${before('1: ', steps(1, 5) + raised("KeyError: 'x'"))}srun: error: node1: task 1: Exited with exit code 1\nslurmstepd: error: *** STEP 12.0 ON node1 CANCELLED AT 2026-11-23T12:00:00 ***\n`,
      ],
      ['python@1'],
    ],
    [
      'a task that crashed and left a core, after which Slurm cancels the step',
      [
        `${before('5: ', steps(1, 5))}srun: error: node1: task 5: Segmentation fault (core dumped)\nslurmstepd: error: *** STEP 12.0 ON node1 CANCELLED AT 2026-11-23T12:00:00 ***\nsrun: error: node1: tasks 0-4,6-7: Terminated\n`,
      ],
      ['crash@5'],
    ],
    [
      'a task that ended with an error, after which srun ends the step (Slurm 22.05, --kill-on-bad-exit)',
      [
        `${steps(1, 5)}srun: error: node1: task 1: Exited with exit code 5\nsrun: launch/slurm: _step_signal: Terminating StepId=5.0\nslurmstepd-node1: error: *** STEP 5.0 ON node1 CANCELLED AT 2026-11-23T12:00:29 ***\nsrun: error: node1: task 0: Terminated\nsrun: Force Terminated StepId=5.0\n`,
      ],
      ['worker-death@1'],
    ],
    [
      'a task that was killed, with labels (Slurm 22.05, srun -l)',
      [
        `${before('0: ', steps(1, 5))}srun: error: node1: task 1: Killed\nsrun: launch/slurm: _step_signal: Terminating StepId=8.0\n0: slurmstepd-node1: error: *** STEP 8.0 ON node1 CANCELLED AT 2026-11-23T12:00:31 ***\nsrun: error: node1: task 0: Terminated\nsrun: Force Terminated StepId=8.0\n`,
      ],
      ['killed@1'],
    ],
    [
      'a step that somebody has cancelled, and whose tasks did not end by themselves',
      [
        `${steps(1, 5)}slurmstepd-node1: error: *** STEP 8.0 ON node1 CANCELLED AT 2026-11-23T12:00:31 ***\nsrun: error: node1: tasks 0-1: Killed\n`,
      ],
      ['terminated@0'],
    ],
    [
      'an exception of a rank that calls MPI_Abort (Open MPI 4.1.4, mpi4py 4.1)',
      [
        `${steps(1, 5)}${raised('ValueError: bad shard 5')}${'-'.repeat(74)}\nMPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD\nwith errorcode 1.\n`,
      ],
      ['python@1'],
    ],
    [
      'a rank with a time before its lines (Open MPI 4.1.4, -timestamp-output -tag-output)',
      [
        before('Mon Nov 23 10:00:00 2026[1,0]<stdout>:', steps(1, 3)) +
          before('Mon Nov 23 10:00:01 2026[1,1]<stderr>:', raised('ValueError: x')),
      ],
      ['python@1'],
    ],
    [
      "an exception of Ray Train's worker, which the driver quotes; Ray prints others' lines behind it (Ray 2.60)",
      [
        `${before('(RayTrainWorker pid=123) ', steps(1, 5))}${raised('ray.train.WorkerGroupError: Training failed due to worker errors:')}[Rank 1 Error Snippet]:\n${raised('ValueError: bad shard 4', 'loop')}${before('(RayTrainWorker pid=123) ', steps(6, 9))}`,
      ],
      ['python@1'],
    ],
    [
      "a worker of Ray Train's that was killed",
      [
        `${before('(RayTrainWorker pid=123) ', steps(1, 5))}${raised('ray.train.WorkerGroupError: Training failed due to worker errors:')}[Rank 1 Error Snippet]:\nA worker health check failed.\nThe actor died unexpectedly before finishing this task.\n${before('(RayTrainWorker pid=123) ', steps(6, 9))}`,
      ],
      ['worker-death@1'],
    ],
    [
      "JAX's coordinator that died: the other task says so, and where it stands (jaxlib 0.10.2)",
      [
        `${steps(1, 5)}F1123 12:00:00.563082   25125 client.h:80] Terminating process because the JAX distributed service detected fatal errors. absl::Status: UNAVAILABLE: Failed to send RPC to coordination service.\n\n:UNKNOWN:Error received from peer  {grpc_message:"Socket closed", grpc_status:14}\n${steps(6, 9)}*** Check failure stack trace: ***\n    @     0x7f521e240634  absl::lts_20260107::log_internal::LogMessage::SendToLog()\n`,
      ],
      ['worker-death@null'],
    ],
    [
      'a native check that says nothing else',
      [`${steps(1, 5)}*** Check failure stack trace: ***\n    @     0x7f521e240634  xla::Fatal()\n`],
      ['crash@null'],
    ],
    [
      "TensorFlow's error of a graph",
      [
        `${steps(1, 5)}${raised('tensorflow.python.framework.errors_impl.InvalidArgumentError: Graph execution error:')}\nDetected at node a defined at (most recent call last):\n<stack traces unavailable>\nMatrix size-incompatible: In[0]: [32,9], In[1]: [8,8]\n\t [[{{node a}}]] [Op:__inference_f_694]\n`,
      ],
      ['python@null'],
    ],
    [
      'wrong arguments',
      ['usage: train.py [-h]\ntrain.py: error: unrecognized arguments: --x\n'],
      ['not-started@null'],
    ],
    [
      'a script that is no Python',
      ['  File "/w/train.py", line 10\n    def f(:\n          ^\nSyntaxError: invalid syntax\n'],
      ['not-started@null'],
    ],
    ['a syntax error in a module', [raised('SyntaxError: invalid syntax')], ['python@null']],
    [
      'a loss on the bar that is no number, to the end',
      [bar(1, '1.5') + bar(2, 'nan') + bar(3, 'nan')],
      ['nan@null'],
    ],
    [
      "an exit that names no process, where the run's steps end",
      [`${steps()}training exited with exit code 1\n`],
      ['worker-death@null'],
    ],
    [
      'an exit, after which it is started again',
      [`${steps()}train.py exited with exit code 1\n${steps(1, 9)}`],
      ['worker-death@null'],
    ],
    ['terminated amid its steps', [`Training finished.\n${steps()}Terminated\n`], ['terminated@null']],
  ])('%s', (_, texts, expected) => {
    expect(told(...texts)).toEqual(expected);
  });
});

describe('nothing is told of a run', () => {
  test.each<[string, string]>([
    [
      'in whose sandbox programs fail',
      `${steps(1, 20)}[sandbox] exit code: 1\nexit code 137\n${steps(21, 60)}`,
    ],
    ['that is terminated when it is through', `${steps()}Training finished.\nTerminated\n`],
    [
      'of which finalizers raise at its end',
      `${steps()}Exception ignored in: <function Pool.__del__ at 0x7f>\n${raised("AttributeError: 'NoneType' object has no attribute 'dumps'", '__del__')}`,
    ],
    [
      'whose generator is closed at its end',
      `${steps()}Exception ignored in: <generator object f at 0x7f>\n${raised('RuntimeError: generator ignored GeneratorExit')}`,
    ],
    [
      'of which a log record cannot be written',
      `${steps()}--- Logging error ---\n${raised("UnicodeEncodeError: 'ascii' codec can't encode character", 'emit')}Call stack:\n  File "/w/train.py", line 5, in <module>\n    main()\nMessage: 'x'\nArguments: ()\n`,
    ],
    [
      'whose controller (Ray Train) starts a failed worker again',
      `${steps(1, 20)}(TrainController pid=9) [FailurePolicy] RETRY\n(TrainController pid=9) ray.train.WorkerGroupError: Training failed due to worker errors:\n(TrainController pid=9) [Rank 1 Error Snippet]:\n${steps(21, 60)}`,
    ],
    ['that logs a box and goes on', `${steps(1, 20)}${box('      ')}${steps(21, 60)}`],
    ['that goes on in the next cell', `${steps(1, 20)}${notebook('ValueError', 'x')}${steps(21, 60)}`],
    ['that tried a program that is not there', `sh: 1: python: not found\n${steps()}`],
    [
      'that checks generated code',
      `${steps(1, 20)}SyntaxError: invalid syntax\ntool.py: error: argument --x: expected one argument\n${steps(21, 30)}`,
    ],
    ['one epoch of which has a bad batch', bar(1, '1.5') + bar(2, 'nan') + bar(3, '1.2')],
    ['whose bar shows other numbers that are none', bar(1, '1.5, val_loss=nan, acc=nan')],
    [
      'one trial of which fails',
      `[I 2026-11-23 12:00:10,000] Trial 9 finished with value: 0.9 and parameters: {}.\n[W 2026-11-23 12:00:11,000] Trial 10 failed with parameters: {} because of the following error: ValueError('x').\n${raised('ValueError: x', '_run_trial')}${[12, 13, 14, 15].map((s) => `[I 2026-11-23 12:00:${s},000] Trial ${s} finished with value: 0.9 and parameters: {}.\n`).join('')}`,
    ],
  ])('%s', (_, text) => {
    expect(told(text)).toEqual([]);
  });
});
