/** Ranks that lines name themselves, behind their heads: whose lines they are. */
import { expect, test } from 'vitest';
import { readStatedRank } from '../../src/events/stated-rank.ts';
import { eventsOf } from './helpers.ts';

test.each([
  // accelerate 1.15, MultiProcessAdapter, under the formats of its examples.
  [1, '11/26/2026 21:04:33 - INFO - __main__ - [RANK 1] ***** Running training *****'],
  [0, 'INFO:__main__:[RANK 0] step=19 loss=5.5694'],
  // DeepSpeed 0.19, log_dist, timers; Megatron-LM.
  [0, '[2026-11-26 21:10:09,964] [INFO] [logging.py:123:log_dist] [Rank 0] step=5, skipped=0, lr=[0.0005]'],
  [0, '[Rank 0] time (ms) | fwd: 0.13 | bwd: 1.24 | step: 1.63'],
  [0, '[deepspeed] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: 65536, reducing to 32768'],
  [3, ' [Rank 3] (after 10 iterations) memory (MB) | allocated: 1.0'],
  // Lightning, axolotl, NeMo, Composer, LLaMA-Factory, transformers' examples, DINO and others.
  [1, '[rank: 1] Seed set to 42'],
  [1, 'INFO:lightning.fabric:[rank: 1] Seed set to 42'],
  [1, 'Initializing distributed: GLOBAL_RANK: 1, MEMBER: 2/2'],
  [0, '[2026-05-01 12:00:00,123] [INFO] [axolotl.load_tokenizer:294] [PID:1234] [RANK:0] EOS: 2 / </s>'],
  [1, '[NeMo I 2026-11-23 10:00:00 megatron_init:269 rank:1] Rank 0 has data parallel group'],
  [3, '2026-06-01 12:00:00,123: rank3[12345][MainThread]: INFO: composer.utils: hello'],
  [0, '[INFO|2026-11-23 10:00:00] llamafactory.hparams.parser:423 >> Process rank: 0, world size: 2'],
  [1, '11/23/2026 10:26:25 - WARNING - __main__ - Process rank: 1, device: cuda:1, n_gpu: 1'],
  [3, '| distributed init (rank 3): env://, gpu 3'],
  // PyTorch.
  [2, '[E1123 10:00:00.123456789 ProcessGroupNCCL.cpp:616] [Rank 2] Watchdog caught collective operation'],
  [2, '[E1123 10:00:00.123456789 ProcessGroupNCCL.cpp:616] [PG ID 0 PG GUID 0(default_pg) Rank 2] Watchdog'],
  [1, 'INFO:root:Rank 1: Completed store-based barrier for key'],
  [0, '2026-11-23 10:00:00,000 - INFO - train - initialised process group rank=0 world_size=4'],
  // Loops of people's own, loguru, structlog, logfmt.
  [1, '2026-11-26 20:58:34,824 [Rank 1] INFO step 1 loss 12.2119'],
  [1, '[rank 1/8] step 5: loss 0.5'],
  [1, 'Rank 1 | Step 5 | Loss 0.5'],
  [0, 'Epoch 1 | Rank 0 | loss: 0.5'],
  [2, '2026-11-23 10:00:00 | INFO     | __main__:train:12 - (rank 2) step=5 loss=0.1'],
  [2, "2026-11-23 10:00:00 | INFO     | __main__:train:12 - step=5 loss=0.1 | {'rank': 2}"],
  [1, '2026-11-23 10:00:00 [info     ] step                           loss=1.2 rank=1 step=10'],
  [2, 'level=info ts=2026-11-23T10:00:00Z msg="train" global_rank=2 step=5 loss=0.1'],
  [2, 'local_rank=0 rank=2 step=3 loss=0.1'],
  [1, "{'rank': 1, 'step': 2, 'loss': 0.5}"],
  [1, 'Nov 23 10:00:00 node-7 python[123]: [rank 1] hi'],
  // None, another one's, or another kind of rank.
  [
    null,
    '[2026-11-23 10:00:00,000] [INFO] [logging.py:96:log_dist] [Rank -1] DeepSpeed info: version=0.14.0',
  ],
  [null, 'lora rank=16 alpha=32'],
  [null, 'rank: 16'],
  [null, 'rank=16, alpha=32, dropout=0.1'],
  [null, 'lost the connection to [rank 3]'],
  [null, '2026-11-23 10:00:00 INFO Waiting for [rank 3]'],
  [null, 'RuntimeError: Rank 3: dead'],
  [null, 'Rank 3 failed to pass monitoredBarrier in 30000 ms'],
  [null, '2026-11-23 10:00:00 - WARNING - train - rank 1 pretending to be stuck'],
  [null, '[local rank 1] step 3'],
  [null, 'mean rank: 3, step 5 loss 0.5'],
])('%s: %s', (rank, line) => {
  expect(readStatedRank(line)).toBe(rank);
});

test('an event has the rank that its first line names, and takes in the lines that follow', () => {
  const lines = [
    '11/26/2026 21:04:33 - ERROR - __main__ - [RANK 1] it failed',
    'Traceback (most recent call last):',
    '  File "/w/a.py", line 1, in step',
    'ValueError: bad',
    '11/26/2026 21:04:34 - INFO - __main__ - [RANK 0] x',
  ];
  const events = eventsOf(`${lines.join('\n')}\n`);
  expect(events.map(({ kind, rank }) => [kind, rank])).toEqual([
    ['traceback', 1],
    ['line', 0],
  ]);
});

test("a launcher's prefix, and the rank of the file, come first", () => {
  expect(eventsOf('[default3]:[Rank 1] x\n').map(({ rank }) => rank)).toEqual([3]);
  expect(eventsOf('[Rank 1] x\n', { rank: 2 }).map(({ rank }) => rank)).toEqual([2]);
});

test.each(['rank', 'global_rank', 'world_rank'])('a record names it as %s', (name) => {
  expect(eventsOf(`{"${name}":3,"step":1,"loss":0.5}\n`).map(({ rank }) => rank)).toEqual([3]);
});

test("Ray Train's workers have the ranks that its controller tells", () => {
  const lines = [
    '(RayTrainWorker pid=604) loading',
    '(TrainController pid=487) Started training worker group of size 2: ',
    '(TrainController pid=487) - (ip=192.0.2.2, pid=604) world_rank=0, local_rank=0, node_rank=0',
    '(TorchTrainer pid=487) - (node_id=ab12, ip=192.0.2.3, pid=744) world_rank=1, local_rank=0, node_rank=1',
    '(RayTrainWorker pid=744, ip=192.0.2.3) step 1 loss 2.9',
    '(RayTrainWorker pid=604) step 1 loss 2.8',
    '(RayTrainWorker pid=744, ip=192.0.2.3) Traceback (most recent call last):',
    '(RayTrainWorker pid=744, ip=192.0.2.3)   File "/w/a.py", line 1, in loop',
    '(RayTrainWorker pid=744, ip=192.0.2.3) ValueError: bad',
    '(SomethingElse pid=9) step 1 loss 2.9',
  ];
  const events = eventsOf(`${lines.join('\n')}\n`);
  expect(events.map(({ rank }) => rank)).toEqual([null, null, null, null, 1, 0, 1, null]);
});
