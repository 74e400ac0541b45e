import { remembered } from '../core/remembered.ts';

/** Words by which the name of a metric is known where nothing else tells that a number is one. */
const words: ReadonlySet<string> = new Set(
  (
    'loss lr learningrate rate acc accuracy top1 top5 error err merror auc aucpr ap aps apm apl ar logloss mlogloss rmse rmsle mae mse mape mphe l1 l2 ndcg map map50 ' +
    'precision recall f1 iou miou dice bleu rouge wer cer ppl perplexity bpb bpc nll elbo kl reward return score entropy norm gnorm ' +
    'gradnorm deviance prec crossentropy r2 mcc kappa psnr ssim fid inertia rewards accu'
  ).split(' '),
);

/** Metrics that are set rather than measured, and so stand among settings as well. */
const setWords: ReadonlySet<string> = new Set(['lr', 'learningrate', 'rate', 'scale', 'norm']);

/** Does the name name what a run has measured? */
export const namesMeasure = remembered((name: string): boolean =>
  partsOf(name).some((part) => isWord(part) && !setWords.has(part)),
);

/** Does a part of the name, without digits that count, name a metric? `train-rmse`, `valid_0's l2`, `loss_cls`, `mAP50-95`, `TrainAcc`. */
export const namesMetric = remembered((name: string): boolean => {
  return partsOf(name).some(isWord);
});

function partsOf(name: string): string[] {
  const parts = name.toLowerCase().split(/[^a-z0-9]+/, 16);
  return camel.test(name) ? [...parts, ...name.split(/(?<=[a-z])(?=[A-Z])/, 16).map(lower)] : parts;
}

const camel = /[a-z]{2}[A-Z]/;

function lower(text: string): string {
  return text.toLowerCase();
}

function isWord(part: string): boolean {
  return (
    words.has(part) ||
    words.has(part.replace(/\d{1,4}$/, '')) ||
    /(?:loss|entropy|perplexity|accuracy)$/.test(part)
  );
}
