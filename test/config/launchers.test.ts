import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { launchedAs } from '../../src/config/launchers.ts';

const hex56 = '0123456789abcdef'.repeat(4).slice(0, 56);

describe('launchedAs', () => {
  it.each([
    // torchrun
    ['/l/job7_a1b2c3_4/attempt_2/3/stderr.log', { run: 'job7', attempt: '2', rank: '3' }],
    ['/l/exp/none_hd4t8ney/attempt_0/11/stdout.log', { folder: 'none_hd4t8ney', attempt: '0', rank: '11' }],
    [
      '/l/75bb90a5-66cf-4396-a72a-00b3b651c18c_aw42r1iz/attempt_0/1/stdout.log',
      { folder: '75bb90a5-66cf-4396-a72a-00b3b651c18c_aw42r1iz', attempt: '0', rank: '1' },
    ],
    ['/l/run/attempt_1/0/error.json', { attempt: '1', rank: '0' }],
    // Open MPI, Horovod, MindSpore, Paddle, DeepSpeed, Composer, NeMo
    ['/l/1/rank.04/stdout', { rank: '04' }],
    ['/l/rank.0/stderr', { rank: '0' }],
    ['/l/msrun_log/worker_3.log', { rank: '3' }],
    ['/l/log/workerlog.5', { rank: '5' }],
    ['/l/20261123100000_rank7.log', { rank: '7' }],
    ['/l/log-rank2.txt', { rank: '2' }],
    ['/l/nemo_log_globalrank-12_localrank-4.txt', { rank: '12' }],
    ['/l/global_rank_3/out.log', { rank: '3' }],
    // Slurm, submitit
    ['/l/bert-4242_0.out', { folder: 'bert-4242', rank: '0' }],
    ['/l/gpt-1.3b-123456_17.err', { folder: 'gpt-1.3b-123456', rank: '17' }],
    ['/l/bert_4242_3_1.out', { folder: 'bert_4242_3', rank: '1' }],
    ['/l/slurm-4242-5.out', { folder: 'slurm-4242', rank: '5' }],
    ['/l/slurm-4242_5.out', { folder: 'slurm-4242_5' }],
    ['/l/slurm-4242.out', {}],
    ['/l/resnet-500-123456.out', {}],
    ['/l/loss_2026_11.out', {}],
    ['/l/train-20261123_1.out', {}],
    ['/l/train-4242_1.csv', {}],
    ['/l/4242_2_log.out', { folder: '4242', rank: '2' }],
    ['/l/4242_7_2_log.err', { folder: '4242_7', rank: '2' }],
    // Lightning, Ray
    ['/l/lightning_logs/version_3/metrics.csv', { attempt: '3' }],
    ['/l/lightning_logs/version_1234567/metrics.csv', {}],
    [
      '/r/ray_results/exp/TorchTrainer_ab12c_00003_3_lr=0.1_2026-11-23/rank_1/out.log',
      { folder: 'TorchTrainer_ab12c_00003_3_lr=0.1_2026-11-23', rank: '1' },
    ],
    [`/tmp/ray/session_latest/logs/worker-${hex56}-01000000-1234.out`, {}],
    // Kubernetes
    ['/var/log/pods/ml_t-0_8b1c0f9e-1111-2222-3333-444455556666/main/4.log', { attempt: '4' }],
    ['/l/mnist-worker-0.log', {}],
    // The habit: a whole part of the path, or a name that begins or ends with it
    ['/l/process_1.log', { rank: '1' }],
    ['/l/process_1/train.log', {}],
    ['/l/local_process_1.log', {}],
    ['/l/preprocess_1.log', {}],
    ['/l/rank1/console.log', { rank: '1' }],
    ['/l/rank=1/console.log', { rank: '1' }],
    ['/l/RANK-12/attempt-3/console.log', { rank: '12', attempt: '3' }],
    ['/l/worker_1/train.log', { rank: '1' }],
    ['/l/rank_3.log.2.gz', { rank: '3' }],
    ['/l/rank_3.stderr.log-20261123', { rank: '3' }],
    ['/l/train-rank_12.log', { rank: '12' }],
    ['/l/train.rank3.jsonl', { rank: '3' }],
    ['/l/train_rank3_stdout.log', { rank: '3' }],
    ['/l/rank1/rank2.log', { rank: '2' }],
    ['/l/rank1_hangs/rank2/out', { rank: '2' }],
    // None of it
    ['/l/torchrun215_rank1_hangs/console.log', {}],
    ['/l/exp_rank1/console.log', {}],
    ['/l/rank1_hangs/console.log', {}],
    ['/l/frank3.log', {}],
    ['/l/ranking_3.log', {}],
    ['/l/low_rank.log', {}],
    ['/l/lora-rank/16/train.log', {}],
    ['/l/local_rank_3.log', {}],
    ['/l/localrank3.log', {}],
    ['/l/mp_rank_00.log', {}],
    ['/l/node_rank1.log', {}],
    ['/l/worker_kill.vA.log', {}],
    ['/l/train.log.3', {}],
    ['/l/rank.log', {}],
    ['/l/0/train.log', {}],
  ])('%s', (path, expected) => {
    const found = Object.entries(launchedAs(path)).filter(([, value]) => value !== undefined);
    expect(Object.fromEntries(found)).toEqual(expected);
  });

  it('names only whole numbers, whatever the path', () => {
    const part = fc.constantFrom(
      'rank',
      'worker',
      'attempt',
      'version',
      '1',
      '12345',
      '_',
      '-',
      '.',
      '/',
      '.out',
      'x',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
        const { attempt = '0', rank = '0' } = launchedAs(`/${parts.join('')}`);
        expect([attempt, rank].map(Number).every(Number.isSafeInteger)).toBe(true);
      }),
    );
  });
});
