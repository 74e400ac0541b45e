import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { EventIndex, IndexItem, RunSummary } from '../../core/event-index.ts';
import type { Fact } from '../../core/fact.ts';
import { incidentId } from '../../core/ids.ts';
import { isOpen } from '../../core/incident.ts';
import type { Incident } from '../../core/incident.ts';
import type { Lease, Tenure } from '../../core/lease.ts';
import type { Logger } from '../../core/logger.ts';
import type { FactLog, IncidentLog } from '../../core/transport.ts';
import { Webhook } from '../../sinks/webhook.ts';
import type { WebhookOptions } from '../../sinks/webhook.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { unwatched } from '../../telemetry/stalls.ts';
import type { WatchedPart } from '../../telemetry/stalls.ts';
import { RunKeeper } from '../../train/live/run-keeper.ts';
import { IncidentBook } from './incident-book.ts';
import { openEvents } from '../../events/take-in.ts';
import { openSaid } from './reading.ts';
import type { ReadingOptions } from './reading.ts';
import { appendFacts } from './storing.ts';
import { watchRuns } from './watching.ts';

/**
 * What must be done once, by the leader: retention, and incidents that no single stream can see. Every act asks first whether
 * the lease is still trusted; every document carries the fencing token, so that one who has lost the lease without knowing is
 * refused by the index. Deleting what is too old carries no token: it is the same whoever does it.
 *
 *   won ──incidents loaded──▶ duties, every few seconds: retention, events left open, silent runs
 *                             watching.ts: what goes wrong in runs, by their facts        the webhook's deliveries
 *
 * Failure rule: a duty that fails is told and done again at the next turn; a refused write ends the tenure's work.
 */
export interface LeadingOptions {
  lease: Lease;
  index: EventIndex;
  facts: FactLog;
  incidents: IncidentLog;
  retention: { logsDays: number; metricsDays: number };
  /** A run of which nothing was observed for so long has gone silent. */
  silentAfterMs: number;
  /** What goes wrong in runs: see train/live/incidents-of-run.ts, and run-keeper.ts. */
  incidentRules: { settleMs: number; endedAfterMs: number; runsMax: number };
  /** Told of failures; null: nobody is. */
  webhook:
    (Pick<WebhookOptions, 'url' | 'headers' | 'timeoutMs' | 'attemptsMax'> & { warnings: boolean }) | null;
  /** Why nothing can be heard of the runs now; null while it can. */
  excuse?: () => string | null;
  /** Zone of times that are written without one. */
  timeZone: string;
  /** By which secrets are masked in the events of streams that say so; absent: the built-in ones. */
  rules?: ReadingOptions['rules'];
  /** Of the user's own line formats. */
  ownReaders?: ReadingOptions['ownReaders'];
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
/** Streams of which it is remembered how far what is open was told. */
const openToldMax = 10_000;
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
  readonly #book: IncidentBook;
  readonly #webhook: Webhook | null;
  readonly #keeper: RunKeeper;
  readonly #since: number;
  #retentionDueAt = 0;
  /** Wall ms: what was observed before is indexed. */
  #leftOpenSince = 0;
  /** By stream, of which what is open was written and told: how far it went then. */
  readonly #openTold = new Map<string, number>();

