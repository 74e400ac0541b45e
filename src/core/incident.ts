/** The leader's verdict on a run. */
export interface Incident {
  /** hash(run, attempt, class, first evidence) */
  id: string;
  run: string;
  attempt: number;
  rank: number | null;
  class: string;
  role: 'root' | 'warning';
  message: string;
  evidence: readonly { path: string; stream: string; start: number; end: number }[];
  /** ms since epoch */
  opened: number;
  resolved: number | null;
}

/** An incident as it is stored: under the fencing token of the leader that wrote it. */
export interface IncidentDocument extends Incident {
  token: number;
}
