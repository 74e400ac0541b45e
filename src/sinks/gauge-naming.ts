/** Which points make gauges, under what names and labels: those of the training, and those of resources. */
import { hash } from 'node:crypto';
import type { PointFact } from '../core/fact.ts';
import { deviceOf, isResource } from '../core/resources.ts';

/** One gauge that a point moves. */
export interface Place {
  /** Behind the prefix. */
  part: string;
  value: number;
  /** Beside run, attempt and rank. */
  labels: Record<string, string>;
}

/** Which points make gauges, and under what names. */
export interface Naming {
  prefix: string;
  /** For people. */
  noun: string;
  takes(fact: PointFact): boolean;
  /** Whose series go together when a later attempt begins, or it falls silent. */
  group(fact: PointFact): string;
  places(fact: PointFact): Place[];
  help(part: string): string;
}

export const trainNaming: Naming = {
  prefix: 'caboose_train_',
  noun: 'training',
  takes: (fact) => !isResource(fact),
  group: ({ rank, run }) => `${rank ?? ''}:${run}`,
  places(fact) {
    const { name, step, value } = fact;
    const canonical = metricPart(fact);
    const place: Place =
      canonical === null
        ? { part: 'value', value, labels: { name: labelValue(name) } }
        : { part: canonical, value, labels: {} };
    return step === null ? [place] : [place, { part: 'step', value: step, labels: {} }];
  },
  help: helpText,
};

export const resourceNaming: Naming = {
  prefix: 'caboose_resource_',
  noun: 'resource',
  takes: isResource,
  group: ({ host, rank, run }) => JSON.stringify([host, rank, run]),
  places(fact) {
    const [, group = '', measure = ''] = fact.canonical?.split('.') ?? [];
    const part = `${group}_${measure}`;
    if (!/^[a-z][a-z0-9_]{0,99}$/.test(part)) return [];
    const labels = { host: labelValue(fact.host ?? ''), device: labelValue(deviceOf(fact) ?? '') };
    return [{ part, value: fact.value, labels }];
  },
  help: (part) => `Last ${part.replaceAll('_', ' ')}.`,
};

/** Names that have a meaning of their own; a canonical name that equals one is shown as `caboose_train_value`. */
const reservedNames: ReadonlySet<string> = new Set(['step', 'value', 'series', 'dropped_points_total']);
const labelLengthMax = 200;

/** The canonical name, if it can stand in a metric's name. */
function metricPart({ canonical }: PointFact): string | null {
  if (canonical === null || reservedNames.has(canonical)) return null;
  return /^[a-z][a-z0-9_]{0,63}$/.test(canonical) ? canonical : null;
}

function helpText(part: string): string {
  if (part === 'step') return 'Highest training step of a point.';
  if (part === 'value') return 'Last value of a training metric that has no name of its own here.';
  return `Last ${part.replaceAll('_', ' ')} of the training.`;
}

/**
 * What a label can hold: well-formed Unicode, no control characters (the exposition is made of UTF-8 lines), a bounded
 * length. A text that had to be changed ends in a digest of the original, so that two texts stay two.
 */
export function labelValue(text: string): string {
  const clean = text
    .slice(0, labelLengthMax)
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, '\uFFFD');
  return clean === text ? text : `${clean}~${hash('sha256', JSON.stringify(text), 'hex').slice(0, 8)}`;
}
