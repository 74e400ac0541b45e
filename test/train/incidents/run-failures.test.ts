import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Fact } from '../../../src/core/fact.ts';
import { RunFailures } from '../../../src/train/incidents/run-failures.ts';
import { readFacts } from '../../../src/train/read-facts.ts';
import { eventsOf } from '../../events/helpers.ts';

interface File {
  text: string | Buffer;
  rank?: number;
  attempt?: number;
}

function factsOf(files: readonly File[]): Fact[] {
  return files.flatMap(({ text, rank = null, attempt = 0 }, i) => {
    let context: Record<string, unknown> = {};
    const stream = String(i).padStart(32, '0');
    return eventsOf(text, { rank, attempt, stream, path: `/logs/${i}.log` }).flatMap((event) => {
      const read = readFacts(event, context);
      context = read.context;
      return read.facts;
    });
  });
}

function causesOf(files: readonly File[]): string[] {
  const facts = factsOf(files);
  const failures = new RunFailures();
  failures.take(facts);
  // The order of the files does not count.
  const reversed = new RunFailures();
  for (const stream of [...new Set(facts.map((fact) => fact.stream))].reverse())
    reversed.take(facts.filter((fact) => fact.stream === stream));
  const answer = failures.causes();
  expect(reversed.causes()).toEqual(answer);
  return answer.map((cause) => `${cause.class}@${cause.rank} ${cause.role}`);
}

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/logs/${name}`, import.meta.url));
const steps = (from: number, to: number, loss = '1.5') =>
  Array.from(
    { length: to - from },
    (_, i) =>
      `2026-11-23 10:00:${String(i % 60).padStart(2, '0')},000 INFO train: step=${from + i} loss=${loss}\n`,
  ).join('');
const uncaught = (exception: string) =>
  `Traceback (most recent call last):\n  File "/w/train.py", line 8, in <module>\n    main()\n${exception}\n`;
const caught = (exception: string) =>
  `Traceback (most recent call last):\n  File "/w/train.py", line 8, in upload\n    put()\n${exception}\n`;
const closed =
  'RuntimeError: [../third_party/gloo/gloo/transport/tcp/pair.cc:598] Connection closed by peer [127.0.0.1]:18304';
const timedOut = (rank: number, sequence: number) =>
  `[rank${rank}]:[E1123 04:12:33.408271999 ProcessGroupNCCL.cpp:688] [Rank ${rank}] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=${sequence}, OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600087 milliseconds before timing out.\n`;
const exit = (rank: number, code: number, pid = 100 + rank) =>
  `[${rank}]:\n  time      : 2026-11-23_10:02:26\n  host      : localhost\n  rank      : ${rank} (local_rank: ${rank})\n  exitcode  : ${code} (pid: ${pid})\n`;

/** Lines of one file that name their rank. */
const stated = (rank: number, from: number, to: number) =>
  steps(from, to).replaceAll(' INFO train: ', ` - INFO - train - [RANK ${rank}] `);
/** Two processes print into one pipe, each line by itself. */
const interleaved = (...texts: string[]) => {
  const lines = texts.map((text) => text.trimEnd().split('\n'));
  const length = Math.max(...lines.map((each) => each.length));
  const rows = Array.from({ length }, (_, i) => lines.flatMap((each) => each[i] ?? []));
  return `${rows.flat().join('\n')}\n`;
};
const oom =
  'RuntimeError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 1 has a total capacity of 23.64 GiB';

describe('a run that fails', () => {
  test.each<[string, File[], string[]]>([
    ['an exception', [{ text: steps(1, 9) + uncaught('ValueError: no') }], ['python@null root']],
    [
      'its output, which was buffered, comes behind its traceback',
      [{ text: uncaught('ValueError: no') + steps(1, 9) }],
      ['python@null root'],
    ],
    [
      'an exception right behind a warning',
      [{ text: `${steps(1, 9)}2026-11-23 10:01:00,000 WARNING train: x\n${uncaught('ValueError: no')}` }],
      ['python@null root'],
    ],
    [
      'one rank raises, and the others lose it',
      [
        { rank: 0, text: steps(1, 5) + uncaught(closed) },
        { rank: 1, text: steps(1, 5) + uncaught('KeyError: 5') },
        { rank: 2, text: steps(1, 5) + uncaught(closed) },
      ],
      ['python@1 root'],
    ],
    [
      'the same on all ranks is one',
      [
        { rank: 0, text: uncaught('ValueError: shard 1') },
        { rank: 1, text: uncaught('ValueError: shard 2') },
      ],
      ['python@0 root'],
    ],
    [
      'one rank is killed',
      [
        { rank: 0, text: steps(1, 5) + uncaught(closed) },
        { rank: 1, text: steps(1, 5) },
        { text: exit(0, 1) + exit(1, -9) },
      ],
      ['killed@1 root'],
    ],
    [
      'one rank is killed, and the kernel says why',
      [
        { rank: 0, text: steps(1, 5) + uncaught(closed) },
        { rank: 1, text: steps(1, 5) },
        { text: exit(0, 1) + exit(1, -9, 10_004) },
        {
          text: '[Mon Nov 23 10:01:00 2026] Memory cgroup out of memory: Killed process 10004 (python) total-vm:1kB\n',
        },
      ],
      ['host-oom@1 root'],
    ],
    [
      'one rank exits with an error and without a word, and its launcher ends the others',
      [{ rank: 0, text: steps(1, 5) }, { rank: 1, text: steps(1, 5) }, { text: exit(0, -15) + exit(1, 3) }],
      ['worker-death@1 root'],
    ],
    [
      'one rank ends without a word',
      [
        { rank: 0, text: steps(1, 5) + uncaught(closed) },
        { rank: 1, text: steps(1, 5) },
        { text: exit(1, 1) + exit(0, 1) },
      ],
      ['worker-death@1 root'],
    ],
    [
      'all wait for a rank that is silent',
      [
        { rank: 0, text: steps(1, 5) + timedOut(0, 7) },
        { rank: 1, text: steps(1, 4) },
        { rank: 2, text: steps(1, 5) + timedOut(2, 7) },
      ],
      ['collective-timeout@1 root'],
    ],
    [
      'one raises before it has joined the others: its launcher says which',
      [{ text: `${uncaught('ValueError: no')}${exit(2, 1)}${exit(0, -15)}${exit(1, -15)}` }],
      ['python@2 root'],
    ],
    [
      'two do: it is not said which of them is whose',
      [{ text: `${uncaught('ValueError: no')}${exit(2, 1)}${exit(1, 1)}${exit(0, -15)}` }],
      ['python@null root'],
    ],
    [
      'two raise at the same time, on one pipe',
      [{ text: steps(1, 5) + interleaved(uncaught('ValueError: no'), uncaught('ValueError: no')) }],
      ['python@null root'],
    ],
    [
      'the peer of one without memory loses it at the same time, on one pipe',
      [{ text: steps(1, 5) + interleaved(uncaught(closed), uncaught(oom)) }],
      ['cuda-oom@null root'],
    ],
    [
      'lines that name their rank, and an exception without a name',
      [{ text: stated(0, 1, 9) + stated(1, 1, 9) + uncaught('ValueError: no') }],
      ['python@null root'],
    ],
    [
      'an exception that a rank logs by its name, and nothing after it',
      [
        {
          text: `${stated(0, 1, 9)}2026-11-23 10:01:00,000 - ERROR - train - [RANK 1] failed\n${uncaught('ValueError: no')}`,
        },
      ],
      ['python@1 root'],
    ],
    [
      'the driver passes on what a rank has raised',
      [
        {
          text: `(TrainController pid=7) - (ip=192.0.2.2, pid=9) world_rank=1, local_rank=1, node_rank=0\n${uncaught('ValueError: no').replaceAll(/^/gm, '(RayTrainWorker pid=9) ')}\n${uncaught('ray.train.WorkerGroupError: Training failed due to worker errors:')}`,
        },
      ],
      ['python@1 root'],
    ],
    [
      "W&B's service that ends with the run",
      [
        { text: steps(1, 5) + uncaught('ValueError: no') },
        {
          text: `2026-11-23 10:01:00,000 ERROR   wandb-AsyncioManager-main:9 [asyncio_manager.py:fn_wrap_exceptions():197] Uncaught exception in run_soon callback.\n${caught('wandb.sdk.mailbox.mailbox_handle.HandleAbandonedError')}`,
        },
      ],
      ['python@null root'],
    ],
    [
      'one is killed, and the next attempt in the same console finds no peer',
      [
        {
          text: `${steps(1, 5)}E1126 18:41:38.925000 2756 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: -9) local_rank: 1 (pid: 2816) of binary: /w/python\n[E1126 18:42:28.768850206 ProcessGroupGloo.cpp:69] Gloo connectFullMesh failed\n${uncaught('RuntimeError: Gloo connectFullMesh failed with Connect timeout')}${exit(0, 1)}`,
        },
      ],
      ['killed@null root', 'python@0 root'],
    ],
    [
      'one waits for the rank that the launcher ends, in one console',
      [
        {
          text: `${steps(1, 5)}${uncaught('RuntimeError: [unbound_buffer.cc:78] Timed out waiting 8000ms for recv operation to complete').replaceAll(/^/gm, '[rank0]: ')}\nW1123 10:00:14.952000 20519 torch/distributed/elastic/multiprocessing/api.py:1028] Sending process 101 closing signal SIGTERM\n${exit(1, -15)}${exit(0, 1)}`,
        },
      ],
      ['collective-timeout@1 root'],
    ],
    [
      'all wait for the rank that is behind',
      [
        { rank: 0, text: steps(1, 5) + timedOut(0, 8) },
        { rank: 1, text: steps(1, 5) + timedOut(1, 7) },
        { rank: 2, text: steps(1, 5) + timedOut(2, 8) },
      ],
      ['collective-timeout@1 root'],
    ],
    [
      'the watchdog aborts its process',
      [
        { rank: 0, text: timedOut(0, 8) },
        { rank: 1, text: uncaught('KeyError: 5') },
        { text: exit(0, -6) + exit(1, 1) },
      ],
      ['python@1 root'],
    ],
    [
      'the launcher ends the others',
      [
        { rank: 1, text: uncaught('KeyError: 5') },
        {
          text:
            'W1123 10:00:14.952000 20519 torch/distributed/elastic/multiprocessing/api.py:1028] Sending process 100 closing signal SIGTERM\n' +
            exit(0, -15) +
            exit(1, 1),
        },
      ],
      ['python@1 root'],
    ],
    [
      'the scheduler ends the job',
      [
        {
          text: 'slurmstepd: error: *** JOB 42 ON n7 CANCELLED AT 2026-11-23T10:00:00 DUE TO TIME LIMIT ***\nTerminated\n',
        },
      ],
      ['scheduler@null root'],
    ],
    [
      'the scheduler says so behind the job',
      [
        {
          text: '[rank: 0] Received SIGTERM: 15\nslurmstepd: error: *** JOB 42 ON n7 CANCELLED AT 2026-11-23T10:00:00 DUE TO TIME LIMIT ***\n',
        },
      ],
      ['scheduler@null root'],
    ],
    [
      'Slurm kills one task and ends the others',
      [
        {
          text: 'slurmstepd: error: Detected 1 oom_kill event in StepId=42.0. Some of the step tasks have been OOM Killed.\nsrun: error: n7: task 3: Out Of Memory\nslurmstepd: error: *** STEP 42.0 ON n7 CANCELLED AT 2026-11-23T10:00:00 ***\nsrun: error: n7: tasks 0-2: Terminated\n',
        },
      ],
      ['host-oom@3 root'],
    ],
    [
      'somebody ends the launcher',
      [
        { rank: 0, text: steps(1, 5) },
        {
          text:
            'W1123 10:00:14.952000 20519 torch/distributed/elastic/agent/server/api.py:704] Received 15 death signal, shutting down workers\n' +
            'W1123 10:00:14.953000 20519 torch/distributed/elastic/multiprocessing/api.py:1028] Sending process 100 closing signal SIGTERM\n' +
            uncaught(
              'torch.distributed.elastic.multiprocessing.api.SignalException: Process 20519 got signal: 15',
            ),
        },
      ],
      ['terminated@null root'],
    ],
    ['the loss becomes NaN', [{ text: steps(1, 9) + steps(9, 12, 'nan') }], ['nan@null root']],
    [
      'NaN, and then an exception',
      [{ text: steps(1, 9) + steps(9, 10, 'nan') + uncaught('ValueError: not finite') }],
      ['nan@null root'],
    ],
    [
      'in each attempt of the same',
      [
        { rank: 0, text: 'Fatal Python error: Segmentation fault\n' },
        { rank: 0, attempt: 1, text: 'Fatal Python error: Segmentation fault\n' },
      ],
      ['crash@0 root'],
    ],
    ['exit code alone', [{ text: `${steps(1, 3)}exit code 1\n` }], ['worker-death@null root']],
    ['real: rank 1 raises', [{ text: fixture('torchrun-rank1-raises.log') }], ['python@1 root']],
    ['real: a segmentation fault, twice', [{ text: fixture('torchrun-segv-restart.log') }], ['crash@0 root']],
    ['real: Hugging Face hides NaN', [{ text: fixture('hf-trainer-5-nan.log') }], ['nan-hidden@null root']],
    [
      'real: an exception glued to a bar',
      [{ text: fixture('hf-trainer-4-crash.log') }],
      ['python@null root'],
    ],
    ['real: logged, and the end', [{ text: fixture('loguru.log') }], ['python@null root']],
  ])('%s', (_, files, expected) => {
    expect(causesOf(files)).toEqual(expected);
  });
});

describe('a run that is well', () => {
  test.each<[string, File[]]>([
    ['nothing is said', [{ text: steps(1, 50) }]],
    ['an exception is caught', [{ text: steps(1, 5) + caught('OSError: no route') + steps(5, 9) }]],
    [
      'a thread dies, and the program does not need it',
      [{ text: `Exception in thread Prefetch:\n${caught('OSError: no route')}${steps(5, 9)}` }],
    ],
    ['a script fails, and the training comes after it', [{ text: uncaught('OSError: no') + steps(1, 400) }]],
    ['a gradient overflows now and then', [{ text: `step=1 loss=1.5 grad_norm=inf\n${steps(2, 9)}` }]],
    [
      'an exception without a name is caught, and lines that have one go on',
      [{ text: stated(0, 1, 9) + caught('OSError: no route') + stated(0, 9, 12) + stated(1, 9, 12) }],
    ],
    [
      'one that has a name is caught, and lines without one go on',
      [
        {
          text: `2026-11-23 10:00:00,000 - ERROR - train - [RANK 1] failed\n${caught('OSError: no route')}${steps(1, 9)}`,
        },
      ],
    ],
    [
      'a rank logs an exception and goes on, and so do the others',
      [
        {
          text: `2026-11-23 10:00:00,000 - ERROR - serve - [RANK 1] failed\n${caught('OSError: no route')}${[0, 1, 0, 1, 0, 1].map((rank) => `2026-11-23 10:00:09,000 - INFO - serve - [RANK ${rank}] request\n`).join('')}`,
        },
      ],
    ],
    ['the loss is NaN once', [{ text: steps(1, 5) + steps(5, 6, 'nan') + steps(6, 9) }]],
    ['NCCL warns', [{ text: `n:1:1 [0] NCCL WARN Call to posix failed\n${steps(1, 9)}` }]],
    [
      'out of memory, and tried again',
      [
        {
          text: `WARNING: CUDA out of memory. Tried to allocate 2 GiB, GPU 0: half the batch\n${steps(1, 9)}`,
        },
      ],
    ],
    [
      'the kernel log reaches back',
      [
        { text: steps(1, 50) },
        {
          text: '[Mon Nov 02 10:01:00 2026] NVRM: Xid (PCI:0000:9b:00): 79, pid=1, name=x, GPU has fallen off the bus.\n',
        },
      ],
    ],
    [
      'a file server that came back',
      [{ text: '[1.0] nfs: server a not responding, still trying\n[9.0] nfs: server a OK\n' }],
    ],
    ['it says that it has ended well', [{ text: `${uncaught('OSError: at exit')}exit code 0\n` }]],
    ['real: a server', [{ text: fixture('zookeeper-log4j.log') }]],
    ['real: DeepSpeed', [{ text: fixture('deepspeed.log') }]],
    ['real: Megatron-LM', [{ text: fixture('megatron.log') }]],
    ['real: nanoGPT', [{ text: fixture('nanogpt.log') }]],
  ])('%s', (_, files) => {
    expect(causesOf(files)).toEqual([]);
  });
});

test('the echo is told with its ranks', () => {
  const failures = new RunFailures();
  const lost = (rank: number) => ({ rank, text: steps(1, 5) + uncaught(closed) });
  failures.take(
    factsOf([lost(0), { rank: 1, text: steps(1, 5) + uncaught('KeyError: 5') }, lost(2), lost(3)]),
  );
  expect(failures.causes()[0]).toMatchObject({
    rank: 1,
    message: 'KeyError: 5 (train.py:8, in <module>)',
    echo: [{ class: 'worker-death', ranks: [0, 2, 3] }],
  });
});

test('a launcher that starts the processes again, all of which write to one file (torchrun 2.15, --max-restarts)', () => {
  const failed = `${steps(1, 5)}${uncaught('RuntimeError: flaky node').replaceAll(/^(?=.)/gm, '[rank1]: ')}E1127 10:00:28.622000 29112 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: 1) local_rank: 1 (pid: 29153) of binary: /w/bin/python3\n`;
  const causesOfText = (text: string) => {
    const failures = new RunFailures();
    failures.take(factsOf([{ text }]));
    return failures.causes();
  };
  expect(causesOfText(`${failed}${steps(1, 9)}`)).toMatchObject([
    { class: 'python', rank: 1, attempts: [0], restarted: true },
  ]);
  expect(causesOfText(failed)).toMatchObject([{ class: 'python', rank: 1, restarted: false }]);
});

test('a rank that ends all others by itself is not told as one that others have lost', () => {
  const failures = new RunFailures();
  failures.take(
    factsOf([
      {
        text: `${steps(1, 5)}MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD\nwith errorcode 7.\n`,
      },
    ]),
  );
  expect(failures.causes()).toMatchObject([
    { rank: 1, message: 'MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD' },
  ]);
});

test('facts that come twice change nothing', () => {
  const facts = factsOf([{ rank: 1, text: steps(1, 5) + uncaught('KeyError: 5') }]);
  const once = new RunFailures();
  once.take(facts);
  const twice = new RunFailures();
  twice.take(facts);
  twice.take(facts);
  expect(twice.causes()).toEqual(once.causes());
});
