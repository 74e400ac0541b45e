/**
 * Which of two clusters a process sends to. Work is anything that is sent and answered; what has no answer yet is kept, in its order.
 *
 *     on A ──no answer for awayAfterMs, and B answers──▶ withdrawing from A ──all that was sent there has ended──▶ on B
 *     on second ──first answers again──▶ draining (new work waits) ──all has its answer──▶ on first
 *
 * Withdrawing stops A's publisher: its sends end without an ack, and are done again on B. So a send is answered by the cluster that it went to
 * last, or it went to both. Draining ends like being on second when second stops answering: whoever answers is gone to.
 *
 * Failure rule: work is rejected with its own error, which is an answer, too; but one that says that the cluster cannot be used
 * (`isAway`) is none, so that repeating it in vain moves the process as silence does. Nothing is dropped but by `stop`.
 */
import { addAbortListener } from 'node:events';
import type { Clock } from '../../core/clock.ts';
import { CabooseError, errorText } from '../../core/errors.ts';
import type { Transport } from '../../core/transport.ts';
import { leaveStation, otherSide, stationOf } from './station.ts';
import type { Side, Station, StationOptions } from './station.ts';

export interface SwitchOptions extends StationOptions {
  /** Without an answer for so long a cluster is away. */
  awayAfterMs: number;
  /** Whether the error of a send says that the cluster cannot be used, rather than what was wrong with the send. */
  isAway?: (error: unknown) => boolean;
  onMove?: (to: Side) => void;
  clock: Clock;
}

interface Work {
  /** Sends that stand in one line: an answer to one shows that the line moves. */
  line: string;
  run: (transport: Transport) => Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  /** On the signal of whoever asked for it. */
  listener?: Disposable;
}

/** Work that stands in line. */
interface Line {
  waiting: number;
  /** Monotonic ms: since when it has had no answer; null while nothing waits for one. */
  silentSince: number | null;
}

const watchIntervalMsMax = 1_000;
/** A cluster that answers a question by then is there. */
const probeMsMax = 5_000;
/** A first cluster that is left again soon after each return is returned to ever later: by so many doublings at most. */
const doublingsMax = 6;

export class Switch {
  readonly #options: SwitchOptions;
  readonly #stopping = new AbortController();
  /** Without an answer, in order. */
  readonly #pending = new Set<Work>();
  /** Of them, what the station has not been given yet. */
  #unsent: Work[] = [];
  readonly #lines = new Map<string, Line>();
  #station: Station | null = null;
  #phase: 'sending' | 'draining' | 'withdrawing' = 'sending';
  #accepting = true;
  #watching: Promise<void> | null = null;
  /** Monotonic ms: when the first was returned to. */
  #returnedAt = -Infinity;
  /** How often in a row it was left soon after that. */
  #relapses = 0;
  #probeDueAt = 0;
  #wake = (): void => undefined;

  constructor(options: SwitchOptions) {
    this.#options = options;
  }

  get side(): Side {
    return this.#station?.side ?? 'first';
  }

  get isInUse(): boolean {
    return this.#station !== null;
  }

  /** Of the cluster that is sent to. */
  get transport(): Transport {
    return this.#here().transport;
  }

