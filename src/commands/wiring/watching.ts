/**
 * The leader's view of runs that are under way: reads the log of facts, from the age of the oldest run that may be open on, and writes what goes
 * wrong in them into the incident book.
 *
 *   reading what is there ──end reached, or `catchUpMsMax`──▶ watching: reads on; once a second looks at the runs that are due
 *
 * While a server is away nothing can be heard of any run: what was found then has not stood (RunKeeper.startAgain).
 *
 * Failure rule: reading that breaks is told and begins again; facts that are held are dropped by their ids. An incident that cannot be stored
 * is found again at the next look.
 */
import type { Clock } from '../../core/clock.ts';
import { errorText } from '../../core/errors.ts';
import type { Logger } from '../../core/logger.ts';
import { retry } from '../../core/retry.ts';
import type { FactLog } from '../../core/transport.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { WatchedPart } from '../../telemetry/stalls.ts';
import type { RunKeeper } from '../../train/live/run-keeper.ts';
import type { IncidentBook } from './incident-book.ts';

export interface WatchingOptions {
  facts: FactLog;
  book: IncidentBook;
  keeper: RunKeeper;
  /** ms since epoch: facts from then on are read. */
  since: number;
  /** Why nothing can be heard now; null while it can. */
  excuse: () => string | null;
  watched: WatchedPart;
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, 'watchedRuns'>;
}

const turnIntervalMs = 1_000;
/** Where a second cluster is away, its end is not reached. */
const catchUpMsMax = 60_000;
const backoff = { initialMs: 1_000, maxMs: 30_000 };
/** What was appended so long before the reading broke is read again. */
const overlapMs = 600_000;

export async function watchRuns(options: WatchingOptions, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const state = { isCaughtUp: false };
  const reading = readFacts(options, both, state);
  try {
    await look(options, both, state);
  } finally {
    over.abort();
    await reading;
    options.metrics.watchedRuns.set(0);
  }
}

async function readFacts(
  { facts, keeper, since, clock, logger }: WatchingOptions,
  signal: AbortSignal,
  state: { isCaughtUp: boolean },
): Promise<void> {
  let from = since;
  const onCaughtUp = () => void (state.isCaughtUp = true);
  const read = async (): Promise<void> => {
    for await (const some of facts.read({ since: from, follow: true, signal, onCaughtUp }))
      keeper.take(some, state.isCaughtUp);
    if (!signal.aborted) throw new Error('the log of facts ended');
  };
  try {
    await retry(read, {
      ...backoff,
      clock,
      signal,
      onFailure: (error) => {
        from = Math.max(since, clock.now() - overlapMs);
        state.isCaughtUp = false;
        logger.warn({ reason: errorText(error) }, 'the facts of the runs cannot be read: tried again');
      },
    });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function look(
  { book, keeper, excuse, watched, clock, logger, metrics }: WatchingOptions,
  signal: AbortSignal,
  state: { readonly isCaughtUp: boolean },
): Promise<void> {
  let behindSince = clock.monotonic();
  while (!signal.aborted && book.mayAct()) {
    await clock.sleep(turnIntervalMs, signal);
    metrics.watchedRuns.set(keeper.size);
    if (state.isCaughtUp) behindSince = clock.monotonic();
    else if (clock.monotonic() - behindSince < catchUpMsMax) continue;
    if (excuse() !== null) {
      keeper.startAgain();
      continue;
    }
    const work = watched.begin('looking at runs');
    for (const changes of keeper.looks((run) => book.of(run).filter(isOfRules), book.openRuns()))
      for (const incident of changes)
        try {
          if (book.mayAct()) await book.write(incident);
        } catch (error) {
          keeper.lookAgain(incident.run);
          if (book.mayAct())
            logger.warn(
              { run: incident.run, reason: errorText(error) },
              'an incident could not be stored: it is tried again',
            );
        }
    work.end();
  }
}

/** The leader's other duty writes silences. */
function isOfRules({ class: name }: { class: string }): boolean {
  return name !== 'silent';
}
