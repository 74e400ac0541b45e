/**
 * Tables whose header names metrics and whose first column counts: Ultralytics (`Epoch  GPU_mem  box_loss …`, utils/torch trainer's progress
 * string; a row is a bar, whose last state counts) and YOLOv5 before it (`Epoch   gpu_mem       box       obj       cls`), skorch
 * (`epoch    train_loss    valid_acc     dur`), fastai, scikit-learn's gradient boosting (`Iter       Train Loss      OOB Improve   Remaining Time`),
 * spaCy (`E    #       LOSS TOK2VEC  ENTS_F  SCORE`, training/loggers.py; `#` is the step). Columns are told apart by two spaces or more, or by a tab
 * (Hugging Face's notebooks, `Step\tTraining Loss\tValidation Loss`; CatBoost's learn_error.tsv). DeepXDE's cells (display.py; 1.15, run) are lists of
 * the losses of its equations and conditions, `1000      [3.07e+00, 3.48e+00]    [3.41e+00, 3.48e+00]    [1.48e+00]`. DeePMD-kit's
 * lcurve.out (train/trainer.py) has `#  step      rmse_val    rmse_trn         lr`. The
 * validation rows of Ultralytics (`all  64  200  0.612 …`; of classification `all  0.5  1` below `classes   top1_acc   top5_acc`) are points of the epoch
 * before them. Later versions of 8.3 have bars of their own (utils/tqdm.py): `… 640: 100% ━━━━━━━━━━━━ 8/8 3.5it/s 2.3s`; where one has not come to its end, its
 * values are means so far and no points.
 */
import type { FactBody } from '../core/fact.ts';
import { isMetricName } from './canonical.ts';
import { namesMetric } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { progressOf, readBar } from './progress-bar.ts';
import { printedPoint } from './reader.ts';
import type { FactReader, TrainContext } from './reader.ts';

