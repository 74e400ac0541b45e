import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { EventIndex, IndexItem, RunSummary } from '../../core/event-index.ts';
import { incidentId } from '../../core/ids.ts';
import type { Incident, IncidentDocument } from '../../core/incident.ts';
import type { Lease, Tenure } from '../../core/lease.ts';
import type { Logger } from '../../core/logger.ts';
import type { Rules } from '../../core/redaction/mask.ts';
import type { IncidentLog } from '../../core/transport.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { unwatched } from '../../telemetry/stalls.ts';
import type { WatchedPart } from '../../telemetry/stalls.ts';
import { openItems } from './reading.ts';

/**
 * What must be done once, by the leader: retention, and incidents that no single stream can see. Every act asks first whether
 * the lease is still trusted; every document carries the fencing token, so that one who has lost the lease without knowing is
 * refused by the index. Deleting what is too old carries no token: it is the same whoever does it.
 *
 * Failure rule: a duty that fails is told and done again at the next turn; a refused write ends the tenure's work.
 */
export interface LeadingOptions {
  lease: Lease;
  index: EventIndex;
  incidents: IncidentLog;
  retention: { logsDays: number; metricsDays: number };
  /** A run of which nothing was observed for so long has gone silent. */
  silentAfterMs: number;
  /** Zone of times that are written without one. */
  timeZone: string;
  /** By which secrets are masked in the events of streams that say so; absent: the built-in ones. */
  rules?: Rules;
  /** Work that only the leader does besides: ends when its signal aborts. */
  whileLeading?: (signal: AbortSignal, tenure: Tenure) => Promise<void>;
  /** Told of each turn, so that one that does not end is noticed. */
  watched?: WatchedPart;
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  /** How often runs are looked at; for tests. */
  turnIntervalMs?: number;
}

const turnIntervalDefaultMs = 5_000;
/** By then an indexer that lives has indexed an open event itself. */
const leftOpenAfterMs = 10_000;
const retentionIntervalMs = 3_600_000;
/** A run that was silent for this many times the limit when it is first looked at ended long ago. */
const oldNewsFactor = 100;

/** Leads whenever the lease is won, until the signal aborts. */
export async function lead(options: LeadingOptions, signal: AbortSignal): Promise<void> {
  const { lease, logger, metrics } = options;
  for await (const tenure of lease.tenures(signal)) {
    logger.info({ token: tenure.token }, 'leading');
    metrics.leader.set(1);
    try {
      const work = options.whileLeading?.(AbortSignal.any([signal, tenure.signal]), tenure);
      await Promise.all([new Leadership(options, tenure).run(), work]);
    } finally {
      metrics.leader.set(0);
      logger.info({ token: tenure.token }, 'no longer leading');
    }
  }
}

class Leadership {
  readonly #options: LeadingOptions;
  readonly #tenure: Tenure;
  /** Incidents that are not resolved, by run. */
  #open = new Map<string, IncidentDocument>();
  #retentionDueAt = 0;
  /** Wall ms: what was observed before is indexed. */
  #leftOpenSince = 0;
  #refused = false;

  constructor(options: LeadingOptions, tenure: Tenure) {
    this.#options = options;
    this.#tenure = tenure;
  }

  async run(): Promise<void> {
    const {
      clock,
      logger,
      index,
      turnIntervalMs = turnIntervalDefaultMs,
      watched = unwatched,
    } = this.#options;
    let loaded = false;
    while (this.#mayAct()) {
      const work = watched.begin('loading incidents');
      try {
        if (!loaded) {
          for (const incident of await index.incidents()) {
            if (incident.resolved === null) this.#open.set(incident.run, incident);
          }
          loaded = true;
        }
        work.progress('retention');
        await this.#retain();
        work.progress('open events');
        await this.#indexLeftOpen();
        work.progress('silent runs');
        await this.#watchSilence();
      } catch (error) {
        if (this.#mayAct())
          logger.warn({ reason: errorText(error) }, "a leader's duty failed: it is tried again");
      }
      work.end();
      await clock.sleep(turnIntervalMs, this.#tenure.signal);
    }
  }

  #mayAct(): boolean {
    return !this.#refused && !this.#tenure.signal.aborted && this.#tenure.isTrusted();
  }

  async #retain(): Promise<void> {
    const { clock, index, retention, logger } = this.#options;
    if (clock.monotonic() < this.#retentionDueAt || !this.#mayAct()) return;
    const deleted = await index.applyRetention(retention, clock.now());
    if (deleted.length > 0) logger.info({ deleted }, 'too old: deleted');
    this.#retentionDueAt = clock.monotonic() + retentionIntervalMs;
  }

  /**
   * An indexer that is killed between a commit and the provisional write leaves a stream's last event unindexed until the
   * stream goes on, perhaps for ever. The stream documents hold it.
   */
  async #indexLeftOpen(): Promise<void> {
    const { clock, index, timeZone, rules } = this.#options;
    const until = clock.now() - leftOpenAfterMs;
    const items: IndexItem[] = [];
    for await (const document of index.streams({ openSince: this.#leftOpenSince })) {
      if (document.observed <= until) items.push(...openItems(document, { timeZone, rules }));
    }
    if (!this.#mayAct()) return;
    if (items.length > 0) await index.write(items, this.#tenure.signal);
    this.#leftOpenSince = until - leftOpenAfterMs;
  }

  async #watchSilence(): Promise<void> {
    const { clock, index, silentAfterMs } = this.#options;
    const now = clock.now();
    for (const run of await index.runs()) {
      const silentMs = now - run.last;
      const open = this.#open.get(run.run);
      // It may have gone on and fallen silent again since it was looked at: that is another silence.
      if (open && open.id !== silenceId(run)) await this.#write({ ...open, resolved: run.last });
      else if (open) continue;
      if (silentMs >= silentAfterMs && silentMs < silentAfterMs * oldNewsFactor)
        await this.#write({ ...silentIncident(run, silentMs), opened: now, resolved: null });
    }
  }

  async #write(incident: Incident): Promise<void> {
    if (!this.#mayAct()) return;
    const { index, incidents, logger } = this.#options;
    const document: IncidentDocument = { ...incident, token: this.#tenure.token };
    if ((await index.writeIncident(document)) === 'stale') {
      this.#refused = true;
      logger.error(
        {
          token: this.#tenure.token,
          incident: incident.id,
          hint: 'a newer leader has written it. If this goes on although nobody else leads, ZooKeeper was wiped: see docs/OPERATIONS.md',
        },
        'a write was refused by its fencing token: this leader stops acting',
      );
      return;
    }
    if (document.resolved === null) this.#open.set(document.run, document);
    else this.#open.delete(document.run);
    logger.info(
      { run: document.run, class: document.class, resolved: document.resolved !== null },
      'incident',
    );
    await incidents.append([document]);
  }
}

/** A silence is known by what was last observed before it. */
function silenceId({ run, attempt, last }: RunSummary): string {
  return incidentId(run, attempt, 'silent', String(last));
}

function silentIncident(run: RunSummary, silentMs: number): Omit<Incident, 'opened' | 'resolved'> {
  return {
    id: silenceId(run),
    run: run.run,
    attempt: run.attempt,
    rank: null,
    class: 'silent',
    role: 'warning',
    message: `nothing was written for ${Math.round(silentMs / 1000)} s, since ${new Date(run.last).toISOString()}`,
    evidence: [],
  };
}
