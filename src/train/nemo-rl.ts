/**
 * NeMo-RL's console (nemo_rl/algorithms: grpo.py, sft.py, dpo.py): a rule with `Step 3/100` in it, and later `📊 Training Results:` or `📊 Validation
 * Results:` with a bullet for each number below, `  • Loss: 0.0123`. Times have a unit and are none of them.
 */
import { readNumber } from './numbers.ts';
import { linesBelow } from './reader.ts';
import type { FactReader } from './reader.ts';
import { pointsOf } from './stated.ts';

const head = /^={10,80} Step (\d{1,12})\/\d{1,12} ={10,80}\s{0,4}$/;
const results = /^📊 (Training|Validation) Results:$/u;
const row = /^\s{1,8}• ([A-Za-z][\w ./()-]{0,80}): (\S{1,40})\s{0,4}$/;
const rowsMax = 64;
const rowMax = 256;

export const nemoReader: FactReader = {
  format: 'NeMo-RL',
  kinds: ['line'],
  mayMatchLine: ({ line }) => head.test(line),
  matches: ({ line }) => head.test(line) || results.test(line),
  read({ event, line }, context) {
    const begun = head.exec(line)?.[1];
    if (begun !== undefined) {
      context.round = Number(begun);
      return [];
    }
    const { round = null } = context;
    const stated = linesBelow(event)
      .split('\n', rowsMax)
      .flatMap((text): [name: string, text: string][] => {
        const [, name = '', value = ''] = row.exec(text.slice(0, rowMax)) ?? [];
        return readNumber(value) === null ? [] : [[name, value]];
      });
    return pointsOf(stated, round, results.exec(line)?.[1] === 'Validation');
  },
};
