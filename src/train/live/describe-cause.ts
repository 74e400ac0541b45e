/** An incident as it is stored, from a cause as the rules find it; and which stored one is about the same. Pure. */
import { incidentId } from '../../core/ids.ts';
import type { Incident, IncidentEvidence } from '../../core/incident.ts';
import type { Observation } from '../incidents/attempt-record.ts';
import type { Cause } from '../incidents/cause.ts';
import type { AttemptVerdict } from '../incidents/judge.ts';

export interface FoundCause {
  attempt: number;
  cause: Cause;
  /** Other failures of the same attempt. */
  others: readonly Cause[];
}

const alsoMax = 8;
const ranksMax = 1_024;

/** The first cause of an attempt with its other failures, and each warning. */
export function foundIn({ attempt, causes }: AttemptVerdict): FoundCause[] {
  const [root, ...others] = causes.filter(({ role }) => role === 'root');
  const warnings = causes.filter(({ role }) => role === 'warning');
  return [
    ...(root === undefined ? [] : [{ attempt, cause: root, others }]),
    ...warnings.map((cause) => ({ attempt, cause, others: [] })),
  ];
}

export type Description = Omit<Incident, 'id' | 'run' | 'opened' | 'resolved' | 'resolution' | 'told'>;

/** `streamOf`: the stream that holds the bytes of a fact. */
export function describeCause(
  { attempt, cause, others }: FoundCause,
  streamOf: (fact: Observation) => string,
): Description {
  const place = (fact: Observation): IncidentEvidence => ({
    path: fact.path,
    stream: streamOf(fact),
    start: fact.start,
    end: fact.end,
    message: fact.message,
    rank: fact.rank,
    time: fact.time,
  });
  return {
    attempt,
    rank: cause.rank,
    ranks: cause.ranks.slice(0, ranksMax),
    class: cause.class,
    role: cause.role,
    message: cause.message,
    time: cause.time,
    details: cause.details,
    evidence: cause.evidence.map(place),
    echo: cause.echo.map(({ class: name, ranks, message, evidence }) => ({
      class: name,
      ranks: ranks.slice(0, ranksMax),
      message,
      evidence: place(evidence),
    })),
    also: others.slice(0, alsoMax).map(({ class: name, rank, message }) => ({ class: name, rank, message })),
  };
}

export function idOf(run: string, { attempt, cause }: FoundCause): string {
  return incidentId(run, attempt, cause.class, cause.evidence[0]?.event ?? cause.message);
}

/**
 * To each cause the stored incident that is about it: by id, else by shared evidence, else by its rank. Open ones come first, and each is
 * about one cause.
 */
export function matches(
  run: string,
  found: readonly FoundCause[],
  stored: readonly Incident[],
): Map<FoundCause, Incident> {
  const matched = new Map<FoundCause, Incident>();
  const free = new Set(stored.toSorted((a, b) => Number(a.resolved !== null) - Number(b.resolved !== null)));
  const isAlike: ((each: FoundCause, incident: Incident) => boolean)[] = [
    (each, { id }) => id === idOf(run, each),
    ({ cause }, { evidence }) => {
      const places = new Set(cause.evidence.map(placeKey));
      return evidence.some((place) => places.has(placeKey(place)));
    },
    ({ cause }, { rank }) => rank === cause.rank,
  ];
  for (const alike of isAlike)
    for (const each of found) {
      if (matched.has(each)) continue;
      for (const incident of free) {
        if (!isOfKind(each, incident) || !alike(each, incident)) continue;
        matched.set(each, incident);
        free.delete(incident);
        break;
      }
    }
  return matched;
}

function isOfKind({ attempt, cause }: FoundCause, incident: Incident): boolean {
  return incident.attempt === attempt && incident.class === cause.class && incident.role === cause.role;
}

/** A rewritten file has another stream in each of its states: a place is where in the file. */
function placeKey({ path, start }: { path: string; start: number }): string {
  return `${start} ${path}`;
}

/** Whether both say the same. */
export function isSame(a: Incident, b: Incident): boolean {
  return JSON.stringify(said(a)) === JSON.stringify(said(b));
}

function said(incident: Incident): unknown[] {
  const { rank, ranks, message, evidence, echo, also, resolved, resolution } = incident;
  return [rank, ranks, message, evidence, echo, also, resolved, resolution];
}
