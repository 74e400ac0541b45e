/**
 * Tables of metrics between pipes with a rule below their header, as `tabulate` prints them with `tablefmt="pipe"`: Detectron2's results
 * (evaluation/coco_evaluation.py, utils/logger.py's create_small_table), `|   AP   |  AP50  |`, `|:------:|:------:|`, `| 38.012 | 58.123 |`; and those that
 * Hugging Face's model cards show, or PrettyTable's and tabulate's, in rules of `+-----+`, whose column `Step` or `Epoch` is the points' step; the others are of the last step that
 * was counted. Rows
 * with words in them are of classes, or of parameters, and are left out. In lm-evaluation-harness' results (lm_eval/utils.py, make_table), `|Tasks|Version|
 * Filter|n-shot| Metric |   |Value|   |Stderr|`, each row has a metric's value, under the names that its loggers give: `task/metric`.
 */
import type { FactBody } from '../core/fact.ts';
import { isMetricName } from './canonical.ts';
import { namesMeasure } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader } from './reader.ts';
import { pointsOf } from './stated.ts';

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
    const { columns, isRuled, task } = context.pipes ?? { columns: [], isRuled: false };
    if (isOfTasks(cells)) {
      context.pipes = { columns: cells, isRuled: false };
      return [];
    }
    if (isRuled && isOfTasks(columns) && cells.length === columns.length) {
      const named = cells[0] || task;
      context.pipes = { columns, isRuled, ...(named !== undefined && { task: named }) };
      return resultOf(columns, cells, named ?? '', context.counted ?? null);
    }
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
    const step = stepAt === undefined ? (context.counted ?? null) : (values[stepAt] ?? null);
    return columns.flatMap((name, i) => {
      const value = values[i] ?? null;
      return i === stepAt || value === null || !isMetricName(name)
        ? []
        : [printedPoint(step !== null && Number.isInteger(step) ? step : null, name, value, cells[i] ?? '')];
    });
  },
};

function isOfTasks(columns: readonly string[]): boolean {
  return (
    /^(?:Tasks?|Groups)$/.test(columns[0] ?? '') && columns.includes('Metric') && columns.includes('Value')
  );
}

/** Groups of tasks begin with a dash, or with spaces before it. */
function resultOf(
  columns: readonly string[],
  cells: readonly string[],
  task: string,
  step: number | null,
): FactBody[] {
  const cellOf = (name: string) => cells[columns.indexOf(name)] ?? '';
  const filter = columns.includes('Filter') ? cellOf('Filter') : 'none';
  const metric = cellOf('Metric');
  const name = `${task.replace(/^- ?/, '')}/${metric}${filter === 'none' ? '' : `,${filter}`}`;
  return metric === '' ? [] : pointsOf([[name, cellOf('Value')]], step, true);
}

function isBetweenPipes(line: string): boolean {
  if (line.length > lineMax) return false;
  const first = line.charCodeAt(0);
  return (first === 124 && line.endsWith('|')) || (first === 43 && line.endsWith('+'));
}
