/**
 * Samples of resource usage travel as streams of their own: JSON lines, a sample each, that an agent writes about the machine and ships like
 * any file. Their origin carries a label, so that nobody takes them for lines of a log:
 *
 *     {"time":"2026-11-26T04:40:15.000Z","container":{"cpu_cores":3.1},"gpu":{"0":{"utilization_ratio":0.97}}}
 *
 * A number that a group holds is a measure of the whole; a group of several devices holds an object for each. See src/resources/ for the
 * writer, train/resources.ts for the reader, docs/METRICS.md for the measures.
 */
import type { PointBody } from './fact.ts';
import type { Origin } from './segment.ts';

/** Labels that begin like this are Caboose's own; `source.labels` may hold none. */
export const ownLabelPrefix = 'caboose.';
export const kindLabel = `${ownLabelPrefix}kind`;
export const resourcesKind = 'resources';

/** Whether a stream is made of samples of resource usage, not of a user's bytes. */
export function holdsResources({ labels }: Pick<Origin, 'labels'>): boolean {
  return labels[kindLabel] === resourcesKind;
}

const prefix = 'resource.';

/** The measures of one device are one list; of a whole, `device` is null. Name and canonical name of a measure. */
export function resourceNames(
  group: string,
  device: string | null,
  measure: string,
): { name: string; canonical: string } {
  const canonical = `${prefix}${group}.${measure}`;
  return { canonical, name: device === null ? canonical : `${prefix}${group}.${device}.${measure}` };
}

/** Whether a point is a measure of resources. Only the canonical name says so: a trainer may call a metric of its own `resource.…`. */
export function isResource({ canonical }: Pick<PointBody, 'canonical'>): boolean {
  return canonical?.startsWith(prefix) === true;
}

/** Which GPU, port, disk or interface a measure is of: what the name has beyond the canonical one; null for a whole. */
export function deviceOf({ name, canonical }: Pick<PointBody, 'name' | 'canonical'>): string | null {
  if (canonical === null || name === canonical || !canonical.startsWith(prefix)) return null;
  const groupEnd = canonical.indexOf('.', prefix.length);
  return name.slice(groupEnd + 1, name.length - (canonical.length - groupEnd));
}

/** `gpu`, `machine` …: what a measure is about; null for any other point. */
export function groupOf({ canonical }: Pick<PointBody, 'canonical'>): string | null {
  if (canonical?.startsWith(prefix) !== true) return null;
  return canonical.slice(prefix.length, canonical.indexOf('.', prefix.length));
}
