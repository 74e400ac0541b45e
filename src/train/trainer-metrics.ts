/**
 * What Hugging Face's Trainer.log_metrics prints of a whole training or evaluation (transformers/trainer_pt_utils.py):
 *
 *     ***** eval metrics *****
 *       epoch     =        3.0
 *       eval_loss =     2.3015
 *
 * It has no step: it is of the last one that was counted. What the dict that was printed before has told already, which of an evaluation behind the training is not printed
 * (ProgressCallback has no bar then), is not told again.
 */
import { isMetricName } from './canonical.ts';
import { decimalsIn, readNumber } from './numbers.ts';
import { flatPairs } from './printed-dict.ts';
import { linesBelow } from './reader.ts';
import type { FactReader } from './reader.ts';
import { pointsOf } from './stated.ts';

const head = /^\*{5} [\w./-]{1,64} metrics \*{5}$/;
const row = /^ {2}([\w./@-]{1,100}) {0,100}= {1,100}(\S{1,40})$/;
const rowsMax = 256;
const rowMax = 256;
/** Sizes that examples add to the metrics, and what was used. */
const others = /_samples$|_mem_|_flos$/;

export const trainerMetricsReader: FactReader = {
  format: "Hugging Face Trainer's log_metrics",
  kinds: ['line'],
  mayMatchLine: () => false,
  matches: ({ line }) => line.startsWith('***** ') && head.test(line),
  read({ event }, context) {
    const told = new Map(flatPairs(context.told ?? ''));
    const rows = linesBelow(event)
      .split('\n', rowsMax)
      .flatMap((line): [string, string][] => {
        const [, name = '', text = ''] = row.exec(line.slice(0, rowMax)) ?? [];
        const isTold = isSame(told.get(name) ?? '', text);
        return isTold || !isMetricName(name) || others.test(name) ? [] : [[name, text]];
      });
    return pointsOf(rows, context.counted ?? null, false);
  },
};

/** Do both texts print one number, as precisely as they do? */
function isSame(one: string, other: string): boolean {
  const [a, b] = [readNumber(one), readNumber(other)];
  if (a === null || b === null) return false;
  if (!Number.isFinite(a) || !Number.isFinite(b)) return Object.is(a, b);
  const unit = 10 ** -Math.min(decimalsIn(one), decimalsIn(other));
  return Math.abs(a - b) <= 0.51 * unit;
}
