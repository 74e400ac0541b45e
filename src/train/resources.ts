/**
 * Samples of resource usage (core/resources.ts): every number is a point without a step, at the sample's time. The groups and measures are
 * what the writer says, so that an older reader takes in what a newer agent has learned to measure.
 */
import type { FactBody } from '../core/fact.ts';
import { holdsResources, resourceNames } from '../core/resources.ts';
import type { OriginReader } from './reader.ts';

/** A machine has some hundred; the bounds hold for whatever comes with the label. */
const pointsMax = 4096;
const nameMax = 64;
const deviceMax = 128;

export const resourceReader: OriginReader = {
  format: 'resource usage',
  knows: holdsResources,
  read({ event }) {
    const facts: FactBody[] = [];
    for (const [group, measures] of Object.entries(event.fields ?? {})) {
      if (!isName(group) || !isObject(measures)) continue;
      for (const [name, value] of Object.entries(measures)) {
        if (typeof value === 'number') take(facts, group, null, name, value);
        else if (isObject(value) && name.length <= deviceMax)
          for (const [measure, each] of Object.entries(value))
            if (typeof each === 'number') take(facts, group, name, measure, each);
      }
    }
    return facts;
  },
};

function take(facts: FactBody[], group: string, device: string | null, measure: string, value: number): void {
  if (!isName(measure) || facts.length >= pointsMax) return;
  facts.push({ kind: 'point', step: null, ...resourceNames(group, device, measure), value });
}

function isName(text: string): boolean {
  return text.length <= nameMax && /^[a-z][a-z0-9_]*$/.test(text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