  /** Done where the process is, and again where it goes, until there is an answer. Work of one line is begun in the order of the calls. */
  run<T>(line: string, work: (transport: Transport) => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (!this.#accepting) return Promise.reject(stopped());
    if (signal?.aborted) return Promise.reject(signal.reason as Error);
    return new Promise<T>((resolve, reject) => {
      const item: Work = {
        line,
        run: work,
        resolve: (value) => resolve(value as T),
        reject,
      };
      this.#pending.add(item);
      this.#unsent.push(item);
      this.#queue(line);
      const giveUp = () => this.#finish(item, 'answered', () => reject(signal?.reason as Error));
      if (signal) item.listener = addAbortListener(signal, giveUp);
      this.#sendNext();
      this.#watching ??= this.#watch();
    });
  }

  /** Waits for the answers until the signal aborts, then drops the rest. Tolerates a second call. */
  async stop(signal?: AbortSignal): Promise<void> {
    this.#accepting = false;
    while (this.#pending.size > 0 && !isAborted(signal)) await this.#nextAnswer(signal);
    this.#stopping.abort();
    const station = this.#station;
    if (station) {
      await station.transport.publisher.stop(AbortSignal.abort());
      await station.transport.close();
    }
    for (const work of this.#pending) this.#finish(work, 'answered', () => work.reject(stopped()));
    await this.#watching;
  }

  #here(): Station {
    return (this.#station ??= stationOf('first', this.#options));
  }

  #sendNext(): void {
    if (this.#phase !== 'sending') return;
    const station = this.#here();
    for (const work of this.#unsent.splice(0)) this.#send(station, work);
  }

  #send(station: Station, work: Work): void {
    const { isAway = () => false } = this.#options;
    const sent = (async () => await work.run(station.transport))()
      .then(
        (value) => this.#finish(work, 'answered', () => work.resolve(value)),
        (error: unknown) => {
          // It is sent again where the process goes.
          if (station.isLeft && !this.#stopping.signal.aborted) return;
          this.#finish(work, isAway(error) ? 'away' : 'answered', () => work.reject(error));
        },
      )
      .finally(() => station.underWay.delete(sent));
    station.underWay.add(sent);
  }

  #queue(name: string): void {
    const line = this.#lines.get(name) ?? { waiting: 0, silentSince: null };
    line.waiting += 1;
    line.silentSince ??= this.#options.clock.monotonic();
    this.#lines.set(name, line);
  }

  #finish(work: Work, outcome: 'answered' | 'away', settle: () => void): void {
    if (!this.#pending.delete(work)) return;
    work.listener?.[Symbol.dispose]();
    const line = this.#lines.get(work.line);
    if (line) {
      line.waiting -= 1;
      if (outcome === 'answered')
        line.silentSince = line.waiting > 0 ? this.#options.clock.monotonic() : null;
    }
    const at = this.#unsent.indexOf(work);
    if (at >= 0) this.#unsent.splice(at, 1);
    settle();
    this.#wake();
  }

  async #nextAnswer(signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    using _ = signal && addAbortListener(signal, () => resolve());
    await promise;
  }

  /** While there is work, or somewhere to go back to. */
  async #watch(): Promise<void> {
    const { clock, awayAfterMs, logger } = this.#options;
    const { signal } = this.#stopping;
    const intervalMs = Math.min(watchIntervalMsMax, awayAfterMs / 4);
    while (!signal.aborted) {
      await clock.sleep(intervalMs, signal);
      if (signal.aborted) break;
      try {
        if (this.#isSilent()) await this.#leave();
        else if (this.side === 'second' && clock.monotonic() >= this.#probeDueAt) await this.#goBack();
      } catch (error) {
        logger.error({ reason: errorText(error) }, 'moving between the clusters failed: it is tried again');
      }
    }
  }

  /** Whether some line has had no answer for too long. */
  #isSilent(): boolean {
    const { clock, awayAfterMs } = this.#options;
    const before = clock.monotonic() - awayAfterMs;
    return [...this.#lines.values()].some(({ silentSince }) => silentSince !== null && silentSince <= before);
  }

  async #leave(): Promise<void> {
    const next = await this.#probe(otherSide(this.side));
    // What was waited for may have come meanwhile.
    if (next && this.#isSilent() && !this.#stopping.signal.aborted) await this.#withdraw(next);
    else await next?.transport.close();
  }

  async #withdraw(next: Station): Promise<void> {
    const { logger, awayAfterMs, clock } = this.#options;
    const station = this.#here();
    logger.warn(
      { from: station.side, to: next.side, pending: this.#pending.size, awayAfterMs },
      'a cluster does not answer: everything goes to the other one',
    );
    if (station.side === 'first') {
      const isRelapse = clock.monotonic() - this.#returnedAt < 10 * awayAfterMs;
      this.#relapses = isRelapse ? this.#relapses + 1 : 0;
    }
    this.#phase = 'withdrawing';
    await leaveStation(station);
    this.#goOn(next);
  }

  async #goBack(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stopping;
    this.#probeDueAt = clock.monotonic() + this.#probeIntervalMs();
    const first = await this.#probe('first');
    if (first === null) return;
    const second = this.#here();
    // New work waits; it is bounded by whoever gives it.
    this.#phase = 'draining';
    while (second.underWay.size > 0) {
      await clock.sleep(drainLookMs, signal);
      if (signal.aborted) return await first.transport.close();
      if (this.#isSilent()) return await this.#withdraw(first);
    }
    logger.info({ pending: this.#unsent.length }, 'the first cluster is back: everything goes to it again');
    await leaveStation(second);
    this.#returnedAt = clock.monotonic();
    this.#goOn(first);
  }

  #probeIntervalMs(): number {
    return this.#options.awayAfterMs * 2 ** Math.min(this.#relapses, doublingsMax);
  }

  #goOn(station: Station): void {
    const now = this.#options.clock.monotonic();
    station.logger.speak();
    this.#station = station;
    this.#phase = 'sending';
    this.#unsent = [...this.#pending];
    for (const line of this.#lines.values()) line.silentSince = line.waiting > 0 ? now : null;
    this.#probeDueAt = now + this.#probeIntervalMs();
    this.#options.onMove?.(station.side);
    this.#sendNext();
  }

  /** The cluster, if it answers. */
  async #probe(side: Side): Promise<Station | null> {
    const { clock, logger } = this.#options;
    const station = stationOf(side, this.#options);
    station.logger.hush();
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#stopping.signal]);
    const patience = clock.sleep(probeMsMax, signal).then(() => over.abort());
    try {
      await station.transport.publisher.partitionFor('bulk', 'probe', signal);
      return station;
    } catch (error) {
      logger.debug({ side, reason: errorText(error) }, 'a cluster was asked whether it is back, and is not');
      await station.transport.close();
      return null;
    } finally {
      over.abort();
      await patience;
    }
  }
}

const drainLookMs = 20;

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function stopped(): CabooseError {
  return new CabooseError(
    'TRANSPORT_STOPPED',
    'the publisher was stopped before a cluster acknowledged the record',
    { retriable: true, hint: 'nothing is lost: the cut log holds what was not acknowledged' },
  );
}
