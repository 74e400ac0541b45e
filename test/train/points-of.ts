import { readFacts } from '../../src/train/read-facts.ts';
import { eventsOf } from '../events/helpers.ts';

/** The points that the events of a text state: step, name, value. */
export function pointsOf(text: string, path = '/logs/train.log'): [number | null, string, number][] {
  let memory: Record<string, unknown> = {};
  return eventsOf(text, { path }).flatMap((event) => {
    const { facts, context } = readFacts(event, memory);
    memory = JSON.parse(JSON.stringify(context)) as Record<string, unknown>;
    return facts.flatMap((fact): [number | null, string, number][] =>
      fact.kind === 'point' ? [[fact.step, fact.name, fact.value]] : [],
    );
  });
}