const lineMax = 1024;
const columnsMax = 64;
const rowsMax = 4096;
const headMax = 4096;
const startsRow =
  /^ {0,24}(?:(?:epoch|iter|iteration|round|(?:# {1,4})?step)(?: {2,24}|\t)[a-z]|E {2,8}# {2,24}[A-Z]|\d{1,9}(?:\/\d{1,9})?(?: {2,24}|\t)[\d.+[-]|Class {2}|classes {2}|all {2,24}\d|\d{1,9} epochs completed in |-{3,24}(?: {2,4}-{3,24}){1,48} *$)/i;
const headerBehind = /\n {0,24}(?:epoch|iter|iteration|round) {2,24}[a-z]/i;
const numbered = /^# {1,4}(?=step {2})/;
const barBehind = /: {1,4}\d{1,3}%(?:\|| [━─╸]).*$/;
const unfinished = /: {1,4}\d{1,2}% [━─╸]/;
/** Ultralytics: what is validated behind it is the best epoch's model, which is not told. */
const completed = /^\d{1,9} epochs completed in /;
const counter = /^(?:epoch|iter|iteration|step|round|E)$/i;
/** Their tables hold nothing but metrics, and these. */
const allMetrics = / gpu_mem | {2}Remaining Time| {2}Test metric$|^E {2,8}# /i;
const noMetrics = /^(?:gpu_mem|instances|labels|targets|(?:img_)?size|remaining time|E|#|w?p?speed)$/i;
const classes = /^\s{0,32}Class {1,24}Images {1,24}(?:Instances|Labels) {1,24}(.{1,200}?):?$/;
const classified = /^\s{0,40}classes {1,24}(top1_acc {1,24}top5_acc)$/;
const classifiedRow = /^\s{0,40}all {1,24}([\d.e-]{1,24} {1,24}[\d.e-]{1,24})$/;
const allRow = /^\s{0,40}all {1,24}\d{1,12} {1,24}\d{1,12} {1,24}([\d. ena-]{1,200})$/;

export const columnTableReader: FactReader = {
  format: 'columns',
  kinds: ['line', 'progress'],
  mayMatchLine: ({ line }) => startsRow.test(line),
  matches: ({ event, line }) =>
    (event.kind === 'line' && (startsRow.test(line) || hasHeaderBehind(event.message, line))) ||
    (event.kind === 'progress' && startsRow.test(line)),
  read({ line, event }, context) {
    const bar = event.kind === 'progress' ? readBar(line) : null;
    if (bar !== null) return [progressOf(bar), ...readRow(line, context)];
    // Rows that are indented more than what is before them go with it.
    return event.message.split('\n', rowsMax).flatMap((row) => readRow(row, context));
  },
};

function hasHeaderBehind(message: string, line: string): boolean {
  return message.length > line.length && headerBehind.test(message.slice(0, headMax));
}

function readRow(row: string, context: TrainContext): FactBody[] {
  if (row.length > lineMax || (row.includes('% ') && unfinished.test(row))) return [];
  if (completed.test(row)) {
    context.isCompleted = true;
    return [];
  }
  const line = row.replace(barBehind, '');
  const classColumns = (classes.exec(line) ?? classified.exec(line))?.[1];
  if (classColumns !== undefined) {
    if (context.isCompleted === true) delete context.classes;
    else context.classes = classColumnsIn(classColumns);
    return [];
  }
  const all = (context.classes?.[0] === 'top1_acc' ? classifiedRow : allRow).exec(line)?.[1];
  if (all !== undefined && context.classes !== undefined)
    return cellsOf(context.classes, all.trim().split(/ +/, columnsMax), context.row ?? null);
  const cells = line
    .replace(numbered, '')
    .trim()
    .split(/ {2,}|\t/, columnsMax);
  const [first = ''] = cells;
  if (counter.test(first)) {
    const isMetric = allMetrics.test(line.trim()) ? (name: string) => !noMetrics.test(name) : namesMetric;
    if (cells.length > 1 && cells.some((cell, i) => i > 0 && isMetric(cell)))
      context.columns = cells.map((name, i) => (i === 0 || name === '#' || isMetric(name) ? name : ''));
    return [];
  }
  const { columns } = context;
  delete context.isCompleted;
  const number = /^(\d{1,9})(?:\/\d{1,9})?$/.exec(first)?.[1];
  // A row that is cut has whole cells before its last one.
  const isCut = cells.at(-1)?.endsWith('…') === true;
  if (isCut) cells.pop();
  const isWhole = cells.length === columns?.length || (isCut && cells.length < (columns?.length ?? 0));
  if (columns === undefined || number === undefined || !isWhole) return [];
  const step = columns[1] === '#' ? readNumber(cells[1] ?? '') : Number(number);
  context.row = step ?? Number(number);
  return cellsOf(columns.slice(1), cells.slice(1), step);
}

/** `Box(P          R      mAP50  mAP50-95):`: the parentheses are around all columns of a task, and those of a second one are told by it. */
function classColumnsIn(text: string): string[] {
  const names: string[] = [];
  let task = '';
  for (const column of text.trim().split(/ +/, columnsMax)) {
    const isFirst = column.includes('(');
    if (isFirst) task = column.slice(0, column.indexOf('(') + 1);
    const name = isFirst ? column : column.replace(/\):?$/, '');
    // On a narrow terminal the header is cut, and ends in an ellipsis.
    names.push(column.endsWith('…') ? '' : names.includes(name) ? task + name : name);
  }
  return names;
}

function cellsOf(columns: readonly string[], cells: readonly string[], step: number | null): FactBody[] {
  return columns.flatMap((column, i) =>
    column === '#' || !isMetricName(column)
      ? []
      : valuesIn(column, cells[i] ?? '').flatMap(([name, text]) => {
          const value = readNumber(text);
          return value === null ? [] : [printedPoint(step, name, value, text)];
        }),
  );
}

const listed = /^(?:train|test) (?:loss|metric)$/i;

/** Of a list with more than one value, which is told behind the column's name. */
function valuesIn(column: string, cell: string): [name: string, text: string][] {
  if (!listed.test(column) || !cell.startsWith('[') || !cell.endsWith(']')) return [[column, cell]];
  const texts = cell.slice(1, -1).split(', ', columnsMax);
  return texts.map((text, i) => [texts.length === 1 ? column : `${column}[${i}]`, text]);
}
