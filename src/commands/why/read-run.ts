/** The files of a run, through events and facts, into the incident rules. */
import type { Fact } from '../../core/fact.ts';
import type { Ledger } from '../../train/incidents/goodput.ts';
import { RunFailures } from '../../train/incidents/run-failures.ts';
import type { RunCause } from '../../train/incidents/run-failures.ts';
import { StreamFacts } from '../../train/read-facts.ts';
import type { CommandContext } from '../command.ts';
import { eventsOf } from '../dry-run.ts';
import type { ReadingRules } from '../dry-run.ts';
import type { RunFiles } from './run-folders.ts';

export interface RunReading {
  run: string;
  causes: RunCause[];
  /** Where its time went; null where its texts do not tell. */
  ledger: Ledger | null;
  files: number;
  events: number;
  ranks: number;
  /** Observations that there was no room for. */
  dropped: number;
}

export async function readRun(
  context: CommandContext,
  { run, files }: RunFiles,
  { timeZone, own }: Pick<ReadingRules, 'timeZone' | 'own'>,
): Promise<RunReading> {
  const failures = new RunFailures();
  const ranks = new Set<number>();
  let events = 0;
  for (const file of files) {
    const stream = new StreamFacts({}, own);
    for await (const event of eventsOf(context, file, timeZone)) {
      if (context.signal.aborted) break;
      events += 1;
      if (event.rank !== null) ranks.add(event.rank);
      failures.take(stream.read(event).map(dated));
    }
  }
  return {
    run,
    causes: failures.causes(),
    ledger: failures.ledger(),
    files: files.length,
    events,
    ranks: ranks.size,
    dropped: failures.dropped,
  };
}

/** A file is read long after it was written: of a text without a time only what its file told before is known. */
function dated(fact: Fact): Fact {
  if (fact.kind !== 'observation' || fact.details?.since === undefined) return fact;
  return { ...fact, time: fact.details.since };
}
