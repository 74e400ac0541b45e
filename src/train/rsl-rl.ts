/**
 * RSL-RL's console (rsl_rl/utils/logger.py; runners/on_policy_runner.py before version 3), as Isaac Lab and legged_gym print it: below a rule of `#` and
 * `Learning iteration 12/1500`, the step, rows that end at one column, `Mean reward: -3.21`, `Value function loss: 0.0123`, `Computation: 5123 steps/s
 * (…)`, up to a rule of `-`. As the rows are not indented alike, they are several events.
 */
import { readNumber } from './numbers.ts';
import { pointsOf } from './stated.ts';
import type { FactReader } from './reader.ts';

const head = /^#{40,200}\n\s{0,80}Learning iteration (\d{1,12})\/\d{1,12}\s{0,80}$/;
const end = /^-{40,200}(?:\n|$)/;
const row = /^\s{2,60}([A-Za-z][\w./() -]{0,80}?): (\S{1,40})(?: steps\/s\b.{0,100})?\s{0,4}$/;
const rowsMax = 64;
const rowMax = 256;

export const rslReader: FactReader = {
  format: 'RSL-RL',
  kinds: ['line'],
  mayMatchLine: ({ line }) => line.startsWith('---') || row.test(line.slice(0, rowMax)),
  matches: ({ event: { message } }) =>
    message.startsWith('  ') ||
    message.startsWith('---') ||
    (message.startsWith('###') && head.test(message)),
  read({ event: { message } }, context) {
    const begun = head.exec(message)?.[1];
    if (begun !== undefined) {
      context.iteration = Number(begun);
      return [];
    }
    const { iteration } = context;
    if (iteration === undefined) return null;
    if (end.test(message)) {
      delete context.iteration;
      return [];
    }
    const rows = message.split('\n', rowsMax).map((line) => row.exec(line.slice(0, rowMax)));
    if (rows.includes(null)) return null;
    const stated = rows.flatMap((found): [name: string, text: string][] => {
      const [, name = '', text = ''] = found ?? [];
      // How many steps there were in all is no measure, and a time has its unit.
      return name.startsWith('Total ') || readNumber(text) === null ? [] : [[name, text]];
    });
    return pointsOf(stated, iteration, false);
  },
};
