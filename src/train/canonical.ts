/** One name for what frameworks call by many: the gauge `caboose_train_<canonical>`, and what search and charts join on. */
import { remembered } from '../core/remembered.ts';

const namesOf = {
  loss: [
    'loss',
    'train_loss',
    'training_loss',
    'lm_loss',
    'train_lm_loss',
    'total_loss',
    'train_train_loss',
    'loss_train',
    'avg_loss',
    'average_loss',
    'mean_loss',
    'main_loss',
    'train_total_loss',
    'train_loss_step',
    'train_loss_epoch',
    'avg_train_loss',
    'reduced_train_loss',
    'loss_train_total',
    'train_crossentropyloss',
    'train_ce_loss',
    'learning_loss',
    'epoch_loss',
  ],
  validation_loss: [
    'val_loss',
    'eval_loss',
    'valid_loss',
    'validation_loss',
    'test_loss',
    'dev_loss',
    'val_total_loss',
    'val_loss_epoch',
    'avg_val_loss',
    'val_avg_loss',
    'val_average_loss',
    'validation_main_loss',
    'average_val_loss',
    'validation_total_loss',
    'lm_loss_value',
    'loss_val',
    'validation_epoch_loss',
  ],
  learning_rate: [
    'lr',
    'learning_rate',
    'train_lr',
    'train_learning_rate',
    'learningrate',
    'current_lr',
    'optim0_lr0',
    'lr_0',
    'actor_lr',
  ],
  grad_norm: [
    'grad_norm',
    'gradient_norm',
    'gnorm',
    'gradnorm',
    'train_grad_norm',
    'global_grad_norm',
    'total_norm',
    'global_norm',
    'optim_total_grad_norm',
    'actor_grad_norm',
  ],
  accuracy: [
    'accuracy',
    'acc',
    'train_accuracy',
    'train_acc',
    'training_accuracy',
    'avg_accuracy',
    'main_accuracy',
    'acc1',
    'acc_1',
    'top1',
  ],
  validation_accuracy: [
    'val_accuracy',
    'val_acc',
    'valid_accuracy',
    'valid_acc',
    'eval_accuracy',
    'eval_acc',
    'validation_accuracy',
    'val_avg_accuracy',
    'validation_main_accuracy',
    'val_acc1',
    'val_acc_1',
    'val_top1',
    'test_acc1',
    'test_accuracy',
    'test_acc',
  ],
  perplexity: ['ppl', 'perplexity', 'train_ppl', 'train_perplexity', 'training_perplexity', 'lm_loss_ppl'],
  validation_perplexity: [
    'val_ppl',
    'val_perplexity',
    'valid_ppl',
    'valid_perplexity',
    'eval_ppl',
    'eval_perplexity',
    'validation_perplexity',
    'test_ppl',
    'test_perplexity',
  ],
  tokens_per_second: [
    'tokens_per_second',
    'tokens_per_sec',
    'perf_tokens_per_sec',
    'train_tokens_per_second',
    'tokens_per_second_per_gpu',
    'tps',
    'tok_s',
    'tokens_s',
    'tok_sec',
    'tokens_sec',
    'tokens_s_device',
    'throughput_device_tokens_per_second',
  ],
  samples_per_second: [
    'samples_per_second',
    'samples_per_sec',
    'train_samples_per_second',
    // DeepSpeed, utils/timer.py: of the last steps, beside a mean over the run.
    'currsamplespersec',
  ],
  loss_scale: ['loss_scale', 'grad_scale'],
  mfu: ['mfu'],
} as const;

export type CanonicalName = keyof typeof namesOf;

const canonicalOf = new Map<string, CanonicalName>(
  Object.entries(namesOf).flatMap(([canonical, names]) =>
    names.map((name): [string, CanonicalName] => [name, canonical as CanonicalName]),
  ),
);

interface NameKind {
  canonical: CanonicalName | null;
  isStep: boolean;
  isMetric: boolean;
}

const kindOf = remembered((name): NameKind => {
  const isStep = stepNames.has(name.toLowerCase().replaceAll(' ', '_'));
  const isMetric =
    name.length > 0 && name.length <= 256 && !isStep && (!nonMetrics.test(name) || totalLoss.test(name));
  return { canonical: findCanonical(name), isStep, isMetric };
});

/** Case, spaces, slashes, dots and dashes do not count: `Train/Loss` and `train_loss` are one. */
export function canonicalName(name: string): CanonicalName | null {
  return kindOf(name).canonical;
}

function findCanonical(name: string): CanonicalName | null {
  if (name.length > 64) return null;
  const known = canonicalOf.get(plain(name));
  // DGL's examples: `TrainAcc`.
  return known ?? canonicalOf.get(plain(name.replaceAll(/([a-z]{2})(?=[A-Z])/g, '$1_'))) ?? null;
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '_');
}

const stepNames: ReadonlySet<string> = new Set([
  'step',
  'steps',
  'global_step',
  'trainer/global_step',
  'train_step',
  'current_step',
  'current_steps',
  'global_steps',
  'training_iteration',
  'num_updates',
  'opt_step',
  'optimizer_step',
  'update_step',
  'train/global_step',
  'train/step',
  'total_timesteps',
  'time/total_timesteps',
  'iteration',
  'iter',
  '_step',
]);

export function isStepName(name: string): boolean {
  return kindOf(name).isStep;
}

/** Coordinates, clocks and what loggers say about themselves: numbers that are no training points. */
const nonMetrics =
  /^(?:.*[._/])?(?:epochs?|seq|pid|process|process_?id|thread|thread_?id|tid|line|lineno|line_number|levelno|level|no|created|msecs|relativecreated|v|version|ts|time|times?tamp|wall_?time|_?runtime|elapsed.*|eta|duration|seed|rank|local_rank|world_size|node_rank|node|port|attempt|retry|memory|max_mem|batch|episodes?|update|wall|train_wall|gb_free|max_steps|total_steps|num_epochs|batch_?size|micro_step|skipped|mom|consumed.*|num_workers|size|count|total|id|seconds|images?|percentage|n_parameters|iterations_since_restore|timesteps_(?:total|since_restore|this_iter)|time_(?:this_iter|total|since_restore)(?:_s)?|memory\(\w{1,8}\)|(?<=^)[dptce]p)$/i;
/** Composer: `loss/train/total`. */
const totalLoss = /loss\/(?:\w{1,32}\/)?total$/i;

export function isMetricName(name: string): boolean {
  return kindOf(name).isMetric;
}
