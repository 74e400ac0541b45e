/**
 * Tables of names and values in a frame: Lightning's results of `validate` and `test`, drawn by rich (`┃      Test metric      ┃      DataLoader 0      ┃`,
 * loops/evaluation_loop.py) or between two rules of `─` without it, which have no step; and Ray Tune's results of a trial (`│ Trial train_fn_abc12_00000
 * result │`, tune/experimental/output.py), whose `training_iteration` is the step of the others. Where Lightning has several data loaders, each has a
 * column, or a table; in its loggers `/dataloader_idx_N` is behind the names then. A cell may go on in the next line; a name that is cut is none.
 */
import type { FactBody } from '../core/fact.ts';
import { canonicalName } from './canonical.ts';
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
    if ('╭┌┏'.includes(first)) context.box = { kind: '', rows: [] };
    else if ('╰└┗'.includes(first)) return endBox(context);
    else if ('│┃'.includes(first) && context.box !== undefined) takeRow(line, context.box, context);
    return [];
  },
};

const drawn = /^[─╭┌┏│┃╰└┗]/;

function isDrawn(line: string): boolean {
  return line.length <= lineMax && drawn.test(line);
}

type Box = NonNullable<TrainContext['box']>;

function takeRow(line: string, box: Box, context: TrainContext): void {
  const drawn = line.split(/[│┃]/).slice(1, -1);
  const cells = drawn.map((cell) => cell.trim());
  const text = cells.join('  ');
  if (lightning.test(text)) context.box = { ...box, kind: 'lightning', loaders: loadersIn(text) };
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
  }
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
