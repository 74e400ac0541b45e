/**
 * Tables of names and values in a frame: Lightning's results of `validate` and `test`, drawn by rich (`┃      Test metric      ┃      DataLoader 0      ┃`,
 * loops/evaluation_loop.py) or between two rules of `─` without it, which have no step; and Ray Tune's results of a trial (`│ Trial train_fn_abc12_00000
 * result │`, tune/experimental/output.py), whose `training_iteration` is the step of the others. A row may go on over lines where the terminal is
 * narrow: it is left out.
 */
import type { FactBody } from '../core/fact.ts';
import { canonicalName } from './canonical.ts';
import { namesMeasure } from './metric-words.ts';
import { readNumber } from './numbers.ts';
import { linesBelow, printedPoint } from './reader.ts';
import type { FactReader, TrainContext } from './reader.ts';
import { pointsOf } from './stated.ts';

const lineMax = 1024;
const rowsMax = 512;
const lightning =
  /^\s{0,200}(?:Validate|Test|Runningstage\.\w{1,24}) metric\s{1,200}(?:DataLoader \d{1,4}\s{0,200}){1,16}$/;
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
    else if ('│┃'.includes(first) && context.box !== undefined)
      takeRow(line.replaceAll(/[│┃]/g, '  ').trim(), context.box, context);
    return [];
  },
};

const drawn = /^[─╭┌┏│┃╰└┗]/;

function isDrawn(line: string): boolean {
  return line.length <= lineMax && drawn.test(line);
}

function takeRow(text: string, { kind, rows }: Box, context: TrainContext): void {
  if (lightning.test(text)) context.box = { kind: 'lightning', rows };
  else if (ray.test(text)) context.box = { kind: 'ray', rows };
  else if (kind !== '' && rows.length < rowsMax) {
    const cells = text.split(/ {2,}/, 3);
    // The row before goes on: its name or its value is cut.
    if (cells.length === 1 && kind === 'lightning') context.box = { kind, rows: rows.slice(0, -1) };
    if (cells.length === 2) context.box = { kind, rows: [...rows, [cells[0] ?? '', cells[1] ?? '']] };
  }
}

type Box = NonNullable<TrainContext['box']>;

function endBox(context: TrainContext): FactBody[] {
  const { kind, rows } = context.box ?? { kind: '', rows: [] };
  delete context.box;
  if (kind === 'lightning') return pointsOf(rows, null, false);
  const iteration = readNumber(rows.find(([name]) => name === 'training_iteration')?.[1] ?? '');
  if (iteration === null) return [];
  return pointsOf(
    rows.filter(([name]) => namesMeasure(name) || canonicalName(name) !== null),
    iteration,
    false,
  );
}

/** What stands below a rule, as rows that are indented belong to it: Lightning's header, or the rows that a rule parts from it. */
function readPlain(text: string, context: TrainContext): FactBody[] {
  const isHead = lightning.test(text);
  const isBody = context.box?.kind === 'lightning';
  delete context.box;
  if (isHead) context.box = { kind: 'lightning', rows: [] };
  if (!isBody) return [];
  return text.split('\n', rowsMax).flatMap((row) => {
    const [name = '', value = '', more] = row.trim().split(/ {2,}/, 3);
    const number = more === undefined ? readNumber(value) : null;
    return number === null || !/^[\w./-]{1,100}$/.test(name) ? [] : [printedPoint(null, name, number, value)];
  });
}
