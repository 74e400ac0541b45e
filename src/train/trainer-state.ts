/**
 * The entries of `log_history` in Hugging Face's trainer_state.json (transformers/trainer_callback.py): each has its `step`, and every
 * other number in it was logged as a metric, timings of an evaluation too. A bare NaN is legal there.
 */
import type { FactBody } from '../core/fact.ts';
import { isStepName } from './canonical.ts';
import { readStep } from './numbers.ts';
import { point } from './reader.ts';
import type { FactReader } from './reader.ts';

export const trainerStateReader: FactReader = {
  format: 'trainer_state.json',
  kinds: ['record'],
  matches: ({ event }) =>
    event.version !== undefined &&
    event.fields !== undefined &&
    event.origin.path.endsWith('trainer_state.json') &&
    readStep(event.fields['step']) !== null,
  read({ event }) {
    const fields = event.fields ?? {};
    const step = readStep(fields['step']);
    const facts: FactBody[] = [];
    for (const name in fields) {
      const value = fields[name];
      if (typeof value === 'number' && name !== 'epoch' && !isStepName(name))
        facts.push(point(step, name, value));
    }
    return facts;
  },
};
