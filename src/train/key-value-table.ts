/**
 * Tables of names and values between two rules: stable-baselines3 (common/logger.py, HumanOutputFormat), where a row `| train/ | |` names what
 * the indented rows below it belong to, and OpenAI's baselines before it, also in guided-diffusion (logger.py), where it is `step`. The step is `time/total_timesteps`, which is not the first row: so
 * the points are those of the rule that ends the table.
 */
import type { FactBody } from '../core/fact.ts';
import { readNumber } from './numbers.ts';
import { printedPoint } from './reader.ts';
import type { FactReader, TrainContext } from './reader.ts';

const rule = /^-{16,200}$/;
const row = /^\|( {1,12})([\w./@-]{1,100}) {0,100}\| ?(\S{0,40}) {0,100}\|$/;
const rowsMax = 256;
const stepNames = [/^(?:(?:time|misc)\/)?total_timesteps$/, /^(?:global_)?step$/];

export const keyValueTableReader: FactReader = {
  format: 'stable-baselines3',
  kinds: ['line'],
  mayMatchLine: ({ line }) => isOfTable(line),
  matches: ({ line }) => isOfTable(line),
  read({ line }, context) {
    if (!line.startsWith('|')) return endTable(context);
    if (context.table === undefined) return null;
    const [, indent = '', name = '', text = ''] = row.exec(line) ?? [];
    const table = { ...context.table };
    if (name.endsWith('/') && text === '') table.section = name;
    else if (table.rows.length < rowsMax)
      table.rows = [...table.rows, [indent.length > 1 ? table.section + name : name, text]];
    context.table = table;
    return [];
  },
};

function isOfTable(line: string): boolean {
  return line.startsWith('| ') ? row.test(line) : rule.test(line);
}

function endTable(context: TrainContext): FactBody[] {
  const rows = context.table?.rows ?? [];
  // A rule may end one table and begin the next.
  context.table = { section: '', rows: [] };
  const counted = stepNames.map((pattern) => rows.find(([name]) => pattern.test(name))).find(Boolean);
  const step = readNumber(counted?.[1] ?? '');
  if (step === null) return [];
  return rows.flatMap(([name, text]) => {
    const value = readNumber(text);
    return value === null || isClock(name) || name === counted?.[0]
      ? []
      : [printedPoint(step, name, value, text)];
  });
}

/** Counts and times; of them the rate at which steps are made is a measure. */
function isClock(name: string): boolean {
  return name.startsWith('time/') && name !== 'time/fps';
}
