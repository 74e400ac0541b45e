import type { ObservationDetails } from './fact.ts';

/** A text that tells of it. */
export interface IncidentEvidence {
  path: string;
  stream: string;
  start: number;
  end: number;
  /** One line for people. Absent, as the next two, in incidents that were stored before they had it. */
  message?: string;
  rank?: number | null;
  /** ms since epoch */
  time?: number;
}

/** What followed from it on other ranks. */
export interface IncidentEcho {
  class: string;
  /** Of those that are known. */
  ranks: readonly number[];
  message: string;
  evidence: IncidentEvidence;
}

/**
 * - `superseded`: another first cause was found, `supersededBy`;
 * - `recovered`: the run went on, came to its end, or the trouble passed;
 * - `restarted`: a later attempt has begun;
 * - `ended`: nothing was heard of the run for long.
 */
export type Resolution = 'superseded' | 'recovered' | 'restarted' | 'ended';

/** The leader's verdict on a run. What may be absent is so in incidents that were stored before they had it. */
export interface Incident {
  /** hash(run, attempt, class, first evidence) */
  id: string;
  run: string;
  attempt: number;
  rank: number | null;
  /** All ranks on which it happened. */
  ranks?: readonly number[];
  class: string;
  role: 'root' | 'warning';
  message: string;
  evidence: readonly IncidentEvidence[];
  echo?: readonly IncidentEcho[];
  /** Other failures of the same attempt, which came later or weigh less. */
  also?: readonly { class: string; rank: number | null; message: string }[];
  details?: ObservationDetails;
  /** ms since epoch: when it happened. */
  time?: number;
  /** ms since epoch: when it was stated. */
  opened: number;
  resolved: number | null;
  resolution?: Resolution;
  supersededBy?: string;
  /** Which states a webhook has been told of. */
  told?: readonly IncidentState[];
}

export type IncidentState = 'opened' | 'resolved';

/** An incident as it is stored: under the fencing token of the leader that wrote it. */
export interface IncidentDocument extends Incident {
  token: number;
}

export function isOpen({ resolved }: Pick<Incident, 'resolved'>): boolean {
  return resolved === null;
}

/** Open ones first, failures before warnings, each newest first: the first one is what to tell of a run. */
export function sortedIncidents<T extends Incident>(incidents: readonly T[]): T[] {
  return incidents.toSorted(
    (a, b) =>
      Number(isOpen(b)) - Number(isOpen(a)) ||
      Number(a.role === 'warning') - Number(b.role === 'warning') ||
      b.opened - a.opened,
  );
}
