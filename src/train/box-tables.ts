/**
 * Tables of names and values in a frame: Lightning's results of `validate` and `test`, drawn by rich (`┃      Test metric      ┃      DataLoader 0      ┃`,
 * loops/evaluation_loop.py) or between two rules of `─` without it, which have no step; and Ray Tune's results of a trial (`│ Trial train_fn_abc12_00000
 * result │`, tune/experimental/output.py), whose `training_iteration` is the step of the others. Where Lightning has several data loaders, each has a
 * column, or a table; in its loggers `/dataloader_idx_N` is behind the names then. A cell may go on in the next line; a name that is cut is none.
 * Also tables of a program's own with a row a step or epoch (rich/table.py): `┃ Epoch ┃ Loss   ┃`, then `│ 1     │ 2.5000 │`. Where one is drawn again and
 * again (rich/live.py), what rows told before is not told again.
 */
import type { FactBody } from '../core/fact.ts';
import { canonicalName, isMetricName } from './canonical.ts';
import { namesMeasure } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { linesBelow } from './reader.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf } from './stated.ts';

const lineMax = 1024;
const rowsMax = 512;
const lightning =
  /^\s{0,200}(?:(?:Validate|Test|Runningstage\.\w{1,24}) )?metric\s{1,200}(?:DataLoader \d{1,4}\s{0,200}){1,16}$/;
const ray = /^Trial \S{1,100} result$/;

export const boxTableReader: FactReader = {
  format: 'Lightning, Ray Tune',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isDrawn(line),
  matches: ({ line }) => isDrawn(line),
  read({ event, line }, context) {
    const first = line.charAt(0);
    if (first === '─') return readPlain(linesBelow(event), context);
    if ('╭┌┏'.includes(first)) {
      context.box = { kind: '', rows: [] };
      delete context.tabled;
    } else if ('╰└┗'.includes(first)) return endBox(context);
    else if ('│┃'.includes(first) && context.box !== undefined) return takeRow(line, context.box, context);
    return [];
  },
};

/** A table that a terminal shows, and that is drawn again. */
export const shownTableReader: FactReader = {
  format: 'rich',
  kinds: ['progress'],
  matches: ({ event: { message } }) => message.includes('┃') && message.includes('\n'),
  read({ event }, context) {
    const before = context.tabled;
    const rows = event.message.split('\n', rowsMax).filter((row) => isDrawn(row));
    const facts = rows.flatMap((row): FactBody[] => {
      if ('╭┌┏'.includes(row.charAt(0))) context.box = { kind: '', rows: [] };
      else if ('│┃'.includes(row.charAt(0)) && context.box !== undefined)
        return takeRow(row, context.box, context);
      return [];
    });
    delete context.box;
    return context.tabled === before ? null : facts;
  },
};

const drawn = /^[─╭┌┏│┃╰└┗]/;

function isDrawn(line: string): boolean {
  return line.length <= lineMax && drawn.test(line);
}

type Box = NonNullable<TrainContext['box']>;

/** What the row tells, if it need not wait for the end of its table. */
function takeRow(line: string, box: Box, context: TrainContext): FactBody[] {
  const drawn = line.split(/[│┃]/).slice(1, -1);
  const cells = drawn.map((cell) => cell.trim());
  const text = cells.join('  ');
  if (box.columns !== undefined) return countedRow(cells, box.columns, context);
  if (box.kind === '' && box.rows.length === 0 && isCounted(cells)) context.box = { ...box, columns: cells };
  else if (lightning.test(text)) context.box = { ...box, kind: 'lightning', loaders: loadersIn(text) };
  else if (ray.test(text)) context.box = { ...box, kind: 'ray' };
  else if (box.kind === 'ray') context.box = withRow(box, text.split(/ {2,}/, 3));
  else if (box.kind === 'lightning') {
    const { rows, full = [] } = box;
    const before = rows.at(-1);
    // The row before goes on below the cells that it fills.
    const goesOn = cells.includes('') && cells.every((cell, i) => cell === '' || full[i] === true);
    const next =
      before !== undefined && goesOn
        ? { ...box, rows: [...rows.slice(0, -1), before.map((cell, i) => cell + (cells[i] ?? ''))] }
        : withRow(box, cells);
    context.box = { ...next, full: drawn.map((cell, i) => (cells[i] ?? '').length >= cell.length - 2) };
  } else context.box = { ...box, rows: [cells] };
  return [];
}

const counter = /^(?:epoch|step|iter|iteration)$/i;

function isCounted(cells: readonly string[]): boolean {
  return cells.some((cell) => counter.test(cell)) && cells.some(namesMeasure);
}

/** The row of a step, if none was told that is as late. */
function countedRow(cells: readonly string[], columns: readonly string[], context: TrainContext): FactBody[] {
  const at = columns.findIndex((column) => counter.test(column));
  const step = /^(\d{1,12})(?:\/\d{1,12})?$/.exec(cells[at] ?? '')?.[1];
  if (step === undefined || cells.length !== columns.length) return [];
  const head = columns.join('|');
  const { tabled } = context;
  if (tabled?.head === head && Number(step) <= tabled.step) return [];
  const pairs = columns.flatMap((name, i): [string, string][] =>
    i === at || !isMetricName(name) ? [] : [[name, (cells[i] ?? '').replace(/%$/, '')]],
  );
  const facts = pointsOf(pairs, Number(step), false);
  if (facts.length > 0) context.tabled = { head, step: Number(step) };
  return facts;
}

function withRow(box: Box, cells: string[]): Box {
  return box.rows.length < rowsMax ? { ...box, rows: [...box.rows, cells] } : box;
}

function endBox(context: TrainContext): FactBody[] {
  const { kind, rows, loaders = [] } = context.box ?? { kind: '', rows: [] };
  delete context.box;
  if (kind === 'lightning') return rows.flatMap((cells) => resultsOf(cells, loaders));
  const pairs = rows.flatMap(([name = '', value = '', ...more]): [string, string][] =>
    more.length > 0 || value === '' ? [] : [[name, value]],
  );
  const iteration = readNumber(pairs.find(([name]) => name === 'training_iteration')?.[1] ?? '');
  if (iteration === null) return [];
  return pointsOf(
    pairs.filter(([name]) => namesMeasure(name) || canonicalName(name) !== null),
    iteration,
    false,
  );
}

/** What stands below a rule, as rows that are indented belong to it: Lightning's header, or the rows that a rule parts from it. */
function readPlain(text: string, context: TrainContext): FactBody[] {
  const isHead = lightning.test(text);
  const { kind, loaders = [] } = context.box ?? {};
  delete context.box;
  if (isHead) context.box = { kind: 'lightning', rows: [], loaders: loadersIn(text) };
  if (kind !== 'lightning') return [];
  return text.split('\n', rowsMax).flatMap((row) => {
    const cells = row.trim().split(/ {2,}/, loaders.length + 2);
    return cells.length === loaders.length + 1 ? resultsOf(cells, loaders) : [];
  });
}

function loadersIn(header: string): number[] {
  return Array.from(header.matchAll(/DataLoader (\d{1,4})/g), ([, number]) => Number(number));
}

/** The name of a metric, and its value of each data loader. */
function resultsOf([name = '', ...values]: readonly string[], loaders: readonly number[]): FactBody[] {
  if (!/^[^\s:]\S{0,200}$/.test(name) || name.endsWith('…')) return [];
  const isOne = loaders.length < 2 && (loaders[0] ?? 0) === 0;
  return pointsOf(
    values.map((value, i) => [isOne ? name : `${name}/dataloader_idx_${loaders[i]}`, value]),
    null,
    false,
  );
}
