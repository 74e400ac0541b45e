/** What an event says about training. */
export interface FactBase {
  /** Event id, a dash, the ordinal within the event. Readers drop the ids that they have. */
  id: string;
  event: string;
  run: string;
  attempt: number;
  rank: number | null;
  /** Absent in facts that were stored before they had it. */
  host?: string;
  stream: string;
  path: string;
  /** Byte range of the event in its stream. */
  start: number;
  end: number;
  /** ms since epoch: the event's time. */
  time: number;
  /** ms since epoch: of the segment in which the event starts; chooses the dated index. */
  observed: number;
  /** Of the event, if it has one. */
  version?: number;
  /**
   * The event may yet grow: what it says may be another thing then. ms since epoch: when the last of it was observed. Holds until the
   * facts of the closed event come, or later ones of the same stream and rank. Only in the log of facts.
   */
  openAt?: number;
}

export interface PointBody {
  kind: 'point';
  step: number | null;
  /** The last step that the run will make, where the text tells it. */
  total?: number;
  /** As the source writes it. */
  name: string;
  /** `loss`, `learning_rate` … (train/canonical.ts), or null if the name has no canonical one. */
  canonical: string | null;
  /** May be NaN or an infinity. */
  value: number;
  /**
   * Of a value that was printed: digits behind the decimal point, negative where not even the ones are told (`1.9e4`: -3). Absent: a number of a
   * file, as it was written.
   */
  decimals?: number;
  /** How often the steps of its stream have begun anew before (train/restarts.ts); absent: never. A reader says 0 of steps in any order. */
  restart?: number;
  /** ms since epoch: in place of the event's, where the source states the point's own. */
  time?: number;
}

export interface ProgressBody {
  kind: 'progress';
  step: number;
  total: number | null;
  /** Steps per second. */
  rate: number | null;
  /** How long it will still take, where the bar says so. */
  etaMs?: number;
  /** What the bar says in front, if anything. */
  label: string | null;
}

/**
 * - `root`: may be what went wrong;
 * - `cascade`: the effect of another process's trouble;
 * - `evidence`: helps to tell which, and how it ended;
 * - `warning`: to be known, no failure by itself.
 */
export type ObservationRole = 'root' | 'cascade' | 'evidence' | 'warning';

/** A text that tells of a failure. What it means is the incident rules' to say, over all ranks. */
export interface ObservationBody {
  kind: 'observation';
  /** See train/observations/signatures.ts. */
  class: string;
  role: ObservationRole;
  /** One line for people. */
  message: string;
  details?: ObservationDetails;
}

/** What the text says beside, where it does. */
export interface ObservationDetails {
  /** `sure`: the process has ended. `likely`: an exception that nothing caught. Absent: it may have gone on. */
  end?: 'sure' | 'likely';
  /** The rank that names itself in the text, where neither prefix nor file name one. */
  writer?: number;
  /** The ranks that the text speaks of, where these are others than the one that wrote it. */
  ranks?: number[];
  exception?: string;
  pid?: number;
  exitCode?: number;
  signal?: number;
  /** A collective operation: its number, name, time limit and how long it ran. */
  sequence?: number;
  operation?: string;
  timeoutMs?: number;
  ranMs?: number;
  /** Numbers of the last collective operations of a rank. */
  enqueued?: number;
  completed?: number;
  /** The machine that the text speaks of. */
  host?: string;
  /** A PCI address or an index. */
  gpu?: string;
  xid?: number;
  /** Steps that were not taken. */
  skipped?: number;
  /** ms since epoch: where the text has no time of its own, the last time that its stream told before. */
  since?: number;
}

export interface LifecycleBody {
  kind: 'lifecycle';
  state: 'started' | 'finished' | 'failed';
}

/** Work of a run besides its steps, in which no step is to be expected. `init` is also the loading of a checkpoint. */
export type PhaseName = 'init' | 'compile' | 'eval' | 'checkpoint';

export interface PhaseBody {
  kind: 'phase';
  phase: PhaseName;
  state: 'begins' | 'ends';
  /** That the text names, if it does. */
  step: number | null;
}

export type FactBody = PointBody | ProgressBody | ObservationBody | LifecycleBody | PhaseBody;
export type Fact = FactBase & FactBody;
export type PointFact = FactBase & PointBody;

/** JSON has no NaN and no infinities; Caboose writes them as these texts, everywhere. */
export function numberToJson(value: number): number | 'NaN' | 'Infinity' | '-Infinity' {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'Infinity' : '-Infinity';
}

/** A value as JSON text, its numbers by numberToJson. */
export function jsonText(value: object): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'number' ? numberToJson(each) : each));
}

/** The inverse of numberToJson; null for anything else. */
export function numberFromJson(value: unknown): number | null {
  if (typeof value === 'number') return value;
  if (value === 'NaN') return NaN;
  if (value === 'Infinity') return Infinity;
  return value === '-Infinity' ? -Infinity : null;
}
