/**
 * Tables of metrics between pipes with a rule below their header, as `tabulate` prints them with `tablefmt="pipe"`: Detectron2's results
 * (evaluation/coco_evaluation.py, utils/logger.py's create_small_table), `|   AP   |  AP50  |`, `|:------:|:------:|`, `| 38.012 | 58.123 |`; and those that
 * Hugging Face's model cards show, or PrettyTable's and tabulate's, in rules of `+-----+`, whose column `Step` or `Epoch` is the points' step. Rows
 * with words in them are of classes, or of parameters, and are left out.
 */
import { isMetricName } from './canonical.ts';
import { namesMeasure } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';

const lineMax = 1024;
const columnsMax = 64;
const rule = /^(?:\|(?::?-{2,64}:?[|+]){1,64}|\+(?:[-=]{2,64}\+){1,64})$/;
const stepColumns = ['step', 'steps', 'iter', 'iteration', 'epoch'];

export const pipeTableReader: FactReader = {
  format: 'Detectron2',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isBetweenPipes(line),
  matches: ({ line }) => isBetweenPipes(line),
  read({ line }, context) {
    const cells = line
      .slice(1, -1)
      .split('|', columnsMax)
      .map((cell) => cell.trim());
    if (rule.test(line.replaceAll(' ', ''))) {
      if (context.pipes !== undefined) context.pipes = { ...context.pipes, isRuled: true };
      return [];
    }
    const { columns, isRuled } = context.pipes ?? { columns: [], isRuled: false };
    const values = cells.map(readNumber);
    if (!isRuled || cells.length !== columns.length || values.includes(null)) {
      if (values.every((value) => value === null)) {
        if (cells.some((cell) => namesMeasure(cell))) context.pipes = { columns: cells, isRuled: false };
        else delete context.pipes;
      }
      return null;
    }
    const stepAt = stepColumns
      .map((name) => columns.findIndex((column) => column.toLowerCase() === name))
      .find((at) => at >= 0);
    // A column that is none of a metric may say what the row is of.
    if (stepAt === undefined && !columns.every(namesMeasure)) return null;
    const step = stepAt === undefined ? null : (values[stepAt] ?? null);
    return columns.flatMap((name, i) => {
      const value = values[i] ?? null;
      return i === stepAt || value === null || !isMetricName(name)
        ? []
        : [printedPoint(step !== null && Number.isInteger(step) ? step : null, name, value, cells[i] ?? '')];
    });
  },
};

function isBetweenPipes(line: string): boolean {
  if (line.length > lineMax) return false;
  const first = line.charCodeAt(0);
  return (first === 124 && line.endsWith('|')) || (first === 43 && line.endsWith('+'));
}
