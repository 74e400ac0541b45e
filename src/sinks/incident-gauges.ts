/** `caboose_incident_active`: a series for each open incident, as long as it is open and this process leads. */
import type { Incident } from '../core/incident.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { labelValue } from './gauge-naming.ts';

/** An incident beyond has no series; it is in the index all the same. */
const seriesMax = 1_000;

export class IncidentGauges {
  readonly #gauge: Metrics['incidentActive'];
  /** Ids of the open incidents behind each series. */
  readonly #series = new Map<string, Set<string>>();

  constructor({ incidentActive }: Pick<Metrics, 'incidentActive'>) {
    this.#gauge = incidentActive;
  }

  show({ id, run, attempt, rank, class: name, role, resolved }: Incident): void {
    const labels = {
      run: labelValue(run),
      attempt: String(attempt),
      rank: String(rank ?? ''),
      class: labelValue(name),
      role,
    };
    const key = JSON.stringify(labels);
    // Its rank may be another one now.
    for (const [other, ids] of this.#series)
      if (other !== key || resolved !== null) this.#drop(other, ids, id);
    if (resolved !== null) return;
    const ids = this.#series.get(key) ?? new Set();
    if (ids.size === 0 && this.#series.size >= seriesMax) return;
    this.#series.set(key, ids.add(id));
    this.#gauge.set(labels, 1);
  }

  clear(): void {
    this.#series.clear();
    this.#gauge.reset();
  }

  #drop(key: string, ids: Set<string>, id: string): void {
    if (!ids.delete(id) || ids.size > 0) return;
    this.#series.delete(key);
    this.#gauge.remove(JSON.parse(key) as Record<'run' | 'attempt' | 'rank' | 'class' | 'role', string>);
  }
}
