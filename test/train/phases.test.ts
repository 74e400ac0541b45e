import { describe, expect, test } from 'vitest';
import { isEvaluationLabel } from '../../src/train/phases.ts';
import { readFacts } from '../../src/train/read-facts.ts';
import { eventsOf } from '../events/helpers.ts';

function phasesOf(text: string): string[] {
  return eventsOf(text).flatMap((event) =>
    readFacts(event, {}).facts.flatMap((fact) =>
      fact.kind === 'phase'
        ? [`${fact.phase} ${fact.state}${fact.step === null ? '' : ` ${fact.step}`}`]
        : [],
    ),
  );
}

describe('phases are read from what frameworks print', () => {
  test.each([
    ['Saving model checkpoint to out/checkpoint-500', 'checkpoint begins 500'],
    ['2026-11-23 10:00:00 - INFO - Saving model checkpoint to out', 'checkpoint begins'],
    ['saving checkpoint to out', 'checkpoint begins'],
    ['saving checkpoint at iteration    1000 to /ckpt in torch_dist format', 'checkpoint begins 1000'],
    ['  successfully saved checkpoint at iteration    1000 to /ckpt', 'checkpoint ends 1000'],
    [
      '  successfully saved checkpoint from iteration    1000 to /ckpt [ t 1/1, p 1/1 ]',
      'checkpoint ends 1000',
    ],
    [
      '[2026-11-23 10:00:00,123] [INFO] [torch_checkpoint_engine.py:33:commit] [Torch] Checkpoint global_step500 is ready now!',
      'checkpoint ends 500',
    ],
    [
      '[2026-11-23 10:00:00,123] [INFO] [logging.py:96:log_dist] [Rank 0] [Torch] Checkpoint global_step500 is about to be saved!',
      'checkpoint begins',
    ],
    [
      '[titan] 2026-11-23 10:00:00,000 - root - INFO - Saving the checkpoint (or staging if async is enabled).',
      'checkpoint begins',
    ],
    [
      '[titan] 2026-11-23 10:00:00,000 - root - INFO - Finished saving the checkpoint (or staging if async is enabled) in 3.01 seconds.',
      'checkpoint ends',
    ],
    [
      'INFO:torchtune.utils._logging:Model checkpoint of size 2.34 GiB saved to out/model.pt',
      'checkpoint ends',
    ],
    [
      '2026-11-23 10:00:00 | INFO | fairseq.checkpoint_utils | Saved checkpoint out/checkpoint_1_100.pt (epoch 1 @ 100 updates) (writing took 2.3 seconds)',
      'checkpoint ends',
    ],
    [
      "Epoch 3, global step 400: 'val_loss' reached 0.10000 (best 0.10000), saving model to 'out/e.ckpt' as top 1",
      'checkpoint begins 400',
    ],
    ['INFO:accelerate.accelerator:Saving current state to out/step_10', 'checkpoint begins'],
    ['***** Running Evaluation *****', 'eval begins'],
    ['2026-11-23 10:00:00 | INFO | fairseq_cli.train | begin validation on "valid" subset', 'eval begins'],
    ['Evaluating iter 10/100', 'eval begins'],
    ['[11/23 10:00:00 d2.evaluation.evaluator]: Start inference on 625 batches', 'eval begins'],
    ['compiling the model... (takes a ~minute)', 'compile begins'],
    ['Compiling each TransformerBlock with torch.compile', 'compile begins'],
    [' loading checkpoint from /ckpt at iteration 1000', 'init begins'],
    ['Resuming training from out', 'init begins'],
    ['{"level":"info","message":"saving checkpoint","path":"/ckpt"}', 'checkpoint begins'],
  ])('%s', (text, expected) => {
    expect(phasesOf(`${text}\n`)).toEqual([expected]);
  });

  test.each([
    '[rank 1] checkpoint not written at 7 (stdout, unbuffered=1)',
    'Loading checkpoint shards: 100%',
    'always_save_checkpoint = False',
    '[2026-11-23 10:20:59,503] [INFO] [config.py:678:print]   load_universal_checkpoint .... False',
    'number_checkpoints: null, evaluation_strategy=steps, compile: true',
    'step=5 loss=1.5 saving checkpoint',
    'ERROR failed to save the checkpoint',
  ])('none: %s', (text) => {
    expect(phasesOf(`${text}\n`)).toEqual([]);
  });
});

test('bars of an evaluation', () => {
  const labels = ['Validation DataLoader 0', 'Sanity Checking', 'Evaluating', 'Epoch 1', 'Training', null];
  expect(labels.filter(isEvaluationLabel)).toHaveLength(3);
});
