/**
 * What a W&B run has logged: the history in the records of its log (events/wandb.ts). Names with `_` in front are W&B's own. A summary,
 * there as in wandb-summary.json, says again what the history says, and states no point.
 */
import type { FactBody } from '../core/fact.ts';
import { numberFromJson } from '../core/fact.ts';
import { readStep } from './numbers.ts';
import { point } from './reader.ts';
import type { FactReader, OriginReader } from './reader.ts';

const summaryName = /(?:^|\/)wandb-summary\.json$/;
const depthMax = 8;
const pointsMax = 4096;

export const wandbReader: FactReader = {
  format: 'W&B',
  kinds: ['record'],
  matches: ({ event }) => event.format === 'wandb',
  read({ event }) {
    const { record, step, values } = event.fields ?? {};
    const facts: FactBody[] = [];
    if (record === 'history') collect(values, '', readStep(step), facts, 0);
    return facts;
  },
};

export const wandbSummaryReader: OriginReader = {
  format: "W&B's summary",
  knows: ({ path }) => summaryName.test(path),
  read: () => [],
};

/** Names within a name are joined with `.`, as W&B shows them; an image or a table, which has a `_type`, is no metric. */
function collect(
  values: unknown,
  prefix: string,
  step: number | null,
  facts: FactBody[],
  depth: number,
): void {
  if (typeof values !== 'object' || values === null || Array.isArray(values)) return;
  if ('_type' in values || depth > depthMax) return;
  for (const [name, value] of Object.entries(values)) {
    if (facts.length >= pointsMax) return;
    if (depth === 0 && name.startsWith('_')) continue;
    const number = numberFromJson(value);
    if (number !== null) facts.push(point(step, prefix + name, number));
    else collect(value, `${prefix}${name}.`, step, facts, depth + 1);
  }
}
