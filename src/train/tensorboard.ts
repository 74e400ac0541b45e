/** The scalars of a record of a TensorBoard event file (events/tfevents.ts): every tag was written as a metric, whatever its name. */
import type { FactBody } from '../core/fact.ts';
import { readStep } from './numbers.ts';
import { point } from './reader.ts';
import type { FactReader } from './reader.ts';

export const tensorboardReader: FactReader = {
  format: 'TensorBoard',
  kinds: ['record'],
  matches: ({ event }) => event.format === 'tfevents',
  read({ event }) {
    const { step, scalars } = event.fields ?? {};
    const facts: FactBody[] = [];
    for (const [tag, value] of Object.entries(scalars ?? {}))
      if (typeof value === 'number') facts.push(point(readStep(step), tag, value));
    return facts;
  },
};
