import type { Config, Route } from '../../config/schema.ts';
import type { Origin } from '../../core/segment.ts';
import { fileMatcher } from './file-matcher.ts';

/** Where a stream goes; absent: where all go that no route speaks of. */
export type Destination = Pick<Route, 'topicPrefix' | 'indexPrefix'>;

/**
 * What `routes` say of a stream: the first that fits. A function of what travels in the header of every segment, so that agent, indexer and
 * replay come to the same. It is asked once a stream, when it begins; agent and index remember the answer.
 */
export function router(routes: readonly Route[]): (origin: Pick<Origin, 'path' | 'labels'>) => Destination {
  const rules = routes.map(({ when: { path, labels = {} }, topicPrefix, indexPrefix }) => ({
    matchesPath: path === undefined ? () => true : fileMatcher([path]),
    labels: Object.entries(labels),
    destination: {
      ...(topicPrefix !== undefined && { topicPrefix }),
      ...(indexPrefix !== undefined && { indexPrefix }),
    },
  }));
  return ({ path, labels }) => {
    const fits = rules.find(
      (rule) => rule.matchesPath(path) && rule.labels.every(([name, value]) => labels[name] === value),
    );
    return fits?.destination ?? {};
  };
}

/** All that the routes name, each once. */
export function routedPrefixes({ routes }: Config, key: keyof Destination): string[] {
  return [...new Set(routes.flatMap((route) => route[key] ?? []))];
}