  constructor(options: LeadingOptions, tenure: Tenure) {
    const { clock, logger, metrics, incidentRules, webhook } = options;
    this.#options = options;
    this.#tenure = tenure;
    const mayAct = () => this.#book.mayAct();
    this.#webhook = webhook && new Webhook({ ...webhook, mayAct, clock, logger, metrics });
    const offer = this.#webhook?.offer.bind(this.#webhook) ?? null;
    this.#book = new IncidentBook({
      ...options,
      tenure,
      offer,
      tellsWarnings: webhook?.warnings ?? false,
      rememberMs: incidentRules.endedAfterMs,
    });
    this.#since = clock.now() - incidentRules.endedAfterMs;
    const onEvicted = () => metrics.evictedRuns.inc();
    this.#keeper = new RunKeeper({ ...incidentRules, heldSince: this.#since, onEvicted, clock });
  }

  async run(): Promise<void> {
    const { clock, logger, metrics, facts, watched = unwatched, excuse = () => null } = this.#options;
    const book = this.#book;
    if (!(await this.#load())) return;
    const over = new AbortController();
    const signal = AbortSignal.any([this.#tenure.signal, over.signal]);
    const watching = { facts, book, keeper: this.#keeper, since: this.#since, excuse, watched };
    try {
      await Promise.all([
        this.#doDuties().finally(() => over.abort()),
        watchRuns({ ...watching, clock, logger, metrics }, signal),
        this.#webhook?.run(signal),
      ]);
    } finally {
      book.close();
    }
  }

  /** What earlier leaders have stored. False: may not act any more. */
  async #load(): Promise<boolean> {
    while (this.#book.mayAct()) {
      const work = (this.#options.watched ?? unwatched).begin('loading incidents');
      const loaded = await this.#try(async () => await this.#book.load());
      work.end();
      if (loaded) return this.#book.mayAct();
      await this.#rest();
    }
    return false;
  }

  async #doDuties(): Promise<void> {
    while (this.#book.mayAct()) {
      const work = (this.#options.watched ?? unwatched).begin('retention');
      await this.#try(async () => {
        await this.#retain();
        work.progress('open events');
        await this.#indexLeftOpen();
        work.progress('silent runs');
        await this.#watchSilence();
      });
      work.end();
      await this.#rest();
    }
  }

  async #try(duty: () => Promise<void>): Promise<boolean> {
    try {
      await duty();
      return true;
    } catch (error) {
      if (this.#book.mayAct())
        this.#options.logger.warn({ reason: errorText(error) }, "a leader's duty failed: it is tried again");
      return false;
    }
  }

  async #rest(): Promise<void> {
    const { clock, turnIntervalMs = turnIntervalDefaultMs } = this.#options;
    await clock.sleep(turnIntervalMs, this.#tenure.signal);
  }

  async #retain(): Promise<void> {
    const { clock, index, retention, logger } = this.#options;
    if (clock.monotonic() < this.#retentionDueAt || !this.#book.mayAct()) return;
    const deleted = await index.applyRetention(retention, clock.now());
    if (deleted.length > 0) logger.info({ deleted }, 'too old: deleted');
    this.#retentionDueAt = clock.monotonic() + retentionIntervalMs;
  }

  /**
   * An indexer that is killed between a commit and the provisional write leaves a stream's last event unindexed until the
   * stream goes on, perhaps for ever. The stream documents hold it.
   */
  async #indexLeftOpen(): Promise<void> {
    const { clock, index, timeZone, rules, ownReaders } = this.#options;
    const reading = { timeZone, rules };
    const until = clock.now() - leftOpenAfterMs;
    const items: IndexItem[] = [];
    const facts: Fact[] = [];
    const read = new Map<string, number>();
    for await (const document of index.streams({ openSince: this.#leftOpenSince })) {
      const { stream, end } = document;
      // A turn asks for what the one before has asked for, too, lest one be missed that the index showed late.
      if (document.observed > until || (this.#openTold.get(stream) ?? -1) >= end) continue;
      const said = openSaid(document, openEvents(document, reading), ownReaders);
      items.push(...said.items);
      facts.push(...said.facts);
      read.set(stream, end);
    }
    if (!this.#book.mayAct()) return;
    if (items.length > 0) await index.write(items, this.#tenure.signal);
    if (!this.#book.mayAct()) return;
    await appendFacts(this.#options.facts, facts);
    for (const [stream, end] of read) this.#openTold.set(stream, end);
    for (const stream of this.#openTold.keys()) {
      if (this.#openTold.size <= openToldMax) break;
      this.#openTold.delete(stream);
    }
    this.#leftOpenSince = until - leftOpenAfterMs;
  }

  async #watchSilence(): Promise<void> {
    const { clock, index, incidentRules } = this.#options;
    const now = clock.now();
    const gone = this.#book.openRuns();
    for (const run of await index.runs()) {
      gone.delete(run.run);
      const incidents = this.#book.of(run.run);
      const open = openSilence(incidents);
      // It may have gone on and fallen silent again since it was looked at: that is another silence.
      if (open && open.id !== silenceId(run)) await this.#book.write({ ...open, resolved: run.last });
      else if (open && now - run.last > incidentRules.endedAfterMs) await this.#end(open, now);
      else if (open) continue;
      if (this.#isNews(run, now - run.last) && !incidents.some(({ id }) => id === silenceId(run)))
        await this.#book.write({ ...silentIncident(run, now - run.last), opened: now, resolved: null });
    }
    // The index holds nothing of these any more.
    for (const run of gone) {
      const open = openSilence(this.#book.of(run));
      if (open && now - open.opened > incidentRules.endedAfterMs) await this.#end(open, now);
    }
  }

  async #end(incident: Incident, now: number): Promise<void> {
    await this.#book.write({ ...incident, resolved: now, resolution: 'ended' });
  }

  /** A run that has failed, hangs, or says that it has come to its end, is silent for that reason. */
  #isNews({ run, attempt }: RunSummary, silentMs: number): boolean {
    const { silentAfterMs, incidentRules } = this.#options;
    if (
      silentMs < silentAfterMs ||
      silentMs >= Math.min(silentAfterMs * oldNewsFactor, incidentRules.endedAfterMs)
    )
      return false;
    if (this.#keeper.hasFinished(run, attempt)) return false;
    const open = this.#book.of(run).filter(isOpen);
    return !open.some(({ role, class: name }) => role === 'root' || name === 'hang');
  }
}

const silent = 'silent';

function openSilence(incidents: readonly Incident[]): Incident | undefined {
  return incidents.find((incident) => incident.class === silent && isOpen(incident));
}

/** A silence is known by what was last observed before it. */
function silenceId({ run, attempt, last }: RunSummary): string {
  return incidentId(run, attempt, silent, String(last));
}

function silentIncident(run: RunSummary, silentMs: number): Omit<Incident, 'opened' | 'resolved'> {
  return {
    id: silenceId(run),
    run: run.run,
    attempt: run.attempt,
    rank: null,
    class: silent,
    role: 'warning',
    message: `nothing was written for ${Math.round(silentMs / 1000)} s, since ${new Date(run.last).toISOString()}`,
    evidence: [],
  };
}
