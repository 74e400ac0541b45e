/**
 * The incidents as a leader knows them, and the only way in which they are written: into the index under the leader's token, into the log of
 * incidents, into the gauges, and to the webhook. What an earlier leader has stored is loaded, and what is open of it written again under
 * the new token, so that the earlier one is refused from then on.
 *
 * Every write asks first whether the lease is trusted. A write that the index refuses by its token ends all writing of this tenure.
 *
 * Which states the webhook has been told of is stored in the incident, after the delivery: who leads next tells the rest.
 */
import type { Clock } from '../../core/clock.ts';
import type { EventIndex } from '../../core/event-index.ts';
import { isOpen } from '../../core/incident.ts';
import type { Incident, IncidentDocument, IncidentState } from '../../core/incident.ts';
import type { Tenure } from '../../core/lease.ts';
import type { Logger } from '../../core/logger.ts';
import type { IncidentLog } from '../../core/transport.ts';
import { IncidentGauges } from '../../sinks/incident-gauges.ts';
import type { Delivery } from '../../sinks/webhook.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { adviceFor } from '../../train/incidents/advice.ts';

export interface IncidentBookOptions {
  tenure: Tenure;
  index: EventIndex;
  incidents: IncidentLog;
  /** Resolved ones that are older than this are not remembered, and nobody is told of them. */
  rememberMs: number;
  /** Whether it is told of warnings, too. */
  tellsWarnings: boolean;
  /** Takes what the webhook is to be told; null: there is none. */
  offer: ((delivery: Delivery) => void) | null;
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'incidentActive' | 'incidents'>;
}

/** Of incidents that are remembered; resolved ones go first. */
const rememberedMax = 50_000;

export class IncidentBook {
  readonly #options: IncidentBookOptions;
  readonly #byId = new Map<string, IncidentDocument>();
  readonly #byRun = new Map<string, Set<string>>();
  /** Keys that the webhook was given, in this tenure. */
  readonly #offered = new Set<string>();
  readonly #gauges: IncidentGauges;
  #isRefused = false;
  /** One write after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: IncidentBookOptions) {
    this.#options = options;
    this.#gauges = new IncidentGauges(options.metrics);
  }

  mayAct(): boolean {
    const { tenure } = this.#options;
    return !this.#isRefused && !tenure.signal.aborted && tenure.isTrusted();
  }

  /** Those of an earlier leader. */
  async load(): Promise<void> {
    const { index, clock, rememberMs } = this.#options;
    // What the leader before has written last may not be found yet.
    await index.refresh();
    const oldest = clock.now() - rememberMs;
    for (const incident of await index.incidents())
      if (incident.resolved === null || incident.resolved >= oldest) this.#remember(incident);
    for (const incident of Array.from(this.#byId.values()))
      if (isOpen(incident)) await this.write(incident);
      else this.#tell(incident);
  }

  of(run: string): IncidentDocument[] {
    return [...(this.#byRun.get(run) ?? [])].flatMap((id) => this.#byId.get(id) ?? []);
  }

  /** Runs with open incidents. */
  openRuns(): Set<string> {
    const open = [...this.#byId.values()].filter(isOpen);
    return new Set(open.map(({ run }) => run));
  }

  /** Stores a state of an incident; does nothing when this leader may not act any more. */
  async write(incident: Incident): Promise<void> {
    const writing = this.#last.then(async () => await this.#write(incident));
    this.#last = writing.catch(() => undefined);
    await writing;
  }

  /** The gauges go with the leader. */
  close(): void {
    this.#gauges.clear();
  }

  async #write(incident: Incident): Promise<void> {
    if (!this.mayAct()) return;
    const { index, incidents, tenure, logger, metrics } = this.#options;
    const before = this.#byId.get(incident.id);
    const told = [...new Set([...(before?.told ?? []), ...(incident.told ?? [])])];
    const document: IncidentDocument = {
      ...incident,
      ...(told.length > 0 && { told }),
      token: tenure.token,
    };
    if ((await index.writeIncident(document)) === 'stale') return this.#refuse(document);
    if (!this.mayAct()) return;
    await unlessAborted(incidents.append([document]), tenure.signal);
    this.#remember(document);
    if (before === undefined) metrics.incidents.inc({ class: document.class });
    if (before?.resolved !== document.resolved) {
      const { run, attempt, rank, class: name, message, resolved, resolution } = document;
      const state = resolved === null ? 'opened' : (resolution ?? 'resolved');
      logger.info({ run, attempt, rank, class: name, state, what: message }, 'incident');
    }
    this.#tell(document);
  }

  #refuse({ id }: IncidentDocument): void {
    this.#isRefused = true;
    this.#options.logger.error(
      {
        token: this.#options.tenure.token,
        incident: id,
        hint: 'a newer leader has written it. If this goes on although nobody else leads, ZooKeeper was wiped: see docs/OPERATIONS.md',
      },
      'a write was refused by its fencing token: this leader stops acting',
    );
  }

  #remember(incident: IncidentDocument): void {
    const { id, run } = incident;
    this.#byId.delete(id);
    this.#byId.set(id, incident);
    this.#byRun.set(run, (this.#byRun.get(run) ?? new Set()).add(id));
    this.#gauges.show(incident);
    if (this.#byId.size <= rememberedMax) return;
    const oldest = [...this.#byId.values()].find(({ resolved }) => resolved !== null);
    if (oldest === undefined) return;
    this.#byId.delete(oldest.id);
    const ids = this.#byRun.get(oldest.run);
    ids?.delete(oldest.id);
    if (ids?.size === 0) this.#byRun.delete(oldest.run);
  }

  #tell(incident: IncidentDocument): void {
    const { offer, tellsWarnings, clock, rememberMs } = this.#options;
    const { id, role, opened, resolved, told = [] } = incident;
    if (offer === null || (role !== 'root' && !tellsWarnings) || clock.now() - opened > rememberMs) return;
    const states: IncidentState[] = resolved === null ? ['opened'] : ['opened', 'resolved'];
    for (const state of states) {
      const key = `${id}:${state}`;
      if (told.includes(state) || this.#offered.has(key)) continue;
      this.#offered.add(key);
      offer({ key, body: newsOf(incident, state), onDelivered: async () => await this.#noteTold(id, state) });
    }
  }

  async #noteTold(id: string, state: IncidentState): Promise<void> {
    const incident = this.#byId.get(id);
    if (incident !== undefined) await this.write({ ...incident, told: [...(incident.told ?? []), state] });
  }
}

/** What the webhook is told: the incident, what it means, and what to try. */
function newsOf(
  { token: _token, told: _told, ...incident }: IncidentDocument,
  state: IncidentState,
): unknown {
  const { title, tries } = adviceFor(incident.class, incident.details, incident.message);
  const resolved = state === 'opened' ? { resolved: null } : {};
  return { state, title, try: tries, incident: { ...incident, ...resolved } };
}

/** An outage of the log is waited out: not beyond the tenure. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const aborted = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true, signal: over.signal });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    over.abort();
  }
}
