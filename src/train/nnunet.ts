/**
 * nnU-Net's training log (nnunetv2/training/nnUNetTrainer/nnUNetTrainer.py, `print_to_log_file`): a time, then `Epoch 7`, and below it
 * `Current learning rate: 0.00993`, `train_loss -0.1234`, `val_loss -0.2345` and `Pseudo dice [0.5012, 0.6]`, a number for each class. The step is the
 * epoch.
 */
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const stamped =
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{6})?: {1,4}(?:(Epoch) (\d{1,9})|(?:Current )?(learning rate): (\S{1,40})|(train_loss|val_loss) (\S{1,40})|(Pseudo dice) \[([^\]]{1,2000})\])\s{0,4}$/;
const lineMax = 2048;
const classesMax = 128;

export const nnunetReader: FactReader = {
  format: 'nnU-Net',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isOfNnunet(line),
  matches: ({ line }) => isOfNnunet(line),
  read({ line }, context) {
    const [name = '', text = ''] = (stamped.exec(line) ?? []).slice(1).filter((group) => group !== undefined);
    if (name === 'Epoch') {
      context.round = Number(text);
      return [];
    }
    const step = context.round;
    // Another program's line.
    if (step === undefined) return null;
    const texts = name === 'Pseudo dice' ? text.split(',', classesMax) : [text];
    return texts.flatMap((each, i) => {
      const value = readNumber(each.trim());
      const full = name === 'Pseudo dice' ? `${name} ${i}` : name;
      return value === null ? [] : [printedPoint(step, full, value, each.trim())];
    });
  },
};

function isOfNnunet(line: string): boolean {
  return line.length <= lineMax && stamped.test(line);
}
