/**
 * ParlAI's reports, tables that pandas prints (utils/misc.py, nice_report; versions 1.0 to 1.7): below `12:00:00 | time:120s total_exs:12800 total_steps:100
 * epochs:0.10 …` of the training, and below `12:10:10 | valid:` and `test:`. Names stand above their values, flush right; a table that is wider than the
 * terminal goes on below. Of several tasks only the row of `all` is read. The step is the number of updates, and without it that of parleys.
 */
import type { FactBody } from '../core/fact.ts';
import { isMetricName } from './canonical.ts';
import { readNumber } from './numbers.ts';
import { linesBelow } from './reader.ts';
import type { FactReader } from './reader.ts';
import { pointsOf } from './stated.ts';

const lineMax = 1024;
const rowsMax = 256;
const training = /\| time:\d{1,9}s total_exs:\d{1,12} total_steps:(\d{1,12})\b/;
const evaluation = /^\d{2}:\d{2}:\d{2} \| (?:valid|test):$/;
const updates = 'total_train_updates';
const noMetrics = /^(?:exs|gpu_mem|total_train_updates)$/;

export const parlaiReader: FactReader = {
  format: 'ParlAI',
  kinds: ['line'],
  mayMatchLine: () => false,
  matches: ({ event, line }) =>
    event.message.includes('\n ') && line.length <= lineMax && (training.test(line) || evaluation.test(line)),
  read({ event, line }) {
    const cells = cellsIn(linesBelow(event));
    const step = readNumber(cells.get(updates) ?? training.exec(line)?.[1] ?? '');
    return facts(cells, step, evaluation.test(line));
  },
};

function facts(cells: ReadonlyMap<string, string>, step: number | null, isValidation: boolean): FactBody[] {
  const metrics = [...cells].filter(([name]) => isMetricName(name) && !noMetrics.test(name));
  return pointsOf(metrics, step, isValidation);
}

interface Cell {
  text: string;
  end: number;
}

/** The values by the names that end where they do. */
function cellsIn(table: string): Map<string, string> {
  const cells = new Map<string, string>();
  let header: readonly Cell[] = [];
  for (const row of table.split('\n', rowsMax)) {
    const found = wordsOf(row);
    if (found.every(({ text }) => readNumber(text) === null)) {
      header = found;
      continue;
    }
    const [first] = found;
    const isTask = first !== undefined && readNumber(first.text) === null;
    if (isTask && first.text !== 'all') continue;
    for (const { text, end } of found) {
      const name = header.find((cell) => cell.end === end)?.text;
      if (name !== undefined && readNumber(text) !== null && !cells.has(name)) cells.set(name, text);
    }
  }
  return cells;
}

function wordsOf(row: string): Cell[] {
  return row.length > lineMax
    ? []
    : Array.from(row.matchAll(/\S+/g), ({ 0: text, index }) => ({ text, end: index + text.length }));
}
